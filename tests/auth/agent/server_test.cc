#include "auth/agent/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "auth/agent/socket.h"
#include "auth/running_agent.h"
#include "auth/ssh/wire.h"
#include "auth/ssh_tools.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using testing::eventually;
using ::testing::HasSubstr;
using testing::Identity;
using testing::make_identity;
using ::testing::Not;
using testing::Ran;
using testing::run;
using testing::RunningAgent;
using testing::write_file;
using namespace std::chrono_literals;

/// A client that says what it likes.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }
  void send(std::string_view bytes) { EXPECT_TRUE(takes(bytes)); }
  bool silent_for(std::chrono::milliseconds time) {
    pollfd one{fd_.get(), POLLIN, 0};
    return ::poll(&one, 1, static_cast<int>(time.count())) == 0;
  }
  /// One whole answer; empty if the agent hung up (or said nothing for 10 s).
  std::string answer() {
    const std::string head = read(4);
    return head.size() < 4 ? std::string() : read(SshReader(head).u32());
  }
  /// Empty as well if the agent has gone, which one may that another one replaces.
  std::string list() { return takes(SshWriter().string("\x0b").take()) ? answer() : std::string(); }

 private:
  bool takes(std::string_view bytes) {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  std::string read(std::size_t count) {
    std::string out;
    while (out.size() < count && !silent_for(10s)) {
      char byte = 0;
      if (::recv(fd_.get(), &byte, 1, 0) != 1) break;
      out.push_back(byte);
    }
    return out;
  }
  Fd fd_;
  bool connected_ = false;
};

const std::string kNothing("\x0c\0\0\0\0", 5);

std::string list_answer(const Identity& identity) {
  return SshWriter().byte(12).u32(1).string(identity->certificate.blob).string("ann@example.com").take();
}

Ran ssh_add(const std::string& path) {
  return run("SSH_AUTH_SOCK=" + path + " ssh-add -L");
}

class AgentServerTest : public ::testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_ / "agent";
};

TEST_F(AgentServerTest, ListsTheCertificateToSshAdd) {
  const Identity identity = make_identity();
  const RunningAgent agent(path_, identity);
  const Ran ran = ssh_add(path_);
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.output, identity->certificate.line + " ann@example.com\n");
}

TEST_F(AgentServerTest, ListsNothingOnceTheCertificateHasExpired) {
  const RunningAgent agent(path_, make_identity(-1));
  const Ran ran = ssh_add(path_);
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.output, "The agent has no identities.\n");
}

TEST_F(AgentServerTest, SignsForSshKeygen) {
  for (const KeyType type : {KeyType::ed25519, KeyType::ecdsa_p256}) {
    const Identity identity = make_identity(300, type);
    const RunningAgent agent(path_, identity);
    write_file(dir_ / "k.pub", identity->key.authorized_key() + "\n");
    write_file(dir_ / "signers", "ann " + identity->key.authorized_key() + "\n");
    write_file(dir_ / "data", "some data");
    const Ran signing = run("rm -f " + (dir_ / "data.sig") + "; SSH_AUTH_SOCK=" + path_ +
                            " ssh-keygen -Y sign -n file -f " + (dir_ / "k.pub") + " " + dir_ / "data");
    EXPECT_EQ(signing.status, 0) << signing.output;
    const std::string verify =
        "ssh-keygen -Y verify -n file -I ann -f " + (dir_ / "signers") + " -s " + (dir_ / "data.sig") + " < ";
    const Ran verified = run(verify + dir_ / "data");
    EXPECT_EQ(verified.status, 0) << verified.output;
    write_file(dir_ / "other", "other data");
    EXPECT_NE(run(verify + dir_ / "other").status, 0);
  }
}

TEST_F(AgentServerTest, KnowsOfACertificateThatNoClientUsed) {
  const Identity identity = make_identity();
  RunningAgent agent(path_);
  agent.give_up();
  EXPECT_EQ(RawClient(path_).list(), kNothing);
  EXPECT_FALSE(agent.was_declined()) << "there was none to be told of";
  agent.offer(identity);
  EXPECT_FALSE(agent.was_declined()) << "no client has asked";
  EXPECT_EQ(RawClient(path_).list(), list_answer(identity));
  EXPECT_TRUE(agent.was_declined());
  {
    const Identity next = make_identity();
    const RunningAgent newer(path_, next);
    EXPECT_FALSE(agent.was_declined()) << "it may be the newer one that signs";
    EXPECT_EQ(RawClient(path_).list(), list_answer(next));
  }
  EXPECT_TRUE(eventually([&] { return RawClient(path_).list() == list_answer(identity); }));
  EXPECT_FALSE(agent.was_declined()) << "nor is it known afterwards";
}

TEST_F(AgentServerTest, ACertificateThatSignsIsUsed) {
  const Identity identity = make_identity();
  RunningAgent agent(path_, identity);
  RawClient client(path_);
  EXPECT_EQ(client.list(), list_answer(identity));
  client.send(SshWriter()
                  .string(SshWriter().byte(13).string(identity->certificate.blob).string("x").u32(0).take())
                  .take());
  EXPECT_FALSE(client.answer().empty());
  EXPECT_FALSE(agent.was_declined());
}

