#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "auth/agent/server.h"
#include "auth/real_agent.h"
#include "auth/running_agent.h"
#include "auth/ssh_tools.h"

namespace cfpipe::auth {
namespace {

using testing::eventually;
using testing::Identity;
using testing::make_identity;
using testing::Ran;
using testing::run;
using testing::RunningAgent;
using testing::write_file;

/// A real ssh logs in to a real sshd, which is its ProxyCommand, with the agent's certificate.
class AgentWithSsh : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::access("/usr/sbin/sshd", X_OK), 0) << "scripts/deps installs it";
    if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);
    const passwd* entry = ::getpwuid(::geteuid());
    ASSERT_NE(entry, nullptr);
    user_ = entry->pw_name;
    const std::string host_key =
        write_file(dir_ / "host", SshKey::generate(KeyType::ecdsa_p256).private_pem().reveal());
    const std::string ca = write_file(dir_ / "ca.pub", ca_.authorized_key() + "\n");
    write_file(dir_ / "sshd_config",
               "HostKey " + host_key + "\nTrustedUserCAKeys " + ca +
                   "\nPermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\n"
                   "AuthorizedKeysFile none\nPermitUserRC no\nSetEnv HOME=" +
                   dir_.path() + " ZDOTDIR=" + dir_.path() + "\n");  // no start-up files of the user's shell
  }
  Identity identity(std::int64_t seconds = 300, KeyType type = KeyType::ed25519) const {
    return make_identity(seconds, type, ca_, user_);
  }
  /// `before` is a shell command that the ProxyCommand runs first.
  Ran ssh(const std::string& name, const std::string& before = "true") const {
    const std::string script =
        write_file(dir_ / name, before + "\nexec /usr/sbin/sshd -i -f " + (dir_ / "sshd_config") + " -E " +
                                    (dir_ / "log") + "\n");
    return run(
        "timeout 30 ssh -F none -o IdentityFile=none -o IdentityAgent=" + path_ +
        " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes" +
        " -o 'ProxyCommand=sh " + script + "' " + user_ + "@vm.localhost echo logged in");
  }
  std::string log() const { return testing::read_file(dir_ / "log"); }

  TempDir dir_;
  std::string path_ = dir_ / "agent";
  std::string user_;
  const SshKey ca_ = SshKey::generate(KeyType::ed25519);
};

TEST_F(AgentWithSsh, LogsInWithTheCertificate) {
  for (const KeyType type : {KeyType::ed25519, KeyType::ecdsa_p256}) {
    const RunningAgent agent(path_, identity(300, type));
    const Ran ran = ssh("proxy");
    EXPECT_EQ(ran.output, "logged in\n") << log();
    EXPECT_EQ(ran.status, 0);
  }
}

TEST_F(AgentWithSsh, WaitsForACertificateThatComesAfterItsQuestion) {
  RunningAgent agent(path_);
  auto session = std::async(std::launch::async, [&] { return ssh("proxy"); });
  ASSERT_TRUE(eventually([&] { return agent.clients() == 1; }));
  agent.offer(identity());
  EXPECT_EQ(session.get().output, "logged in\n") << log();
}

TEST_F(AgentWithSsh, LogsInWithAKeyThatStaysInAnotherAgent) {
  const testing::RealAgent users(dir_);
  for (const char* kind : {"ed25519", "ecdsa", "rsa -b 2048"}) {
    const std::string blob = users.add(dir_, kind, "of ann");
    RunningAgent agent(path_);
    agent.offer(testing::certificate_over(blob, ca_, user_), users.path());
    const Ran ran = ssh("proxy");
    EXPECT_EQ(ran.output, "logged in\n") << kind << log();
  }
}

TEST_F(AgentWithSsh, IsRefusedWhereTheOtherAgentHasLostTheKey) {
  const testing::RealAgent users(dir_);
  const std::string blob = users.add(dir_, "ed25519", "of ann");
  RunningAgent agent(path_);
  agent.offer(testing::certificate_over(blob, ca_, user_), users.path());
  EXPECT_EQ(run("SSH_AUTH_SOCK=" + users.path() + " ssh-add -qD").status, 0);
  EXPECT_NE(ssh("proxy").output.find("Permission denied"), std::string::npos);
}

TEST_F(AgentWithSsh, IsRefusedOnceTheCertificateHasExpired) {
  const RunningAgent agent(path_, identity(-1));
  const Ran ran = ssh("proxy");
  EXPECT_EQ(ran.status, 255);
  EXPECT_NE(ran.output.find("Permission denied"), std::string::npos) << ran.output;
}

// The first session has not come to its authentication when the second one takes the path, logs in and ends.
TEST_F(AgentWithSsh, TwoSessionsShareAPath) {
  const std::string gate = dir_ / "gate";
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  const RunningAgent first(path_, identity());
  auto slow = std::async(std::launch::async, [&] { return ssh("slow", "read line < " + gate); });
  std::ofstream opened(gate);  // returns when the ProxyCommand has opened the other end
  {
    RunningAgent second(path_, identity());
    EXPECT_EQ(ssh("proxy").output, "logged in\n") << log();
  }
  opened << "go" << std::endl;
  EXPECT_EQ(slow.get().output, "logged in\n") << log();
}

}  // namespace
}  // namespace cfpipe::auth
