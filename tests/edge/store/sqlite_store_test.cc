// What the store in SQLite does with files and processes; what any store does is in conformance_*_test.cc.
#include "edge/store/sqlite_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "base/platform/files.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

std::unique_ptr<Store> open_store(const TempDir& dir) {
  return open_sqlite_store(dir / "state").value();
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777u;
}

TEST(SqliteStore, FilesAreForTheirOwnerOnly) {
  const TempDir dir;
  const auto store = open_store(dir);
  ASSERT_TRUE(store->serials().next());
  EXPECT_EQ(mode_of(dir / "state"), 0700u);
  for (const char* name : {"edge.db", "edge.db-wal", "edge.db-shm"})
    EXPECT_EQ(mode_of((dir / "state") + "/" + name), 0600u) << name;
}

/// Whether another process could have the database for itself: SQLite's shared lock is on these bytes.
bool locked_by_this_process(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 0x40000002;
    lock.l_len = 510;
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    const bool asked = file >= 0 && ::fcntl(file, F_GETLK, &lock) == 0;
    ::_exit(asked && lock.l_type != F_UNLCK ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

TEST(SqliteStore, OpeningASecondHandleKeepsTheLocksOfTheFirst) {
  const TempDir dir;
  const auto store = open_store(dir);
  ASSERT_TRUE(store->serials().next());
  ASSERT_TRUE(locked_by_this_process(dir / "state/edge.db"));
  open_store(dir).reset();
  EXPECT_TRUE(locked_by_this_process(dir / "state/edge.db"));
}

TEST(SqliteStore, MakesADatabasePrivateThatOthersCouldRead) {
  const TempDir dir;
  open_store(dir).reset();
  ASSERT_EQ(::chmod((dir / "state/edge.db").c_str(), 0644), 0);
  const auto store = open_store(dir);
  EXPECT_EQ(mode_of(dir / "state/edge.db"), 0600u);
}

TEST(SqliteStore, RefusesADirectoryOpenToOthersUnlessEmpty) {
  const TempDir dir;
  const std::string path = dir / "wide";
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_TRUE(prepare_state_dir(path));
  EXPECT_EQ(mode_of(path), 0700u);
  ASSERT_TRUE(replace_file(path + "/something", "x", 0644));
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_FALSE(prepare_state_dir(path));
  EXPECT_EQ(mode_of(path), 0755u);
}

TEST(SqliteStore, RefusesAFileThatIsNoDatabase) {
  const TempDir dir;
  ASSERT_TRUE(prepare_state_dir(dir / "state"));
  ASSERT_TRUE(replace_file(dir / "state/edge.db", std::string(5000, 'x'), 0600));
  EXPECT_FALSE(open_sqlite_store(dir / "state"));
}

/// Hands out serials to a pipe until it is killed in the middle of it.
TEST(SqliteStore, SurvivesKillAndNeverRepeatsASerial) {
  const TempDir dir;
  open_store(dir).reset();
  std::set<std::uint64_t> seen;
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto store = open_sqlite_store(dir / "state");
      while (store) {
        const auto serial = (*store)->serials().next();
        if (!serial || ::write(pipe_ends[1], &*serial, sizeof *serial) < 0) break;
      }
      ::_exit(1);
    }
    ::close(pipe_ends[1]);
    std::uint64_t serial = 0;
    // Far enough to be killed inside of blocks of all sizes.
    for (int i = 0; i < 20 + 300 * round; ++i) {
      ASSERT_EQ(::read(pipe_ends[0], &serial, sizeof serial), static_cast<ssize_t>(sizeof serial));
      EXPECT_TRUE(seen.insert(serial).second) << serial;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(pipe_ends[0], &serial, sizeof serial) == static_cast<ssize_t>(sizeof serial))
      EXPECT_TRUE(seen.insert(serial).second) << serial;
    ::close(pipe_ends[0]);
  }
  EXPECT_TRUE(seen.insert(open_store(dir)->serials().next().value()).second);
}

}  // namespace
}  // namespace cfpipe::edge
