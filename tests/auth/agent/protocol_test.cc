#include "auth/agent/protocol.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/ssh/wire.h"

namespace cfpipe::auth {
namespace {

using namespace std::string_literals;

constexpr std::uint64_t kProtocolTime = 1'700'000'000;

std::string framed(std::string_view message) {
  return SshWriter().string(message).take();
}
const std::string kListRequest = framed("\x0b");
const std::string kFailed = framed("\x05");
const std::string kDone = framed("\x06");
const std::string kNoIdentities = framed("\x0c\0\0\0\0"s);

/// A connection: bytes in, bytes out.
struct Connection {
  Connection(const SshKey* key, const Certificate* certificate) : session(key, certificate) {}
  bool feed(std::string_view bytes, std::uint64_t now, std::string& out) {
    framer.feed(bytes);
    while (const auto request = framer.next()) out += framed(session.answer(*request, now).bytes);
    return !framer.broken();
  }
  AgentFramer framer;
  AgentSession session;
};

class Agent : public ::testing::Test {
 protected:
  Agent() {
    CertFields fields;
    fields.key_id = "ann@example.com";
    fields.principals = {"ann"};
    fields.valid_after = kProtocolTime - 60;
    fields.valid_before = kProtocolTime + 240;
    const auto line = make_user_certificate(key_.public_blob(), fields, SshKey::generate(KeyType::ed25519));
    certificate_ = *parse_certificate(*line);
  }

  std::string ask(std::string_view bytes, std::uint64_t now = kProtocolTime) {
    Connection session(&key_, &certificate_);
    std::string out;
    EXPECT_TRUE(session.feed(bytes, now, out));
    return out;
  }
  std::string list_answer() const {
    return framed(SshWriter().byte(12).u32(1).string(certificate_.blob).string("ann@example.com").bytes());
  }
  static std::string sign_request(std::string_view key, std::string_view data, std::uint32_t flags = 0) {
    return framed(SshWriter().byte(13).string(key).string(data).u32(flags).bytes());
  }

