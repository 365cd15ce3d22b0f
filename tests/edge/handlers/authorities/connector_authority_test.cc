// Connectors at the edge: enrolment, and leave to attach.
#include "edge/connector_authority_fixture.h"

namespace cfpipe::edge {
namespace {

TEST_F(ConnectorAuthorityTest, AnEnrolmentIsAnsweredAndKept) {
  const Answer answer = authority_.enrol(peer_.enrol(invited("office")));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto said = *parse_json_object(answer.body);
  EXPECT_EQ(text_of(said, "name"), "office");
  EXPECT_EQ(text_of(said, "auth_domain"), ConnectorPeer::kEdge);
  EXPECT_TRUE(auth::is_connector_id(text_of(said, "id")));
  const auto row = store_->connectors().find(text_of(said, "id")).value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->name, "office");
  EXPECT_EQ(row->public_key, peer_.key.public_key());
  EXPECT_EQ(row->host, "server1");
  EXPECT_EQ(row->created, now_);
  const auto noted = rows("connector_enrolled");
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].identity, "office");
  EXPECT_EQ(noted[0].peer, "192.0.2.1");
  EXPECT_EQ(noted[0].reason, row->id + " on server1, version 1.0.0");
}

TEST_F(ConnectorAuthorityTest, ATokenEnrolsOnceAndForTenMinutes) {
  const std::string secret = invited();
  EXPECT_EQ(authority_.enrol(peer_.enrol(secret)).status, 200);
  expect_refusal(authority_.enrol(peer_.enrol(secret)), 403, "was used, or has expired");
  const std::string other = invited();
  now_ += kEnrolmentSeconds;
  expect_refusal(authority_.enrol(peer_.enrol(other)), 403, "was used, or has expired");
  expect_refusal(authority_.enrol(peer_.enrol(base64url(std::string(32, 'x')))), 403, "unknown");
  EXPECT_EQ(store_->connectors().list().value().size(), 1u);
  EXPECT_TRUE(refusals("token", 3));
  EXPECT_EQ(rows("connector_refused").size(), 3u);
}

TEST_F(ConnectorAuthorityTest, SeveralConnectorsMayShareAName) {
  enrol("office");
  const std::string first = peer_.claim.id;
  peer_ = ConnectorPeer();
  enrol("office");
  EXPECT_NE(peer_.claim.id, first);
  EXPECT_EQ(store_->connectors().list().value().size(), 2u);
}

TEST_F(ConnectorAuthorityTest, AWrongSignatureEnrolsNoOneAndLeavesTheTokenGood) {
  const std::string secret = invited();
  auto body = peer_.enrolment(secret);
  body["signature"] = base64url(auth::ConnectorKey::generate().sign("x"));
  expect_refusal(authority_.enrol(peer_.enrol(body)), 403, "the signature was not made");
  ConnectorPeer astray;
  astray.edge = "other.localhost:8443";
  expect_refusal(authority_.enrol(astray.enrol(secret)), 403, "the signature was not made");
  EXPECT_EQ(authority_.enrol(peer_.enrol(secret)).status, 200);
}

TEST_F(ConnectorAuthorityTest, ARequestForAnotherPortIsToldWhichEdgeThisIs) {
  peer_.edge = "auth.localhost";
  Request request = peer_.enrol(invited());
  request.authority = "auth.localhost";
  expect_refusal(authority_.enrol(request), 403, "this edge is auth.localhost:8443");
  EXPECT_TRUE(refusals("edge", 1));
}

TEST_F(ConnectorAuthorityTest, EachMemberOfAnEnrolmentIsChecked) {
  const std::string most(kMaxServerNameBytes, 'h');
  EXPECT_EQ(enrolled_with("host", most).status, 200);
  EXPECT_EQ(enrolled_with("more", true).status, 200) << "what a later version may say";
  expect_refusal(enrolled_with("host", most + "h"), 400, "'host'");
  expect_refusal(enrolled_with("host", "two words"), 400, "'host'");
  expect_refusal(enrolled_with("host", "esc\x1b"), 400, "'host'");
  expect_refusal(enrolled_with("host", 1), 400, "'host'");
  expect_refusal(enrolled_with("version", ""), 400, "'version'");
  expect_refusal(enrolled_with("version", std::string(auth::kMaxConnectorVersionBytes + 1, '1')), 400,
                 "'version'");
  expect_refusal(enrolled_with("token", "short"), 400, "'token'");
  expect_refusal(enrolled_with("token", base64url(std::string(31, 'x'))), 400, "'token'");
  expect_refusal(enrolled_with("key", base64url(std::string(33, 'k'))), 400, "'key'");
  expect_refusal(enrolled_with("key", "not base64url!"), 400, "'key'");
  expect_refusal(enrolled_with("signature", base64url(std::string(63, 's'))), 400, "'signature'");
  EXPECT_TRUE(rows("connector_refused").empty()) << "what is no request tells of no connector";
}

