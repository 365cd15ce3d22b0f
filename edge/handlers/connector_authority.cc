// Connectors, as far as they are the site's: their enrolment, leave to attach, and the end of both.
#include "edge/handlers/connector_authority.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/access_headers.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

/// Kind of signed state, and of marks that it was used.
constexpr std::string_view kChallenge = "connector-challenge";
constexpr std::size_t kChallengeBytes = 16;  ///< random ones
constexpr const char* kConnectorRevoked = "the connector was revoked";

/// One word that log and audit show as it is.
bool is_word(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<auth::AttachClaim> claim_of(const Request& request) {
  auth::AttachClaim claim{std::string(request.header(auth::kConnectorIdHeader)),
                          std::string(request.header(auth::kInstanceHeader)),
                          std::string(request.header(auth::kConnectorVersionHeader))};
  const bool sound = auth::is_connector_id(claim.id) && auth::is_connector_id(claim.instance) &&
                     is_word(claim.version, auth::kMaxConnectorVersionBytes);
  return sound ? std::optional(std::move(claim)) : std::nullopt;
}

struct EnrolmentBody {
  std::string secret;
  std::string public_key;
  std::string signature;
  std::string host;
  std::string version;
};

/// `fault`: what is wrong, where nothing is returned.
std::optional<EnrolmentBody> enrolment_body(const std::string& text, std::string& fault) {
  const auto json = text.size() <= kMaxEnrolmentBytes ? parse_json_object(text) : std::nullopt;
  if (!json) {
    fault = "the request must be a JSON object of " + std::to_string(kMaxEnrolmentBytes) + " bytes at most";
    return std::nullopt;
  }
  EnrolmentBody body{text_of(*json, "token"), {}, {}, text_of(*json, "host"), text_of(*json, "version")};
  const auto secret = decode_base64url(body.secret);
  if (!secret || secret->size() != auth::kEnrolmentBytes || base64url(*secret) != body.secret)
    fault = "'token' is not the secret of an enrolment token";
  if (auto key = decode_base64url(text_of(*json, "key")); key && key->size() == auth::kConnectorKeyBytes)
    body.public_key = std::move(*key);
  else
    fault = "'key' is not an Ed25519 public key in base64url";
  if (auto made = decode_base64url(text_of(*json, "signature"));
      made && made->size() == auth::kConnectorSignatureBytes)
    body.signature = std::move(*made);
  else
    fault = "'signature' is not an Ed25519 signature in base64url";
  if (!is_word(body.host, kMaxServerNameBytes))
    fault = "'host' must be 1 to " + std::to_string(kMaxServerNameBytes) + " visible ASCII characters";
  if (!is_word(body.version, auth::kMaxConnectorVersionBytes))
    fault = "'version' must be 1 to " + std::to_string(auth::kMaxConnectorVersionBytes) +
            " visible ASCII characters";
  return fault.empty() ? std::optional(std::move(body)) : std::nullopt;
}

void add_reason(Answer& answer, std::string_view reason) {
  answer.headers.emplace_back(kReasonHeader, printable(reason));
}

AuditRow connector_row(std::string_view kind, const Request& request, const std::string& name,
                       std::string reason) {
  AuditRow row = row_of(kind, request);
  row.identity = name;
  row.reason = std::move(reason);
  return row;
}

}  // namespace

Answer ConnectorAuthority::refused(const Request& request, const Refusal& refusal) {
  context_.counters.add(Count::connector_refusals, refusal.cause);
  // What is not even a request tells of no connector.
  if (refusal.status == 403 || refusal.status == 429 || refusal.status == 409) {
    const std::string named = printable(request.header(auth::kConnectorIdHeader), auth::kConnectorIdBytes);
    context_.record_limited(RowCause::connector,
                            connector_row("connector_refused", request, refusal.who,
                                          refusal.reason + (named.empty() ? "" : ": " + named)),
                            {});
  }
  Answer answer = request.method == "POST" ? json_refusal(refusal.status, refusal.reason)
                                           : text_answer(refusal.status, refusal.reason);
  add_reason(answer, refusal.reason);
  if (refusal.wait > 0) answer.headers.emplace_back("Retry-After", std::to_string(refusal.wait));
  return answer;
}