TEST_F(AgentServerTest, RequestsWaitForTheCertificate) {
  RunningAgent agent(path_);
  RawClient client(path_);
  client.send(SshWriter().string("\x0b").take());
  EXPECT_TRUE(client.silent_for(200ms));
  const Identity identity = make_identity();
  agent.offer(identity);
  EXPECT_EQ(client.answer(), list_answer(identity));
}

TEST_F(AgentServerTest, GivingUpAnswersWaitingRequests) {
  RunningAgent agent(path_);
  RawClient client(path_);
  client.send(SshWriter().string("\x0b").take());
  EXPECT_TRUE(client.silent_for(50ms));
  agent.give_up();
  EXPECT_EQ(client.answer(), kNothing);
}

TEST_F(AgentServerTest, RequestsWaitForTheNextAttemptOnceItHasBegun) {
  for (const bool expired : {true, false}) {
    RunningAgent agent(path_, expired ? make_identity(-1) : nullptr);
    if (!expired) agent.give_up();
    RawClient client(path_);
    EXPECT_EQ(client.list(), kNothing);
    agent.expect();
    client.send(SshWriter().string("\x0b").take());
    EXPECT_TRUE(client.silent_for(50ms));
    const Identity next = make_identity();
    agent.offer(next);
    EXPECT_EQ(client.answer(), list_answer(next));
  }
}

TEST_F(AgentServerTest, ACertificateThatIsStillGoodIsServedUntilTheNextComes) {
  const Identity identity = make_identity();
  RunningAgent agent(path_, identity);
  agent.expect();
  RawClient client(path_);
  EXPECT_EQ(client.list(), list_answer(identity));
}

TEST_F(AgentServerTest, WaitingForTheCertificateIsBounded) {
  RunningAgent agent(path_, nullptr, 100ms);
  RawClient client(path_);
  EXPECT_EQ(client.list(), kNothing);
  EXPECT_EQ(client.list(), kNothing);  // at once: the bound counts from the connection
  const Identity identity = make_identity();
  agent.offer(identity);
  EXPECT_EQ(client.list(), list_answer(identity));
}

TEST_F(AgentServerTest, ClientsSeeARenewedCertificate) {
  const Identity first = make_identity();
  RunningAgent agent(path_, first);
  RawClient client(path_);
  EXPECT_EQ(client.list(), list_answer(first));
  const Identity second = make_identity();
  agent.offer(second);
  EXPECT_EQ(client.list(), list_answer(second));
}

TEST_F(AgentServerTest, TheSocketIsTheOwnersWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
    const mode_t before = ::umask(mask);
    const RunningAgent agent(path_, make_identity());
    ::umask(before);
    struct stat info {};
    ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode, mode_t{S_IFSOCK | 0600});
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_.path()), {}), 1);
  }
  EXPECT_TRUE(nothing_at(path_));
}

TEST_F(AgentServerTest, RefusesOtherUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become someone else";
  const RunningAgent agent(path_, make_identity());
  ::chmod(dir_.path().c_str(), 0755);
  ::chmod(path_.c_str(), 0666);  // so that it is not the file's mode that refuses
  const Ran ran = run("runuser -u nobody -- env SSH_AUTH_SOCK=" + path_ + " ssh-add -L");
  EXPECT_NE(ran.status, 0);
  EXPECT_THAT(ran.output, Not(HasSubstr("Error connecting"))) << "it is the server that refuses";
  EXPECT_EQ(ssh_add(path_).status, 0);
}

TEST_F(AgentServerTest, HangsUpOnOversizedMessages) {
  const RunningAgent agent(path_, make_identity());
  RawClient client(path_);
  client.send(SshWriter().u32(256 * 1024 + 1).take());
  EXPECT_EQ(client.answer(), "");
  EXPECT_EQ(ssh_add(path_).status, 0);
}

TEST_F(AgentServerTest, TakesRequestsByteByByte) {
  const Identity identity = make_identity();
  const RunningAgent agent(path_, identity);
  RawClient client(path_);
  for (const char c : SshWriter().string("\x0b").take()) client.send(std::string_view(&c, 1));
  EXPECT_EQ(client.answer(), list_answer(identity));
}

TEST_F(AgentServerTest, HangsUpOnOneClientTooMany) {
  const Identity identity = make_identity();
  RunningAgent agent(path_, identity);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kMaxAgentClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(path_));
    ASSERT_TRUE(clients.back()->connected());
    ASSERT_EQ(clients.back()->list(), list_answer(identity));
  }
  EXPECT_EQ(agent.clients(), kMaxAgentClients);
  EXPECT_EQ(RawClient(path_).answer(), "");
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return agent.clients() < kMaxAgentClients; }));
  EXPECT_EQ(RawClient(path_).list(), list_answer(identity));
}