TEST_F(ConnectorAuthorityTest, ABodyThatIsNoObjectOrTooLargeIsRefused) {
  Request request = peer_.enrol(invited());
  for (const std::string& body : {std::string(), std::string("[]"), std::string("{\"token\":1,\"token\":2}"),
                                  request.body + std::string(kMaxEnrolmentBytes, ' ')}) {
    request.body = body;
    expect_refusal(authority_.enrol(request), 400, "must be a JSON object of 4096 bytes at most");
  }
}

TEST_F(ConnectorAuthorityTest, GuessesFromAnAddressAreLimited) {
  const auto guess = [this] { return authority_.enrol(peer_.enrol(base64url(random_bytes(32)))); };
  for (std::size_t i = 0; i < kMaxBadEnrolments; ++i) EXPECT_EQ(guess().status, 403);
  const std::string right = invited();
  const Answer refused = authority_.enrol(peer_.enrol(right));
  expect_refusal(refused, 429, "too many failed enrolments");
  EXPECT_EQ(header_of(refused, "Retry-After"), "2");
  peer_.peer = "192.0.2.2";
  EXPECT_EQ(authority_.enrol(peer_.enrol(right)).status, 200) << "from elsewhere";
}

TEST_F(ConnectorAuthorityTest, TheNumberOfConnectorsIsBounded) {
  change_database(
      "INSERT INTO connectors WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
      std::to_string(kMaxConnectors - 1) + ") SELECT 'id' || i, 'many', x'00', 'h', 1, 0 FROM n");
  EXPECT_EQ(authority_.enrol(peer_.enrol(invited())).status, 200);
  expect_refusal(authority_.enrol(peer_.enrol(invited())), 409, "has 10000 connectors");
}

TEST_F(ConnectorAuthorityTest, WhatCannotBeRecordedIsNotEnrolled) {
  fill_disk();
  context_->config.audit_continues = false;
  const Answer answer = authority_.enrol(peer_.enrol(invited()));
  EXPECT_EQ(answer.status, 503) << answer.body;
  EXPECT_TRUE(store_->connectors().list().value().empty());
}

TEST_F(ConnectorAuthorityTest, AttachingTakesAChallengeAndItsSignature) {
  enrol();
  const Answer first = answer_to(peer_.attach());
  EXPECT_EQ(first.status, 401);
  const std::string challenge = header_of(first, auth::kChallengeHeader);
  ASSERT_FALSE(challenge.empty());
  now_ += kChallengeSeconds - 1;
  auto out = authority_.attach(peer_.attach(challenge));
  ASSERT_TRUE(std::holds_alternative<AttachGrant>(out)) << std::get<Answer>(out).body;
  const AttachGrant grant = std::get<AttachGrant>(out);
  EXPECT_EQ(grant.id, peer_.claim.id);
  EXPECT_EQ(grant.name, "office");
  EXPECT_EQ(grant.instance, peer_.claim.instance);
  EXPECT_EQ(grant.version, "1.0.0");
  EXPECT_EQ(grant.registry, context_->connectors);
  EXPECT_EQ(store_->connectors().find(grant.id).value()->last_attached, now_);
  const auto noted = rows("connector_attached");
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].identity, "office");
  EXPECT_EQ(noted[0].reason, grant.id + " of server1, run instance-1234567, version 1.0.0");
}

TEST_F(ConnectorAuthorityTest, AnAttachmentsEndIsRecordedOnceAllCopiesOfTheGrantAreGone) {
  enrol();
  auto out = authority_.attach(peer_.attach(challenge()));
  ASSERT_TRUE(std::holds_alternative<AttachGrant>(out));
  auto grant = std::get<AttachGrant>(out);
  out = Answer();
  now_ += 62;
  io_.poll();
  EXPECT_TRUE(rows("connector_detached").empty());
  ASSERT_TRUE(grant.record);
  grant.record->end = {"no sign of life", 3};
  grant = AttachGrant();
  io_.restart();
  io_.poll();
  const auto noted = rows("connector_detached");
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].identity, "office");
  EXPECT_EQ(noted[0].peer, "192.0.2.1");
  EXPECT_EQ(noted[0].ray, "ray-1");
  EXPECT_EQ(noted[0].reason, peer_.claim.id +
                                 " of server1, run instance-1234567: no sign of life, after 62 s and 3 "
                                 "tunnels");
}

