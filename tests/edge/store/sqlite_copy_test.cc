#include "edge/store/sqlite_copy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/platform/files.h"
#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

std::unique_ptr<Store> open_copied(const TempDir& dir) {
  return open_sqlite_store(dir / "state").value();
}

/// As the command does it.
Result<void> backed_up(const TempDir& dir, const std::string& path) {
  auto file = NewFile::make(path);
  if (!file) return file.error();
  if (auto copied = copy_sqlite_store(dir / "state", file->descriptor(), path); !copied) return copied;
  return file->keep();
}

TEST(SqliteCopy, IsCopiedWholeIntoAFileOfItsOwn) {
  const TempDir dir;
  const auto store = open_sqlite_store(dir / "state").value();
  ASSERT_TRUE(store->keys().insert("a", Secret("one")).value());
  const std::uint64_t serial = store->serials().next().value();
  const std::string aud = store->keys().audience("vm.localhost").value();
  ASSERT_EQ(::mkdir((dir / "other").c_str(), 0700), 0);
  const std::string copy = dir / "other/edge.db";
  ASSERT_TRUE(backed_up(dir, copy));
  struct stat info {};
  ASSERT_EQ(::stat(copy.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  ASSERT_TRUE(store->keys().insert("b", Secret("later")).value());
  const auto restored = open_sqlite_store(dir / "other").value();
  EXPECT_EQ(restored->keys().find("a").value()->reveal(), "one");
  EXPECT_FALSE(restored->keys().find("b").value());
  EXPECT_EQ(restored->keys().audience("vm.localhost").value(), aud);
  EXPECT_GT(restored->serials().next().value(), serial);
  EXPECT_FALSE(std::filesystem::exists(dir / "state/edge.db.copy")) << "the draft is gone";
}

TEST(SqliteCopy, IsCopiedOverTheDraftOfABackupThatWasKilled) {
  const TempDir dir;
  const auto store = open_copied(dir);
  ASSERT_TRUE(replace_file(dir / "state/edge.db.copy", std::string(100'000, 'x'), 0600));
  ASSERT_TRUE(backed_up(dir, dir / "copy.db"));
  ASSERT_EQ(::mkdir((dir / "other").c_str(), 0700), 0);
  ASSERT_EQ(::rename((dir / "copy.db").c_str(), (dir / "other/edge.db").c_str()), 0);
  EXPECT_TRUE(open_sqlite_store(dir / "other"));
}

/// Others can put a file of theirs in the place of any name there, at any moment.
TEST(SqliteCopy, ItsCopyGoesIntoTheFileThatWasMadeAndNoOther) {
  const TempDir dir;
  const auto store = open_copied(dir);
  ASSERT_TRUE(store->keys().insert("ssh-ca/a", Secret("a private key")).value());
  for (int i = 0; i < 2000; ++i) {
    AuditRow row;
    row.reason = std::string(1000, 'x');
    ASSERT_TRUE(store->audit().insert(row));
  }
  const std::string path = dir / "copy.db";
  std::atomic<bool> swapped = false;
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!swapped && !done)
      if (::rename(path.c_str(), (dir / "first").c_str()) == 0) swapped = true;
    if (swapped) (void)replace_file(path, "", 0666);
  });
  (void)backed_up(dir, path);
  done = true;
  other.join();
  ASSERT_TRUE(swapped);
  std::error_code gone;
  const auto size = std::filesystem::file_size(path, gone);
  EXPECT_TRUE(gone || size == 0) << "bytes of the state went to another file";
}

TEST(SqliteCopy, IsNotCopiedOverAFileOrIntoNowhere) {
  const TempDir dir;
  const auto store = open_sqlite_store(dir / "state").value();
  const auto over = backed_up(dir, dir / "state/edge.db");
  ASSERT_FALSE(over);
  EXPECT_NE(over.error().detail.find("File exists"), std::string::npos) << over.error().detail;
  EXPECT_TRUE(store->serials().next()) << "and it is still good";
  ASSERT_EQ(::symlink((dir / "elsewhere").c_str(), (dir / "link").c_str()), 0);
  EXPECT_FALSE(backed_up(dir, dir / "link"));
  EXPECT_FALSE(std::filesystem::exists(dir / "elsewhere"));
  EXPECT_FALSE(backed_up(dir, dir / "missing/edge.db"));
}

}  // namespace
}  // namespace cfpipe::edge