TEST_F(AgentServerTest, ReplacesAStaleSocket) {
  {
    const auto crashed = listen_own_socket(path_, IfTaken::replace);
    ASSERT_TRUE(crashed);
  }
  EXPECT_FALSE(RawClient(path_).connected());
  const Identity identity = make_identity();
  const RunningAgent agent(path_, identity);
  EXPECT_EQ(RawClient(path_).list(), list_answer(identity));
}

TEST_F(AgentServerTest, ReplacesNothingButASocket) {
  net::io_context context;
  const auto cause = [&](const std::string& path) {
    const auto server = AgentServer::open(context.get_executor(), AgentServerOptions(path));
    return server ? Cause::lost : server.error().cause;
  };
  write_file(path_, "precious");
  EXPECT_EQ(cause(path_), Cause::state_write_failed);
  EXPECT_EQ(testing::read_file(path_), "precious");
  ASSERT_EQ(::symlink(path_.c_str(), (dir_ / "link").c_str()), 0);
  EXPECT_EQ(cause(dir_ / "link"), Cause::state_write_failed);
  EXPECT_EQ(cause(dir_ / std::string(200, 'n')), Cause::state_write_failed);
  EXPECT_EQ(cause(dir_ / "no/such/place"), Cause::state_write_failed);
  EXPECT_EQ(cause(""), Cause::state_write_failed);
}

TEST_F(AgentServerTest, ASocketWithAListenerCanBeKept) {
  {
    const auto alive = listen_own_socket(path_, IfTaken::replace_dead);
    ASSERT_TRUE(alive);
    const auto taken = listen_own_socket(path_, IfTaken::replace_dead);
    ASSERT_FALSE(taken);
    EXPECT_THAT(taken.error().detail, ::testing::HasSubstr("Address already in use"));
  }
  EXPECT_TRUE(listen_own_socket(path_, IfTaken::replace_dead)) << "no process listens there any more";
}

TEST_F(AgentServerTest, AnotherUsersSocketStays) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become someone else";
  { ASSERT_TRUE(listen_own_socket(path_, IfTaken::replace)); }
  ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  net::io_context context;
  const auto server = AgentServer::open(context.get_executor(), AgentServerOptions(path_));
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().cause, Cause::state_foreign_owner);
}

TEST_F(AgentServerTest, MakesTheLastDirectoryForTheOwnerAlone) {
  const RunningAgent agent(dir_ / "made/agent", make_identity());
  struct stat info {};
  ASSERT_EQ(::stat((dir_ / "made").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  EXPECT_EQ(ssh_add(dir_ / "made/agent").status, 0);
}

TEST_F(AgentServerTest, ALaterServerTakesThePathAndEarlierClientsAreStillServed) {
  const Identity first = make_identity();
  const Identity second = make_identity();
  auto earlier = std::make_unique<RunningAgent>(path_, first);
  RawClient old_client(path_);
  EXPECT_EQ(old_client.list(), list_answer(first));
  const RunningAgent later(path_, second);
  EXPECT_EQ(RawClient(path_).list(), list_answer(second));
  EXPECT_EQ(old_client.list(), list_answer(first));
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(::lstat(path_.c_str(), &before), 0);
  earlier.reset();
  ASSERT_EQ(::lstat(path_.c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino) << "not even for a moment";
  EXPECT_EQ(RawClient(path_).list(), list_answer(second)) << "the path is the later one's to remove";
  EXPECT_EQ(old_client.answer(), "");
}

TEST_F(AgentServerTest, AnEarlierServerTakesThePathBack) {
  const Identity first = make_identity();
  RunningAgent earlier(path_, first);
  RawClient old_client(path_);
  EXPECT_EQ(old_client.list(), list_answer(first));
  for (int i = 0; i < 3; ++i) {
    {
      const Identity second = make_identity();
      const RunningAgent later(path_, second);
      EXPECT_EQ(RawClient(path_).list(), list_answer(second));
    }
    EXPECT_TRUE(eventually([&] { return RawClient(path_).connected(); }));
    EXPECT_EQ(RawClient(path_).list(), list_answer(first));
    EXPECT_EQ(old_client.list(), list_answer(first));
  }
}

TEST_F(AgentServerTest, AServerWithNothingToOfferLeavesThePathAlone) {
  RunningAgent expired(path_, make_identity(-1));
  RawClient first(path_);
  EXPECT_EQ(first.list(), kNothing);
  RunningAgent given_up(path_);
  given_up.give_up();
  RawClient second(path_);
  EXPECT_EQ(second.list(), kNothing);
  { const RunningAgent later(path_, make_identity()); }
  // A request that comes after the removal is answered after it has been noticed.
  EXPECT_EQ(first.list(), kNothing);
  EXPECT_EQ(second.list(), kNothing);
  EXPECT_TRUE(nothing_at(path_));
}

TEST_F(AgentServerTest, ManyServersAtOnePathLeaveNothingBehind) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      const Identity identity = make_identity();
      for (int round = 0; round < 40; ++round) {
        const RunningAgent agent(path_, identity);
        RawClient(path_).connected();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace cfpipe::auth
