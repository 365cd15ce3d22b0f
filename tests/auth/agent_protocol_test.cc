#include "auth/agent_protocol.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/ssh_wire.h"

namespace cfpipe::auth {
namespace {

using namespace std::string_literals;

constexpr std::uint64_t kNow = 1'700'000'000;

std::string framed(std::string_view message) {
  return SshWriter().string(message).take();
}
const std::string kListRequest = framed("\x0b");
const std::string kFailed = framed("\x05");
const std::string kDone = framed("\x06");
const std::string kNoIdentities = framed("\x0c\0\0\0\0"s);

class Agent : public ::testing::Test {
 protected:
  Agent() {
    CertFields fields;
    fields.key_id = "ann@example.com";
    fields.principals = {"ann"};
    fields.valid_after = kNow - 60;
    fields.valid_before = kNow + 240;
    const auto line = make_user_certificate(key_.public_blob(), fields, SshKey::generate(KeyType::ed25519));
    certificate_ = *parse_certificate(*line);
  }

  std::string ask(std::string_view bytes, std::uint64_t now = kNow) {
    AgentSession session(&key_, &certificate_);
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
  EXPECT_EQ(ask(kListRequest, kNow + 239), list_answer());
  EXPECT_EQ(ask(kListRequest, kNow + 240), kNoIdentities);
  EXPECT_EQ(ask(sign_request(certificate_.blob, "data"), kNow + 240), kFailed);
}

TEST_F(Agent, HasNoIdentitiesWithoutACertificate) {
  AgentSession session(nullptr, nullptr);
  std::string out;
  EXPECT_TRUE(session.feed(kListRequest + sign_request(certificate_.blob, "data"), kNow, out));
  EXPECT_EQ(out, kNoIdentities + kFailed);
  out.clear();
  session.use(&key_, &certificate_);
  EXPECT_TRUE(session.feed(kListRequest, kNow, out));
  EXPECT_EQ(out, list_answer());
}

std::string bind_request(std::string_view host_key, std::string_view session, std::string_view signature,
                         std::string_view tail = std::string_view("\0", 1)) {
  SshWriter request;
  request.byte(27)
      .string("session-bind@openssh.com")
      .string(host_key)
      .string(session)
      .string(signature)
      .raw(tail);
  return framed(request.bytes());
}

TEST_F(Agent, AcceptsAWellFormedSessionBind) {
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
  EXPECT_EQ(ask(bind_request(key, "", signature)), kFailed);
  EXPECT_EQ(ask(bind_request(key, std::string(129, 's'), signature)), kFailed);
  EXPECT_EQ(ask(bind_request(key, session, "")), kFailed);
  EXPECT_EQ(ask(bind_request(key, session, "sig")), kFailed);
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
    AgentSession session(&key_, &certificate_);
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += step)
      ASSERT_TRUE(session.feed(std::string_view(stream).substr(at, step), kNow, out));
    ASSERT_EQ(out, expected) << step;
  }
}

TEST_F(Agent, HangsUpOnLengthsOutOfBounds) {
  for (const std::uint32_t length : {std::uint32_t{0}, kMaxAgentMessage + 1, std::uint32_t{0xffffffff}}) {
    AgentSession session(&key_, &certificate_);
    std::string out;
    EXPECT_FALSE(session.feed(kListRequest + SshWriter().u32(length).take(), kNow, out)) << length;
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