  SshKey key_ = SshKey::generate(KeyType::ed25519);
  Certificate certificate_;
};

TEST_F(Agent, ListsItsCertificateAndNothingElse) {
  EXPECT_EQ(ask(kListRequest), list_answer());
}

TEST_F(Agent, SignsWithTheCertificateOrThePlainKey) {
  const std::string expected =
      framed(SshWriter().byte(14).string(key_.sign("data")).bytes());  // ed25519 repeats itself
  EXPECT_EQ(ask(sign_request(certificate_.blob, "data")), expected);
  EXPECT_EQ(ask(sign_request(key_.public_blob(), "data")), expected);
  EXPECT_EQ(ask(sign_request(key_.public_blob(), "data", 6)), expected);
}

TEST_F(Agent, SignsWithNoOtherKey) {
  EXPECT_EQ(ask(sign_request(SshKey::generate(KeyType::ed25519).public_blob(), "data")), kFailed);
  EXPECT_EQ(ask(sign_request("", "data")), kFailed);
  EXPECT_EQ(ask(sign_request(certificate_.blob + "x", "data")), kFailed);
}

TEST_F(Agent, ForgetsTheKeyWhenTheCertificateEnds) {
  EXPECT_EQ(ask(kListRequest, kProtocolTime + 239), list_answer());
  EXPECT_EQ(ask(kListRequest, kProtocolTime + 240), kNoIdentities);
  EXPECT_EQ(ask(sign_request(certificate_.blob, "data"), kProtocolTime + 240), kFailed);
}

TEST_F(Agent, HasNoIdentitiesWithoutACertificate) {
  Connection session(nullptr, nullptr);
  std::string out;
  EXPECT_TRUE(session.feed(kListRequest + sign_request(certificate_.blob, "data"), kProtocolTime, out));
  EXPECT_EQ(out, kNoIdentities + kFailed);
  out.clear();
  session.session.use(&key_, &certificate_);
  EXPECT_TRUE(session.feed(kListRequest, kProtocolTime, out));
  EXPECT_EQ(out, list_answer());
}

std::string bind_request(std::string_view host_key, std::string_view session, std::string_view signature,
                         std::string_view tail = std::string_view("\0", 1)) {
  SshWriter request;
  request.byte(27).string("session-bind@openssh.com").string(host_key).string(session).string(signature);
  return framed(request.raw(tail).bytes());
}
std::string bind_to(const SshKey& host, std::string_view session, bool forwarding = false) {
  return bind_request(host.public_blob(), session, host.sign(session), forwarding ? "\x01"s : "\0"s);
}

/// What ssh has signed to log in (RFC 4252 7), with its host-bound form if there is a host key.
std::string login(std::string_view session, std::string_view key_blob, std::string_view host_key = {},
                  std::uint8_t message = 50) {
  SshWriter data;
  data.string(session).byte(message).string("ann").string("ssh-connection");
  data.string(host_key.empty() ? "publickey" : "publickey-hostbound-v00@openssh.com").byte(1);
  data.string("ssh-ed25519-cert-v01@openssh.com").string(key_blob);
  if (!host_key.empty()) data.string(host_key);
  return data.take();
}

TEST_F(Agent, AcceptsASessionBindThatItsHostKeyHasSigned) {
  const SshKey host = SshKey::generate(KeyType::ecdsa_p256);
  const std::string session(32, 's');
  const std::string key = host.public_blob();
  const std::string signature = host.sign(session);
  EXPECT_EQ(ask(bind_request(key, session, signature)), kDone);
  EXPECT_EQ(ask(bind_request(key, session, signature, "\x01")), kDone);
  EXPECT_EQ(ask(bind_request(key, session, signature, "")), kFailed);
  EXPECT_EQ(ask(bind_request(key, session, signature, "\x01\x01")), kFailed);
  EXPECT_EQ(ask(bind_request("", session, signature)), kFailed);
  EXPECT_EQ(ask(bind_request("key", session, signature)), kFailed);
  EXPECT_EQ(ask(bind_request(key, "", host.sign(""))), kFailed);
  const std::string long_session(129, 's');
  EXPECT_EQ(ask(bind_request(key, long_session, host.sign(long_session))), kFailed);
  EXPECT_EQ(ask(bind_request(key, session, "")), kFailed);
  EXPECT_EQ(ask(bind_request(key, session, "sig")), kFailed);
}

TEST_F(Agent, RefusesASessionBindSignedByAnotherKey) {
  const SshKey host = SshKey::generate(KeyType::ed25519);
  const SshKey other = SshKey::generate(KeyType::ed25519);
  const std::string forged = bind_request(host.public_blob(), "session", other.sign("session"));
  EXPECT_EQ(ask(forged), kFailed);
  EXPECT_EQ(ask(bind_request(host.public_blob(), "session", host.sign("other"))), kFailed);
  // And the client that tried is served no more.
  EXPECT_EQ(ask(forged + kListRequest + sign_request(certificate_.blob, "data")),
            kFailed + kNoIdentities + kFailed);
  EXPECT_EQ(ask(forged + bind_to(host, "session") + kListRequest), kFailed + kDone + kNoIdentities);
}

TEST_F(Agent, LeavesAConnectionAsItIsForAHostKeyOfAnUnknownKind) {
  const std::string unknown = SshWriter().string("ssh-future").string("key").take();
  const std::string signature = SshWriter().string("ssh-future").string("signature").take();
  EXPECT_EQ(ask(bind_request(unknown, "session", signature) + kListRequest), kFailed + list_answer());
}

TEST_F(Agent, SignsOnlyTheLoginOfTheSessionItIsBoundTo) {
  const SshKey host = SshKey::generate(KeyType::ed25519);
  const std::string host_blob = host.public_blob();
  const std::string bound = bind_to(host, "session");
  const auto signs = [&](const std::string& data) {
    const std::string answers = ask(bound + sign_request(certificate_.blob, data));
    EXPECT_TRUE(answers.starts_with(kDone));
    return answers.substr(kDone.size()) != kFailed;
  };
  EXPECT_TRUE(signs(login("session", certificate_.blob)));
  EXPECT_TRUE(signs(login("session", key_.public_blob())));
  EXPECT_TRUE(signs(login("session", certificate_.blob, host_blob)));
  EXPECT_FALSE(signs(login("another", certificate_.blob)));
  EXPECT_FALSE(signs(login("session", SshKey::generate(KeyType::ed25519).public_blob())));
  EXPECT_FALSE(signs(login("session", certificate_.blob, SshKey::generate(KeyType::ed25519).public_blob())));
  EXPECT_FALSE(signs(login("session", certificate_.blob) + "x"));
  for (const std::uint8_t other : std::initializer_list<std::uint8_t>{0, 1, 49, 51, 255})
    EXPECT_FALSE(signs(login("session", certificate_.blob, {}, other))) << int{other};
  EXPECT_FALSE(signs("SSHSIG data"));
  EXPECT_FALSE(signs(""));
  const std::string whole = login("session", certificate_.blob, host_blob);
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(signs(whole.substr(0, size))) << size;
}

TEST_F(Agent, IsBoundToOneSessionAtATime) {
  const SshKey host = SshKey::generate(KeyType::ed25519);
  const SshKey other = SshKey::generate(KeyType::ed25519);
  EXPECT_EQ(ask(bind_to(host, "session") + bind_to(host, "session")), kDone + kFailed);
  EXPECT_EQ(ask(bind_to(host, "session") + bind_to(other, "another")), kDone + kFailed);
  EXPECT_EQ(ask(bind_to(host, "hop", true) + bind_to(host, "hop", true)), kDone + kDone);
  EXPECT_EQ(ask(bind_to(host, "hop", true) + bind_to(other, "hop", true)), kDone + kFailed);
  std::string hops;
  std::string granted;
  for (std::size_t i = 0; i < kMaxBindings; ++i) {
    hops += bind_to(host, "hop" + std::to_string(i), true);
    granted += kDone;
  }
  EXPECT_EQ(ask(hops + bind_to(host, "one more", true)), granted + kFailed);
}

TEST_F(Agent, ShowsNothingToWhereItWasForwardedUnlessThatIsAllowed) {
  const SshKey hop = SshKey::generate(KeyType::ed25519);
  const SshKey target = SshKey::generate(KeyType::ecdsa_p256);
  const std::string chain = bind_to(hop, "first", true) + bind_to(target, "second");
  const std::string asking = kListRequest +
                             sign_request(certificate_.blob, login("second", certificate_.blob)) +
                             sign_request(certificate_.blob, login("first", certificate_.blob));
  Connection refusing(&key_, &certificate_);
  std::string out;
  EXPECT_TRUE(refusing.feed(chain + asking, kProtocolTime, out));
  EXPECT_EQ(out, kDone + kDone + kNoIdentities + kFailed + kFailed);
  EXPECT_TRUE(refusing.session.refused_forwarding());

  Connection allowing(&key_, &certificate_);
  allowing.session.allow_forwarding(true);
  out.clear();
  EXPECT_TRUE(allowing.feed(chain + asking, kProtocolTime, out));
  const std::string signature = key_.sign(login("second", certificate_.blob));
  EXPECT_EQ(out,
            kDone + kDone + list_answer() + framed(SshWriter().byte(14).string(signature).bytes()) + kFailed);
  EXPECT_FALSE(allowing.session.refused_forwarding());
}

TEST_F(Agent, HasAnotherAgentSignForAKeyThatIsThere) {
  AgentSession session(nullptr, &certificate_);
  const std::string listed = session.answer("\x0b", kProtocolTime).bytes;
  EXPECT_EQ(framed(listed), list_answer());
  const auto asked = session.answer(
      SshWriter().byte(13).string(certificate_.blob).string("data").u32(4).bytes(), kProtocolTime);
  EXPECT_TRUE(asked.ask_other);
  EXPECT_EQ(asked.bytes, SshWriter().byte(13).string(key_.public_blob()).string("data").u32(4).bytes());
  const auto expired = session.answer(
      SshWriter().byte(13).string(certificate_.blob).string("data").u32(0).bytes(), kProtocolTime + 240);
  EXPECT_FALSE(expired.ask_other);
  EXPECT_EQ(framed(expired.bytes), kFailed);
}

TEST_F(Agent, AnswersEverythingElseWithFailure) {
  for (int type = 0; type < 256; ++type) {
    if (type == 11) continue;
    EXPECT_EQ(ask(framed(std::string(1, static_cast<char>(type)))), kFailed) << type;
    EXPECT_EQ(ask(framed(std::string(1, static_cast<char>(type)) + "garbage")), kFailed) << type;
  }
  EXPECT_EQ(ask(framed("\x0b trailing")), kFailed);
  EXPECT_EQ(ask(framed(SshWriter().byte(27).string("query").bytes())), kFailed);
  EXPECT_EQ(ask(framed(SshWriter().byte(13).string(certificate_.blob).string("data").u32(0).byte(0).bytes())),
            kFailed);
}

TEST_F(Agent, TakesAnyCutOfTheByteStream) {
  const std::string stream = kListRequest + sign_request(certificate_.blob, "data") + framed("\x63") +
                             bind_request(key_.public_blob(), "session", key_.sign("session")) + kListRequest;
  const std::string expected = ask(stream);
  EXPECT_EQ(expected.substr(expected.size() - list_answer().size()), list_answer());
  for (std::size_t step = 1; step < stream.size(); ++step) {
    Connection session(&key_, &certificate_);
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += step)
      ASSERT_TRUE(session.feed(std::string_view(stream).substr(at, step), kProtocolTime, out));
    ASSERT_EQ(out, expected) << step;
  }
}

TEST_F(Agent, HangsUpOnLengthsOutOfBounds) {
  for (const std::uint32_t length : {std::uint32_t{0}, kMaxAgentMessage + 1, std::uint32_t{0xffffffff}}) {
    Connection session(&key_, &certificate_);
    std::string out;
    EXPECT_FALSE(session.feed(kListRequest + SshWriter().u32(length).take(), kProtocolTime, out)) << length;
    EXPECT_EQ(out, list_answer()) << "what came before is still answered";
  }
}

TEST_F(Agent, SignsUpToTheBound) {
  const std::size_t overhead = sign_request(certificate_.blob, "").size() - 4;
  const std::string data(kMaxAgentMessage - overhead, 'd');
  EXPECT_EQ(ask(sign_request(certificate_.blob, data)),
            framed(SshWriter().byte(14).string(key_.sign(data)).bytes()));
}

}  // namespace
}  // namespace cfpipe::auth