TEST_F(ConnectorAuthorityTest, AnAttachmentThatTheAuditHasLeftOutHasNoEndThere) {
  enrol();
  std::size_t recorded = 0, left_out = 0;
  for (int minute = 0; minute < 3; ++minute, now_ += 60)
    for (std::size_t i = 0; i < kMaxAttachesPerMinute; ++i) {
      auto out = authority_.attach(peer_.attach(challenge()));
      ASSERT_TRUE(std::holds_alternative<AttachGrant>(out));
      ++(std::get<AttachGrant>(out).record ? recorded : left_out);
    }
  io_.restart();
  io_.poll();
  EXPECT_GT(left_out, 0u);
  EXPECT_EQ(rows("connector_attached").size(), recorded);
  EXPECT_EQ(rows("connector_detached").size(), recorded);
}

TEST_F(ConnectorAuthorityTest, AChallengeIsUsedOnceByAllProcesses) {
  enrol();
  const Request request = peer_.attach(challenge());
  EXPECT_TRUE(grants(request));
  expect_refusal(answer_to(request), 403, "the challenge was used before");
  const auto other_store = open_sqlite_store(dir_ / "state").value();
  const auto other_context =
      EdgeContext::make(io_.get_executor(), two_applications(dir_ / "state"), *other_store, [this] {
        return now_;
      }).value();
  ConnectorAuthority other(*other_context);
  auto again = other.attach(request);
  ASSERT_TRUE(std::holds_alternative<Answer>(again));
  expect_refusal(std::get<Answer>(again), 403, "the challenge was used before");
  const Request fresh = peer_.attach(challenge());
  EXPECT_TRUE(std::holds_alternative<AttachGrant>(other.attach(fresh))) << "they share the key";
  EXPECT_TRUE(refusals("replay", 1));
}

TEST_F(ConnectorAuthorityTest, AnExpiredOrForeignChallengeIsAnsweredWithAnother) {
  enrol();
  const std::string old = challenge();
  now_ += kChallengeSeconds;
  const Answer expired = answer_to(peer_.attach(old));
  EXPECT_EQ(expired.status, 401);
  EXPECT_TRUE(grants(peer_.attach(header_of(expired, auth::kChallengeHeader))));
  const std::string foreign = context_->signed_state.write(
      "another kind", {{"id", peer_.claim.id}, {"instance", peer_.claim.instance}}, now_ + 60);
  EXPECT_EQ(answer_to(peer_.attach(foreign)).status, 401);
  EXPECT_EQ(answer_to(peer_.attach("garbage")).status, 401);
  EXPECT_EQ(answer_to(peer_.attach(std::string(kMaxNoteBytes + 1, 'x'))).status, 401);
  EXPECT_TRUE(refusals("challenge", 4));
}

TEST_F(ConnectorAuthorityTest, AChallengeIsForOneRunOfOneConnector) {
  enrol();
  const std::string given = challenge();
  peer_.claim.instance = "instance-7654321";
  expect_refusal(answer_to(peer_.attach(given)), 403, "given to another connector");
  enrol("second");
  expect_refusal(answer_to(peer_.attach(given)), 403, "given to another connector");
}

TEST_F(ConnectorAuthorityTest, OnlyTheEnrolledKeyAttaches) {
  enrol();
  ConnectorPeer thief;
  thief.claim = peer_.claim;
  expect_refusal(answer_to(thief.attach(challenge())), 403, "the signature was not made");
  Request bare = peer_.attach(challenge());
  bare.headers.pop_back();
  expect_refusal(answer_to(bare), 403, "the signature was not made");
  const auto noted = rows("connector_refused");
  ASSERT_EQ(noted.size(), 2u);
  EXPECT_EQ(noted[0].identity, "office");
  EXPECT_NE(noted[0].reason.find(peer_.claim.id), std::string::npos);
}

// An edge that pretends to be this one, and passes on what a connector has signed for it.
TEST_F(ConnectorAuthorityTest, ASignatureForAnotherEdgeIsWorthNothingHere) {
  enrol();
  peer_.edge = "evil.localhost:8443";
  expect_refusal(answer_to(peer_.attach(challenge())), 403,
                 "not made with the connector's key for auth.localhost:8443");
  peer_.edge = "auth.localhost";
  Request request = peer_.attach(challenge());
  request.authority = "auth.localhost";
  expect_refusal(answer_to(request), 403, "this edge is auth.localhost:8443");
}

