#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace cfpipe {

/// A fresh directory of mode 0700 that goes with everything in it.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cfpipe-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + '/' + std::string(name); }

  /// Writes a file behind the tested code's back.
  std::string put(std::string_view name, std::string_view content, mode_t mode = 0600) const {
    const std::string where = *this / name;
    std::ofstream(where, std::ios::binary | std::ios::trunc) << content;
    EXPECT_EQ(::chmod(where.c_str(), mode), 0);
    return where;
  }
  std::string get(std::string_view name) const {
    std::ifstream file(*this / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool has(std::string_view name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(*this / name));
  }
  mode_t mode(std::string_view name) const {
    struct stat info {};
    EXPECT_EQ(::lstat((*this / name).c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  /// Sets the time of the last change, in seconds from now.
  void set_age(std::string_view name, std::int64_t seconds) const {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= seconds;
    const timespec times[2] = {now, now};
    EXPECT_EQ(::utimensat(AT_FDCWD, (*this / name).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      result.push_back(entry.path().filename());
    std::sort(result.begin(), result.end());
    return result;
  }

 private:
  std::string path_;
};

/// Someone else's user id, for tests that only root can set up.
inline constexpr uid_t kSomeoneElse = 65534;

}  // namespace cfpipe
