#include "cli/console/log_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace cfpipe::cli {
namespace {

namespace fs = std::filesystem;

class LogFileTest : public ::testing::Test {
 protected:
  LogFileTest() {
    char name[] = "/tmp/cfpipe-log-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  ~LogFileTest() override { fs::remove_all(dir_); }

  static std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static unsigned mode(const fs::path& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
  }

  fs::path dir_;
  std::string line_ = std::string(1023, 'x') + "\n";
};

TEST_F(LogFileTest, MissingDirectoriesAreMadePrivate) {
  auto file = LogFile::open(dir_ / "a/b/log", false);
  ASSERT_TRUE(file) << file.error().detail;
  file->append("one\n");
  EXPECT_EQ(read(dir_ / "a/b/log"), "one\n");
  EXPECT_EQ(mode(dir_ / "a"), 0700U);
  EXPECT_EQ(mode(dir_ / "a/b"), 0700U);
  EXPECT_EQ(mode(dir_ / "a/b/log"), 0600U);
}

TEST_F(LogFileTest, AFileGrowsWithoutLimitAndOneThatRollsDoesNot) {
  auto grows = LogFile::open(dir_ / "grows", false);
  auto rolls = LogFile::open(dir_ / "rolls", true);
  for (int i = 0; i < 8 * 1024; ++i) {
    grows->append(line_);
    rolls->append(line_);
  }
  EXPECT_EQ(fs::file_size(dir_ / "grows"), 8U * 1024 * 1024);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (!entry.path().filename().string().starts_with("rolls")) continue;
    ++files;
    EXPECT_LE(fs::file_size(entry), static_cast<std::uintmax_t>(kLogRollBytes));
    EXPECT_EQ(mode(entry), 0600U);
  }
  EXPECT_EQ(files, kLogsKept + 1U);
}

TEST_F(LogFileTest, OfManyWritersNoneLosesALine) {
  constexpr int kWriters = 4;
  constexpr int kLines = 700;  // of 1 KiB: two rolls in all
  for (int writer = 0; writer < kWriters; ++writer) {
    if (::fork() != 0) continue;
    auto file = LogFile::open(dir_ / "log", true);
    for (int i = 0; file && i < kLines; ++i)
      file->append(std::string(1023, static_cast<char>('a' + writer)) + "\n");
    ::_exit(0);
  }
  for (int writer = 0; writer < kWriters; ++writer) ::wait(nullptr);
  int lines = 0;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    std::ifstream text(entry.path());
    for (std::string line; std::getline(text, line); ++lines) {
      ASSERT_EQ(line.size(), 1023U);
      ASSERT_EQ(line.find_first_not_of(line[0]), std::string::npos) << "lines are whole";
    }
  }
  EXPECT_EQ(lines, kWriters * kLines);
}

TEST_F(LogFileTest, ALinkIsNotFollowed) {
  fs::create_symlink(dir_ / "elsewhere", dir_ / "log");
  const auto file = LogFile::open(dir_ / "log", true);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().stage, Stage::config);
  EXPECT_FALSE(fs::exists(dir_ / "elsewhere"));
}

}  // namespace
}  // namespace cfpipe::cli