TEST_F(ConnectorAuthorityTest, WhatIsSignedIsWhatIsClaimed) {
  enrol();
  Request request = peer_.attach(challenge());
  for (auto& [name, value] : request.headers)
    if (name == auth::kConnectorVersionHeader) value = "9.9.9";
  expect_refusal(answer_to(request), 403, "the signature was not made");
}

TEST_F(ConnectorAuthorityTest, AnUnknownOrRevokedConnectorIsToldSo) {
  peer_.claim.id = "0123456789abcdef";
  expect_refusal(answer_to(peer_.attach(challenge())), 403, "no such connector is enrolled");
  enrol();
  ASSERT_TRUE(grants(peer_.attach(challenge())));
  ASSERT_TRUE(store_->connectors().erase(peer_.claim.id).value());
  expect_refusal(answer_to(peer_.attach(challenge())), 403, "it was revoked");
  EXPECT_TRUE(refusals("unknown", 2));
}

TEST_F(ConnectorAuthorityTest, ClaimsThatAreNoneAreRefused) {
  enrol();
  const auth::AttachClaim good = peer_.claim;
  for (const auto& [id, instance, version] :
       {std::tuple<std::string, std::string, std::string>{"short", good.instance, "1"},
        {good.id, "not base64url !!", "1"},
        {good.id, good.instance, ""},
        {good.id, good.instance, std::string(auth::kMaxConnectorVersionBytes + 1, '1')},
        {good.id, good.instance, "1 0"}}) {
    peer_.claim = {id, instance, version};
    expect_refusal(answer_to(peer_.attach()), 400, "a connector says its");
  }
}

TEST_F(ConnectorAuthorityTest, OneConnectorAttachesSoOftenAMinuteAndNoOther) {
  enrol();
  for (std::size_t i = 0; i < kMaxAttachesPerMinute; ++i) ASSERT_TRUE(grants(peer_.attach(challenge())));
  const Answer refused = answer_to(peer_.attach(challenge()));
  expect_refusal(refused, 429, "attaches too often");
  EXPECT_EQ(header_of(refused, "Retry-After"), "1");
  peer_ = ConnectorPeer();
  enrol("other");
  EXPECT_TRUE(grants(peer_.attach(challenge())));
}

TEST_F(ConnectorAuthorityTest, AConnectorWithAllOfItsConnectionsIsToldSo) {
  enrol();
  boost::asio::io_context loop;
  std::vector<std::shared_ptr<ConnectorLink>> links;
  for (std::size_t i = 0; i < kMaxLinksOfConnector; ++i) {
    EXPECT_TRUE(grants(peer_.attach(challenge())));
    AttachGrant who{peer_.claim.id, "office", peer_.claim.instance, "1", nullptr};
    links.push_back(std::make_shared<ConnectorLink>(loop.get_executor(), std::move(who), "192.0.2.1", now_));
    EXPECT_TRUE(context_->connectors->add(links.back()));
  }
  const Answer refused = answer_to(peer_.attach(challenge()));
  expect_refusal(refused, 429, "as many connections as it may");
  EXPECT_EQ(header_of(refused, "Retry-After"), std::to_string(kFullConnectorWait));
  EXPECT_EQ(rows("connector_refused").size(), 1u);
  context_->connectors->remove(links.back());
  EXPECT_TRUE(grants(peer_.attach(challenge())));
  for (const auto& link : links) context_->connectors->remove(link);
}

TEST_F(ConnectorAuthorityTest, NothingAttachesWhileTheAuditHasNoRoom) {
  enrol();
  const std::string given = challenge();
  fill_disk();
  context_->config.audit_continues = false;
  (void)context_->record(AuditRow());
  ASSERT_FALSE(context_->grants());
  EXPECT_EQ(answer_to(peer_.attach(given)).status, 503);
  EXPECT_EQ(authority_.enrol(peer_.enrol(invited())).status, 503);
}

TEST_F(ConnectorAuthorityTest, TheSamePathWithoutAnUpgradeSaysWhatItIsFor) {
  const Answer answer = ConnectorAuthority::upgrade_required();
  EXPECT_EQ(answer.status, 426);
  EXPECT_EQ(header_of(answer, "Upgrade"), "cfpipe-connector/1");
  EXPECT_NE(answer.body.find("connectors attach here"), std::string::npos);
}

}  // namespace
}  // namespace cfpipe::edge
