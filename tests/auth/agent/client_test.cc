#include "auth/agent/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "auth/agent/protocol.h"
#include "auth/agent/socket.h"
#include "auth/real_agent.h"
#include "auth/running_agent.h"
#include "auth/ssh/verify.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using testing::await;
using ::testing::HasSubstr;
using testing::RealAgent;
using namespace std::chrono_literals;

Result<AgentKey> find(const std::string& path, const std::string& wanted) {
  return await<Result<AgentKey>>(
      [&](net::any_io_executor executor) { return find_agent_key(executor, path, wanted); });
}

net::awaitable<Result<std::string>> ask_once(net::any_io_executor executor, std::string path,
                                             std::string request, std::chrono::milliseconds timeout) {
  auto agent = co_await AgentClient::connect(executor, path);
  if (!agent) co_return agent.error();
  co_return co_await (*agent)->ask(request, timeout);
}
Result<std::string> ask(const std::string& path, const std::string& request,
                        std::chrono::milliseconds timeout = 10s) {
  return await<Result<std::string>>(
      [&](net::any_io_executor executor) { return ask_once(executor, path, request, timeout); });
}

class WithAgent : public ::testing::Test {
 protected:
  TempDir dir_;
  RealAgent agent_{dir_};
};

TEST_F(WithAgent, FindsAKeyByItsCommentOrItsFingerprint) {
  const std::string first = agent_.add(dir_, "ed25519", "ann at work");
  const std::string second = agent_.add(dir_, "ecdsa", "ann at home");
  EXPECT_EQ(find(agent_.path(), "ann at work")->blob, first);
  EXPECT_EQ(find(agent_.path(), fingerprint(second))->blob, second);
  EXPECT_EQ(find(agent_.path(), fingerprint(second) + "=")->comment, "ann at home");
}

TEST_F(WithAgent, SaysWhatThereIsIfOneIsNotMeant) {
  EXPECT_THAT(find(agent_.path(), "ann").error().detail, HasSubstr("it has no keys"));
  const std::string first = agent_.add(dir_, "ed25519", "ann");
  const std::string second = agent_.add(dir_, "ed25519", "ann");
  const auto both = find(agent_.path(), "ann");
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().cause, Cause::agent_key_missing);
  EXPECT_THAT(both.error().detail, HasSubstr(fingerprint(first)));
  EXPECT_THAT(both.error().detail, HasSubstr(fingerprint(second)));
  const auto none = find(agent_.path(), "bob");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().cause, Cause::agent_key_missing);
  EXPECT_THAT(none.error().detail, HasSubstr(fingerprint(first) + " ann"));
}

TEST_F(WithAgent, SignaturesOfAnotherImplementationHold) {
  for (const char* kind : {"ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 2048"}) {
    const std::string blob = agent_.add(dir_, kind, kind);
    for (const std::uint32_t flags : {2U, 4U}) {
      const auto answer = ask(
          agent_.path(), SshWriter().byte(kAgentSignRequest).string(blob).string("data").u32(flags).take());
      ASSERT_TRUE(answer) << kind;
      SshReader reader(*answer);
      ASSERT_EQ(reader.byte(), kAgentSignResponse) << kind;
      const std::string signature(reader.string());
      EXPECT_EQ(check_signature(blob, signature, "data"), SignatureCheck::good) << kind;
      EXPECT_EQ(check_signature(blob, signature, "datb"), SignatureCheck::bad) << kind;
      EXPECT_EQ(check_signature(blob, signature + "x", "data"), SignatureCheck::bad) << kind;
      std::string turned = signature;
      turned.back() = static_cast<char>(turned.back() ^ 1);
      EXPECT_EQ(check_signature(blob, turned, "data"), SignatureCheck::bad) << kind;
    }
  }
}

TEST_F(WithAgent, KeysTooWeakToBeCertifiedAreRefused) {
  const std::string weak = agent_.add(dir_, "rsa -b 1024", "old");
  const auto found = find(agent_.path(), "old");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().cause, Cause::key_unusable);
}

