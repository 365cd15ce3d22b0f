// Which files may hold a secret, and which links may lead there.
#include "base/platform/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temp_dir.h"

namespace cfpipe {
namespace {

constexpr uid_t kUs = 1000;
constexpr gid_t kOurGroup = 1000;
constexpr gid_t kFsGroup = 2000;
constexpr uid_t kAnother = 1234;

struct FaultCase {
  uid_t user;
  gid_t group;
  mode_t mode;
  bool below_run_secrets;
  bool fine;
};

TEST(SecretFileRule, AllowsOthersToReadOnlyWhatRootHasDecided) {
  const SecretReader reader{kUs, {kOurGroup, kFsGroup}};
  for (const FaultCase& test :
       {FaultCase{kUs, kOurGroup, 0600, false, true}, FaultCase{kUs, kOurGroup, 0400, false, true},
        FaultCase{0, 0, 0600, false, true}, FaultCase{0, kFsGroup, 0440, false, true},
        FaultCase{0, kOurGroup, 0640, false, true}, FaultCase{0, kFsGroup, 0460, false, false},
        FaultCase{0, 0, 0440, false, false}, FaultCase{0, kFsGroup, 0444, false, false},
        FaultCase{0, 0, 0444, true, true}, FaultCase{0, 0, 0644, true, true},
        FaultCase{0, 0, 0646, true, false}, FaultCase{0, 0, 0664, true, false},
        FaultCase{kUs, kOurGroup, 0440, false, false}, FaultCase{kUs, kOurGroup, 0444, true, false},
        FaultCase{kUs, kOurGroup, 0601, false, false}, FaultCase{kAnother, kOurGroup, 0600, false, false},
        FaultCase{kAnother, kOurGroup, 0444, true, false}}) {
    struct stat info {};
    info.st_uid = test.user;
    info.st_gid = test.group;
    info.st_mode = S_IFREG | test.mode;
    EXPECT_EQ(!secret_file_fault(info, reader, test.below_run_secrets), test.fine)
        << test.user << ":" << test.group << " " << std::oct << test.mode << " " << test.below_run_secrets;
    info.st_mode = S_IFDIR | test.mode;
    EXPECT_TRUE(secret_file_fault(info, reader, test.below_run_secrets));
  }
}

class SecretFile : public ::testing::Test {
 protected:
  std::string fault_of(const std::string& path) {
    const auto opened = open_secret_file(path);
    if (!opened) return opened.error().detail;
    return *opened ? "" : "missing";
  }
  void link(const std::string& target, const std::string& name) {
    ASSERT_EQ(::symlink(target.c_str(), (dir_ / name).c_str()), 0);
  }
  const TempDir dir_;
};

TEST_F(SecretFile, IsFoundThroughTheLinksOfAKubernetesVolume) {
  ASSERT_EQ(::mkdir((dir_ / "..2026").c_str(), 0755), 0);
  dir_.put("..2026/token", "s\n", 0400);
  link("..2026", "..data");
  link("..data/token", "token");
  EXPECT_EQ(fault_of(dir_ / "token"), "");
  link(dir_ / "token", "absolute");
  EXPECT_EQ(fault_of(dir_ / "absolute"), "");
  EXPECT_EQ(fault_of(dir_ / "..data/../token"), "");
  // The volume's own directory is open to all, with the sticky bit.
  ASSERT_EQ(::chmod(dir_.path().c_str(), 01777), 0);
  EXPECT_EQ(fault_of(dir_ / "token"), "");
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  EXPECT_EQ(fault_of(dir_ / "token"), "leads through a link in a directory that others may write");
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0770), 0);
  EXPECT_EQ(fault_of(dir_ / "..data/token"), "leads through a link in a directory that others may write");
  EXPECT_EQ(fault_of(dir_ / "..2026/token"), "") << "no link, no question";
  ::chmod(dir_.path().c_str(), 0700);
}

TEST_F(SecretFile, BehindALinkOfAnothersIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
  dir_.put("secret", "s\n", 0600);
  link("secret", "theirs");
  ASSERT_EQ(::lchown((dir_ / "theirs").c_str(), kAnother, kAnother), 0);
  EXPECT_EQ(fault_of(dir_ / "theirs"), "leads through a link of another user's");
}

TEST_F(SecretFile, LinksHaveToLeadToAFileThatMayHoldASecret) {
  dir_.put("open", "s\n", 0604);
  link("open", "to-open");
  EXPECT_NE(fault_of(dir_ / "to-open").find("by others"), std::string::npos);
  link("nothing", "dangling");
  EXPECT_EQ(fault_of(dir_ / "dangling"), "missing");
  link("loop", "loop");
  EXPECT_EQ(fault_of(dir_ / "loop"), "leads through too many links");
  link(".", "here");
  EXPECT_EQ(fault_of(dir_ / "here"), "is not a plain file");
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(fault_of(dir_ / "fifo"), "is not a plain file");
  dir_.put("secret", "s\n", 0600);
  EXPECT_EQ(fault_of(dir_ / "secret/more"), "is not a plain file");
  EXPECT_EQ(fault_of(""), "is not a plain file");
  std::string deep = dir_.path();
  for (std::size_t i = 0; i < kMaxSecretSteps; ++i) deep += "/..";
  EXPECT_EQ(fault_of(deep + "/x"), "has too many steps in its path");
}

}  // namespace
}  // namespace cfpipe
