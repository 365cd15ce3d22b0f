#include "edge/process/as_owner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "edge/command/commands.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

/// A user without an account, and a group of its own.
constexpr uid_t kOwner = 54321;
constexpr gid_t kOwnerGroup = 54322;

bool is_root() {
  return ::geteuid() == 0;
}

/// The line of /proc/self/status, without its name.
std::string status_line(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return line.substr(name.size() + 1);
  return {};
}

/// What a process of root's has become, seen by itself: it cannot be undone there.
std::string become(const std::string& directory, Keep keep) {
  const auto end = run_in_child([&](std::string& out) {
    if (const auto became = become_owner(directory, keep); !became) return complain(became.error());
    out = "uid" + status_line("Uid") + " gid" + status_line("Gid") + " groups" + status_line("Groups") +
          " permitted" + status_line("CapPrm") + " effective" + status_line("CapEff") + " ambient" +
          status_line("CapAmb") + " new" + status_line("NoNewPrivs");
    if (::setuid(0) == 0 || ::seteuid(0) == 0 || ::setgid(0) == 0) out += " and is root again";
    const int file = ::open((directory + "/made").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) out += " and cannot write there";
    if (::access("/proc/1/environ", R_OK) == 0) out += " and reads what is root's";
    return kOk;
  });
  EXPECT_TRUE(end);
  EXPECT_EQ(end->status, kOk);
  return end->output;
}

class AsOwner : public ::testing::Test {
 protected:
  AsOwner() {
    EXPECT_EQ(::mkdir(state_.c_str(), 0700), 0);
    if (is_root()) {
      EXPECT_EQ(::chmod((dir_ / ".").c_str(), 0755), 0);
      EXPECT_EQ(::chown(state_.c_str(), kOwner, kOwnerGroup), 0);
    }
  }
  TempDir dir_;
  std::string state_ = dir_ / "state";
};

TEST_F(AsOwner, RootBecomesTheOwnerForGood) {
  if (!is_root()) GTEST_SKIP() << "only root has something to give up";
  EXPECT_EQ(become(state_, Keep::nothing),
            "uid\t54321\t54321\t54321\t54321 gid\t54322\t54322\t54322\t54322 groups\t54322 "
            " permitted\t0000000000000000 effective\t0000000000000000 ambient\t0000000000000000 new\t1");
  EXPECT_EQ(::geteuid(), 0u) << "the process that asked for it is root still";
}

TEST_F(AsOwner, RootBecomesAnAccountOrAGroupWithoutOne) {
  if (!is_root()) GTEST_SKIP() << "only root has something to give up";
  ASSERT_EQ(::chown(state_.c_str(), kOwner, 0), 0);
  const std::string without_group = become(state_, Keep::nothing);
  EXPECT_NE(without_group.find(" gid\t65534\t65534\t65534\t65534 groups\t65534 "), std::string::npos)
      << without_group;
  const passwd* account = ::getpwnam("nobody");  // the name that Debian gives an account without files
  if (account == nullptr) GTEST_SKIP() << "no account to become";
  const auto user = std::to_string(account->pw_uid), group = std::to_string(account->pw_gid);
  std::filesystem::remove(state_ + "/made");
  ASSERT_EQ(::chown(state_.c_str(), account->pw_uid, account->pw_gid), 0);
  const std::string became = become(state_, Keep::nothing);
  EXPECT_TRUE(became.starts_with("uid\t" + user + "\t" + user + "\t" + user + "\t" + user + " gid\t" + group))
      << became;
  EXPECT_NE(became.find(" groups\t" + group + " "), std::string::npos) << became;
  EXPECT_EQ(became.find(" and "), std::string::npos) << became;
}

TEST_F(AsOwner, ADirectoryOutOfReachIsAFault) {
  if (!is_root()) GTEST_SKIP() << "root reaches everything, and alone can stop being root";
  const std::string closed = dir_ / "closed";
  ASSERT_EQ(::mkdir(closed.c_str(), 0700), 0);
  const auto end = run_in_child([&](std::string& out) {
    if (const auto became = become_owner(state_); !became) return complain(became.error());
    const auto checked = check_owner(closed + "/state");
    out = checked ? "no fault" : checked.error().detail;
    return kOk;
  });
  ASSERT_TRUE(end);
  EXPECT_EQ(end->output,
            closed + "/state: Permission denied; run this as root (sudo), or as the edge's user");
}

TEST_F(AsOwner, OneThatServesKeepsLowPortsAndNothingElse) {
  if (!is_root()) GTEST_SKIP() << "only root has something to give up";
  const std::string became = become(state_, Keep::low_ports);
  EXPECT_NE(became.find(" permitted\t0000000000000400 effective\t0000000000000400 "), std::string::npos)
      << became;
  EXPECT_EQ(became.find(" and "), std::string::npos) << became;
}

TEST_F(AsOwner, NothingIsGivenUpWhereTheStateIsRootsOrMissing) {
  EXPECT_TRUE(become_owner(dir_ / "missing"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "missing"));
  ASSERT_EQ(::chown(state_.c_str(), ::geteuid(), ::getegid()), 0);
  EXPECT_TRUE(become_owner(state_));
  EXPECT_TRUE(check_owner(state_));
  EXPECT_TRUE(check_owner(dir_ / "missing"));
}

TEST_F(AsOwner, AnotherUserIsToldWhoMayDoIt) {
  if (!is_root()) GTEST_SKIP() << "only root can give a directory away";
  const auto checked = check_owner(state_);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().detail,
            state_ + " belongs to user 54321; run this as root (sudo), or as user 54321");
}

TEST(InChild, OutputAndStatusComeBack) {
  const std::string large(3'000'000, 'x');
  const auto end = run_in_child([&](std::string& out) { return out = large, kOk; });
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, kOk);
  EXPECT_EQ(end->output, large);
  EXPECT_EQ(run_in_child([](std::string&) { return kBadConfig; })->status, kBadConfig);
}

TEST(InChild, OneThatIsKilledOrThrowsIsAFailure) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_in_child([](std::string&) { return ::raise(SIGKILL); })->status, kUnavailable);
  EXPECT_EQ(run_in_child([](std::string&) -> int { throw std::runtime_error("why"); })->status, kUnavailable);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("was ended by signal 9; run it again"), std::string::npos) << said;
}

TEST(InChild, MoreThanIsKeptIsAFailureAndNotWaitedFor) {
  ::testing::internal::CaptureStderr();
  const auto end =
      run_in_child([](std::string& out) { return out.assign(kMaxChildOutputBytes + 1, 'x'), kOk; });
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("larger than 64 MiB"), std::string::npos);
  EXPECT_EQ(end->status, kUnavailable);
}

}  // namespace
}  // namespace cfpipe::edge
