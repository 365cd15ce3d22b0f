#include "base/platform/temporary_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "support/temp_dir.h"

namespace cfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TemporaryFile make(const TempDir& temp, std::string_view content, unsigned mode = 0600) {
  auto made = TemporaryFile::make(temp.path(), content, mode);
  if (!made) throw std::runtime_error(made.error().detail);
  return std::move(*made);
}

TEST(TemporaryFileTest, HasNoNameBeforeItIsPutIntoPlace) {
  const TempDir temp;
  auto file = make(temp, "secret");
  EXPECT_THAT(temp.names(), IsEmpty()) << "a process that is killed now leaves nothing";
  EXPECT_EQ(file.place(temp / "key"), 0);
  EXPECT_THAT(temp.names(), ElementsAre("key"));
  EXPECT_EQ(temp.get("key"), "secret");
}

TEST(TemporaryFileTest, IsGoneIfItIsPutNowhere) {
  const TempDir temp;
  { auto file = make(temp, "secret"); }
  {
    temp.put("key", "older");
    auto file = make(temp, "secret");
    EXPECT_EQ(file.place(temp / "key"), EEXIST);
  }
  EXPECT_THAT(temp.names(), ElementsAre("key"));
  EXPECT_EQ(temp.get("key"), "older");
}

TEST(TemporaryFileTest, MayBeLockedFromTheTimeItHasItsName) {
  const TempDir temp;
  Fd held;
  auto file = make(temp, "content");
  EXPECT_EQ(file.place_locked(temp / "key", held), 0);
  const auto other = open_own_file(temp / "key");
  ASSERT_TRUE(other && *other);
  EXPECT_FALSE(lock_unless_held((*other)->fd));
  held = Fd();
  EXPECT_TRUE(lock_unless_held((*other)->fd));
  EXPECT_EQ(temp.get("key"), "content");
}

TEST(TemporaryFileTest, ReplacesWhatIsThere) {
  const TempDir temp;
  temp.put("key", "older", 0644);
  auto file = make(temp, "newer");
  EXPECT_EQ(file.replace(temp / "key"), 0);
  EXPECT_THAT(temp.names(), ElementsAre("key"));
  EXPECT_EQ(temp.get("key"), "newer");
  EXPECT_EQ(temp.mode("key"), 0600U);
}

TEST(TemporaryFileTest, HasExactlyTheModeThatWasAskedFor) {
  const TempDir temp;
  const mode_t before = ::umask(0277);
  auto file = make(temp, "x", 0644);
  ::umask(before);
  EXPECT_EQ(file.replace(temp / "file"), 0);
  EXPECT_EQ(temp.mode("file"), 0644U);
}

TEST(TemporaryFileTest, APlaceThatFailsIsNamedAndLeavesNothing) {
  const TempDir temp;
  ASSERT_EQ(::mkdir((temp / "directory").c_str(), 0700), 0);
  {
    auto file = make(temp, "x");
    EXPECT_EQ(file.replace(temp / "directory"), EISDIR);
    EXPECT_EQ(file.place(temp / "none/file"), ENOENT);
  }
  EXPECT_THAT(temp.names(), ElementsAre("directory"));
}

TEST(TemporaryFileTest, ADirectoryThatIsMissingIsAFailure) {
  const TempDir temp;
  const auto made = TemporaryFile::make(temp / "none", "x", 0600);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().cause, Cause::state_write_failed);
}

TEST(TemporaryFileSweep, RemovesWhatDeadProcessesHaveLeft) {
  const TempDir temp;
  temp.put(temporary_name(), "a private key");
  temp.put("vm-token", "a token");
  temp.put(".hidden", "another program's");
  sweep_temporary_files(temp.path());
  EXPECT_THAT(temp.names(), ElementsAre(".hidden", "vm-token"));
}

TEST(TemporaryFileSweep, LeavesWhatALivingProcessIsWriting) {
  const TempDir temp;
  const std::string path = temp.put(temporary_name(), "half of it");
  const Fd writer(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(writer.get(), LOCK_EX | LOCK_NB), 0);
  sweep_temporary_files(temp.path());
  EXPECT_EQ(temp.names().size(), 1U);
}

TEST(TemporaryFileSweep, JudgesByItsAgeWhatCannotBeLocked) {
  const TempDir temp;
  const std::string socket = temporary_name();
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (temp / socket).c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  temp.put(".cfpipe-AAAAAAAAAAAA.tmp", "of an earlier release");
  sweep_temporary_files(temp.path());
  EXPECT_EQ(temp.names().size(), 2U);
  temp.set_age(socket, kTemporaryMaxAge + 60);
  temp.set_age(".cfpipe-AAAAAAAAAAAA.tmp", kTemporaryMaxAge + 60);
  sweep_temporary_files(temp.path());
  EXPECT_THAT(temp.names(), IsEmpty());
}

TEST(TemporaryFileSweep, RemovesNoMoreThanItsBoundAtOnce) {
  const TempDir temp;
  for (int i = 0; i < kSweepRemovals + 10; ++i) temp.put(".cfp-" + std::to_string(i), "x");
  sweep_temporary_files(temp.path());
  EXPECT_EQ(temp.names().size(), 10U);
  sweep_temporary_files(temp.path());
  EXPECT_THAT(temp.names(), IsEmpty());
}

TEST(TemporaryFileSweep, LeavesLinksAndDirectories) {
  const TempDir temp;
  ASSERT_EQ(::symlink("target", (temp / ".cfp-link").c_str()), 0);
  ASSERT_EQ(::mkdir((temp / ".cfp-directory").c_str(), 0700), 0);
  sweep_temporary_files(temp.path());
  EXPECT_EQ(temp.names().size(), 2U);
}

}  // namespace
}  // namespace cfpipe