TEST(AgentClient, NamesAnAgentThatDoesNotAnswer) {
  const TempDir dir;
  for (const std::string& path : {std::string(), dir / "nothing", std::string(200, 'x'), dir.path()}) {
    const auto found = find(path, "ann");
    ASSERT_FALSE(found) << path;
    EXPECT_EQ(found.error().cause, Cause::agent_unreachable) << path;
  }
}

TEST(AgentClient, DoesNotWaitForeverForAnAnswer) {
  const TempDir dir;
  const auto silent = listen_own_socket(dir / "agent", IfTaken::replace);
  ASSERT_TRUE(silent);
  const auto answer = ask(dir / "agent", "\x0b", 50ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().cause, Cause::agent_unreachable);
  EXPECT_EQ(answer.error().detail, "no answer in time");
}

std::string listed(std::uint32_t count, std::string_view rest) {
  return SshWriter().byte(12).u32(count).raw(rest).take();
}

TEST(AgentKeys, AreReadFromAWellFormedListOnly) {
  const std::string blob = SshKey::generate(KeyType::ed25519).public_blob();
  const std::string one = SshWriter().string(blob).string("ann").take();
  EXPECT_EQ(read_agent_keys(listed(0, ""))->size(), 0U);
  EXPECT_EQ(read_agent_keys(listed(1, one))->front().comment, "ann");
  EXPECT_EQ(read_agent_keys(listed(2, one + one))->size(), 2U);
  const std::string certificate = SshWriter().string("ssh-ed25519-cert-v01@openssh.com").take();
  EXPECT_EQ(read_agent_keys(listed(2, one + SshWriter().string(certificate).string("c").take()))->size(), 1U);
  for (const std::string& bad : {std::string(), std::string("\x05"), listed(1, ""), listed(2, one),
                                 listed(1, one + "x"), listed(0, "x"), listed(0xffffffff, one),
                                 listed(1, one.substr(0, one.size() - 1)), std::string("\x0c")})
    EXPECT_FALSE(read_agent_keys(bad)) << bad.size();
}

TEST(AgentKeys, CommentsAreShownWithoutControlCharacters) {
  const std::vector<AgentKey> keys{{SshKey::generate(KeyType::ed25519).public_blob(), "a\nb\x1b[2J"}};
  const auto none = pick_agent_key(keys, "x\ny");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().detail, HasSubstr("a?b?[2J"));
  EXPECT_EQ(none.error().detail.find('\n'), std::string::npos);
}

/// An agent that takes one request and gives this answer to it.
void answer_once(const OwnSocket& at, const std::string& answer) {
  pollfd waiting{at.fd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);
  const Fd client(::accept4(at.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::array<char, 4096> request{};
  EXPECT_GT(::recv(client.get(), request.data(), request.size(), 0), 0);
  const std::string framed = SshWriter().string(answer).take();
  EXPECT_EQ(::send(client.get(), framed.data(), framed.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(framed.size()));
}

TEST(OtherAgent, GivesSignaturesAndNothingElse) {
  const std::string failure = "\x05";
  const std::string signature = SshWriter().byte(kAgentSignResponse).string("signature").take();
  const std::vector<std::pair<std::string, std::string>> answers = {
      {signature, signature},
      {SshWriter().byte(kAgentSignResponse).string("").take(), failure},
      {SshWriter().byte(kAgentSignResponse).take(), failure},
      {signature + "x", failure},
      {SshWriter().byte(12).string("signature").take(), failure},
      {failure, failure},
  };
  const TempDir dir;
  const auto other = listen_own_socket(dir / "other", IfTaken::replace);
  ASSERT_TRUE(other);
  const SshKey key = SshKey::generate(KeyType::ed25519);
  testing::RunningAgent agent(dir / "agent");
  agent.offer(testing::certificate_over(key.public_blob(), SshKey::generate(KeyType::ed25519), "ann"),
              dir / "other");
  const std::string request =
      SshWriter().byte(kAgentSignRequest).string(key.public_blob()).string("data").u32(0).take();
  for (const auto& [given, passed_on] : answers) {
    std::thread answers_it([&other, text = given] { answer_once(*other, text); });
    const auto answer = ask(dir / "agent", request);
    answers_it.join();
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, passed_on);
  }
}

}  // namespace
}  // namespace cfpipe::auth
