#include "edge/process/public_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/platform/files.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

TEST(PublicFile, OwnerModeAndLinksDoNotMatter) {
  const TempDir dir;
  const std::string path = dir / "key.pub", link = dir / "link";
  ASSERT_TRUE(replace_file(path, "ssh-ed25519 AAAA\n", 0666));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  ASSERT_EQ(::symlink(path.c_str(), link.c_str()), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 54321, 54321), 0);
  }
  EXPECT_EQ(read_public_file(path).value(), "ssh-ed25519 AAAA\n");
  EXPECT_EQ(read_public_file(link).value(), "ssh-ed25519 AAAA\n");
}

TEST(PublicFile, DescriptorsAreReadAsTheyAre) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_EQ(::write(ends[1], "key\n", 4), 4);
  ::close(ends[1]);
  EXPECT_EQ(read_public_file("/dev/fd/" + std::to_string(ends[0])).value(), "key\n");
  ::close(ends[0]);
  const auto closed = read_public_file("/proc/self/fd/" + std::to_string(ends[0]));
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().stage, Stage::input);
}

TEST(PublicFile, WhatCannotBeReadIsSaidWithItsName) {
  const TempDir dir;
  EXPECT_EQ(read_public_file(dir / "none").error().detail, (dir / "none") + " does not exist");
  EXPECT_EQ(read_public_file(dir / ".").error().detail, (dir / ".") + " cannot be read: Is a directory");
  EXPECT_EQ(read_public_file("/dev/zero").error().detail, "/dev/zero holds more than public keys");
  ASSERT_TRUE(replace_file(dir / "most", std::string(kMaxPublicFileBytes, 'x'), 0600));
  EXPECT_TRUE(read_public_file(dir / "most"));
}

}  // namespace
}  // namespace cfpipe::edge