Answer ConnectorAuthority::enrol(const Request& request) {
  const PartyKey address = address_key(request.peer);
  const std::int64_t now = context_.now();
  // First, so that the answer to a guess beyond the limit does not depend on whether it was right.
  if (const std::int64_t wait = bad_enrolments_.wait(address, now); wait > 0)
    return refused(request, {429, "limit", "too many failed enrolments from this address", {}, wait});
  const auto bad = [&](Refusal refusal) {
    bad_enrolments_.take(address, now);
    return refused(request, refusal);
  };
  std::string fault;
  const auto body = enrolment_body(request.body, fault);
  if (!body) return bad({400, "malformed", fault});
  // Before the token is taken: one that was carried to another edge stays good for its own.
  const std::string message =
      auth::enrolment_message(context_.auth_authority(), body->secret, body->public_key);
  if (!auth::signed_by_connector(body->public_key, message, body->signature))
    return bad(wrong_signature(request, {}));
  if (!context_.grants()) return unrecordable();
  const auto made = connectors_.enrol({body->secret, body->public_key, body->host}, now);
  if (!made) return state_trouble(made.error());
  switch (made->why) {
    case Connectors::Enrolled::Why::no_such_token:
      return bad({403, "token",
                  "the enrolment token is unknown, was used, or has expired; make another one with "
                  "'cfpipe-edge connector create'"});
    case Connectors::Enrolled::Why::no_room:
      return refused(request, {409, "limit",
                               "this edge has " + std::to_string(kMaxConnectors) +
                                   " connectors, and takes no more until some are revoked",
                               made->row.name});
    case Connectors::Enrolled::Why::none:
      break;
  }
  return enrolled(request, made->row, body->version);
}

Answer ConnectorAuthority::enrolled(const Request& request, const ConnectorRow& row,
                                    std::string_view version) {
  AuditRow noted = connector_row("connector_enrolled", request, row.name,
                                 row.id + " on " + row.host + ", version " + std::string(version));
  if (!context_.record(std::move(noted))) {
    (void)context_.store.connectors().erase(row.id);
    return unrecordable();
  }
  return json_answer(200, {{"id", row.id}, {"name", row.name}, {"auth_domain", context_.auth_authority()}});
}

/// The signed text names the edge. A request that names another one tells what is wrong.
ConnectorAuthority::Refusal ConnectorAuthority::wrong_signature(const Request& request,
                                                                const std::string& who) const {
  const auto asked = Authority::parse(request.authority);
  const std::string own = context_.auth_authority();
  if (asked && asked->text_without(kHttpsPort) != own)
    return {403, "edge", "this edge is " + own + ", and the connector has asked for " + request.authority,
            who};
  return {403, "signature", "the signature was not made with the connector's key for " + own, who};
}

Answer ConnectorAuthority::challenge(const auth::AttachClaim& claim) const {
  Answer answer = text_answer(401, "sign the challenge");
  answer.headers.emplace_back(
      auth::kChallengeHeader,
      context_.signed_state.write(
          kChallenge, {{"id", claim.id}, {"instance", claim.instance}, {"once", random_id(kChallengeBytes)}},
          context_.now() + kChallengeSeconds));
  return answer;
}

std::variant<AttachGrant, Answer> ConnectorAuthority::attach(const Request& request) {
  const auto claim = claim_of(request);
  if (!claim)
    return refused(request, {400, "malformed",
                             std::string("a connector says its ") + auth::kConnectorIdHeader + ", " +
                                 auth::kInstanceHeader + " and " + auth::kConnectorVersionHeader});
  if (request.header(auth::kNonceHeader).empty() && request.header(auth::kSignatureHeader).empty())
    return challenge(*claim);
  auto judged = judge(request, *claim);
  if (auto* granted = std::get_if<AttachGrant>(&judged)) return std::move(*granted);
  if (auto* answer = std::get_if<Answer>(&judged)) return std::move(*answer);
  return refused(request, std::get<Refusal>(judged));
}

