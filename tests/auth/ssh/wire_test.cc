#include "auth/ssh/wire.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cfpipe::auth {
namespace {

using namespace std::string_view_literals;

struct Mpint {
  std::string_view magnitude;
  std::string_view wire;
};

// The non-negative examples of RFC 4251, section 5; 0x80 is the one that needs a zero in front.
TEST(SshWire, WritesTheMpintsOfRfc4251) {
  const std::vector<Mpint> table{
      {""sv, "\0\0\0\0"sv},
      {"\0\0"sv, "\0\0\0\0"sv},
      {"\x09\xa3\x78\xf9\xb2\xe3\x32\xa7"sv, "\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7"sv},
      {"\x80"sv, "\0\0\0\x02\0\x80"sv},
      {"\0\0\0\x80"sv, "\0\0\0\x02\0\x80"sv},
      {"\0\x7f"sv, "\0\0\0\x01\x7f"sv},
      {"\xff\xff"sv, "\0\0\0\x03\0\xff\xff"sv},
  };
  for (const Mpint& row : table) EXPECT_EQ(SshWriter().mpint(row.magnitude).take(), row.wire);
}

TEST(SshWire, WritesTheOtherTypesOfRfc4251) {
  EXPECT_EQ(SshWriter().u32(699921578).take(), "\x29\xb7\xf4\xaa"sv);
  EXPECT_EQ(SshWriter().string("testing").take(), "\0\0\0\x07testing"sv);
  EXPECT_EQ(SshWriter().string("zlib,none").take(), "\0\0\0\x09zlib,none"sv);
  EXPECT_EQ(SshWriter().byte(0xfe).take(), "\xfe"sv);
  EXPECT_EQ(SshWriter().u64(0x0102030405060708).take(), "\x01\x02\x03\x04\x05\x06\x07\x08"sv);
  EXPECT_EQ(SshWriter().u64(0xffffffffffffffff).take(), "\xff\xff\xff\xff\xff\xff\xff\xff"sv);
}

TEST(SshWire, ReadsWhatItWrote) {
  const std::string wire = SshWriter()
                               .byte(7)
                               .u32(0x80000001)
                               .u64(0x8000000000000001)
                               .string("a\0b"sv)
                               .string("")
                               .raw("xy")
                               .take();
  SshReader reader(wire);
  EXPECT_EQ(reader.byte(), 7);
  EXPECT_EQ(reader.u32(), 0x80000001);
  EXPECT_EQ(reader.u64(), 0x8000000000000001);
  EXPECT_EQ(reader.string(), "a\0b"sv);
  EXPECT_EQ(reader.string(), "");
  EXPECT_TRUE(reader.ok());
  EXPECT_FALSE(reader.finished());
  EXPECT_EQ(reader.rest(), "xy");
}

TEST(SshWire, ReadsNothingBehindTheEnd) {
  const std::string wire = SshWriter().u32(5).string("abc").take();
  for (std::size_t size = 0; size < wire.size(); ++size) {
    SshReader reader(std::string_view(wire).substr(0, size));
    reader.u32();
    reader.string();
    EXPECT_FALSE(reader.ok()) << size;
    EXPECT_FALSE(reader.finished()) << size;
    EXPECT_EQ(reader.byte(), 0);
    EXPECT_EQ(reader.u64(), 0U);
    EXPECT_EQ(reader.string(), "");
    EXPECT_EQ(reader.rest(), "");
  }
}

TEST(SshWire, RefusesALengthBeyondTheInput) {
  SshReader reader("\xff\xff\xff\xff more"sv);
  EXPECT_EQ(reader.string(), "");
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace cfpipe::auth