ConnectorAuthority::Attaching ConnectorAuthority::judge(const Request& request,
                                                        const auth::AttachClaim& claim) {
  const auto note = context_.signed_state.read(kChallenge, request.header(auth::kNonceHeader), 0);
  if (note && (text_of(*note, "id") != claim.id || text_of(*note, "instance") != claim.instance))
    return Refusal{403, "challenge", "the challenge was given to another connector"};
  // The connector was slow, or this edge has been set up anew: another challenge tells.
  if (!note || number_of(*note, "exp") <= context_.now()) {
    context_.counters.add(Count::connector_refusals, "challenge");
    return challenge(claim);
  }
  const auto row = context_.store.connectors().find(claim.id);
  if (!row) return state_trouble(row.error());
  if (!*row)
    return Refusal{403, "unknown",
                   "no such connector is enrolled at this edge, or it was revoked; enrol it again with "
                   "'cfpipe-edge connector create'"};
  const auto signature = decode_base64url(request.header(auth::kSignatureHeader));
  const std::string message =
      auth::attach_message(context_.auth_authority(), claim, request.header(auth::kNonceHeader));
  if (!signature || !auth::signed_by_connector((*row)->public_key, message, *signature))
    return wrong_signature(request, (*row)->name);
  auto judged = judge_known(**row, text_of(*note, "once"), number_of(*note, "exp"));
  if (!std::holds_alternative<AttachGrant>(judged)) return judged;
  return attached(request, claim, **row);
}

/// It is who it says: may it attach now? The grant that is returned is empty yet.
ConnectorAuthority::Attaching ConnectorAuthority::judge_known(const ConnectorRow& row,
                                                              const std::string& once, std::int64_t expires) {
  const std::int64_t now = context_.now();
  if (const std::int64_t wait = attaches_.wait(row.id, now); wait > 0)
    return Refusal{429, "limit", "this connector attaches too often", row.name, wait};
  // Not only once it has attached: it would hear no reason, and come again at once.
  if (!context_.connectors->has_room_for(row.id, row.name))
    return Refusal{429, "limit", "this connector has as many connections as it may", row.name,
                   kFullConnectorWait};
  if (!context_.grants()) return unrecordable();
  // In the store, since the processes of an edge share the key that has signed the challenge: a request that
  // one of them has taken must not attach at another.
  const auto first = context_.store.pending().use_briefly(kChallenge, once, expires, now);
  if (!first) return state_trouble(first.error());
  if (!*first) return Refusal{403, "replay", "the challenge was used before", row.name};
  attaches_.take(row.id, now);
  if (const auto touched = context_.store.connectors().touch(row.id, now); !touched)
    return state_trouble(touched.error());
  return AttachGrant();
}

AttachGrant ConnectorAuthority::attached(const Request& request, const auth::AttachClaim& claim,
                                         const ConnectorRow& row) {
  const std::string which = claim.id + " of " + row.host + ", run " + claim.instance;
  const bool recorded = context_.record_limited(
      RowCause::attachment,
      connector_row("connector_attached", request, row.name, which + ", version " + claim.version),
      person_key(row.name, row.id));
  AttachGrant grant{claim.id, row.name, claim.instance, claim.version, context_.connectors, {}};
  if (recorded) grant.record = record_of(connector_row("connector_detached", request, row.name, which));
  return grant;
}

/// `row`: to be written at the end of the attachment, whose start has one.
std::shared_ptr<AttachRecord> ConnectorAuthority::record_of(AuditRow row) {
  auto told = [&context = context_, since = context_.now(), row = std::move(row)](const AttachEnd& end) {
    AuditRow left = row;
    left.reason += ": " + end.reason + ", after " + std::to_string(context.now() - since) + " s and " +
                   std::to_string(end.tunnels) + " tunnels";
    context.record(std::move(left));
  };
  return std::make_shared<AttachRecord>(context_.executor, std::move(told));
}

Answer ConnectorAuthority::upgrade_required() {
  const std::string protocol(auth::kConnectorProtocol);
  const std::string reason = "connectors attach here, by an upgrade of HTTP/1.1 to " + protocol;
  Answer answer = text_answer(426, reason);
  answer.headers.emplace_back("Upgrade", protocol);
  add_reason(answer, reason);
  return answer;
}

// A revocation is a change of the state. A connector that was granted just before it joins the registry after
// it: so the looks go on for a while. A store that cannot be read ends no connection.
std::size_t ConnectorAuthority::end_revoked() {
  const auto version = context_.store.revocations().version();
  if (!version) return 0;
  const std::int64_t now = context_.now();
  if (*version != seen_changes_) looks_until_ = now + kChallengeSeconds;
  seen_changes_ = *version;
  if (now >= looks_until_) return 0;
  std::set<std::string> attached;
  for (const auto& one : context_.connectors->list()) attached.insert(one.id);
  std::size_t ended = 0;
  for (const std::string& id : attached) {
    const auto row = context_.store.connectors().find(id);
    if (row && !*row) ended += context_.connectors->end(id, kConnectorRevoked);
  }
  return ended;
}

}  // namespace cfpipe::edge
