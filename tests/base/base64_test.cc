#include "base/base64.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

struct Vector {
  std::string_view bytes;
  std::string_view standard;
  std::string_view url;
};

// RFC 4648 10, and two that use the last digits of both alphabets.
constexpr Vector kVectors[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff", "+/8=", "-_8"},
    {"\xff\xff\xff", "////", "____"},
};

TEST(Base64, EncodesAndDecodesTheVectorsOfRfc4648) {
  for (const Vector& v : kVectors) {
    EXPECT_EQ(base64(v.bytes), v.standard);
    EXPECT_EQ(base64url(v.bytes), v.url);
    EXPECT_EQ(decode_base64(v.standard), v.bytes) << v.standard;
    EXPECT_EQ(decode_base64url(v.url), v.bytes) << v.url;
    EXPECT_EQ(decode_base64url(base64url_padded(v.bytes)), v.bytes);
    EXPECT_EQ(base64url_padded(v.bytes).size(), v.standard.size());
  }
}

TEST(Base64, RoundTripsEveryByteAtEveryOffset) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  for (std::size_t from = 0; from < 4; ++from) {
    const std::string part = all.substr(from);
    EXPECT_EQ(decode_base64(base64(part)), part);
    EXPECT_EQ(decode_base64url(base64url(part)), part);
  }
}

TEST(Base64, RefusesWhatIsNotCanonicalStandardText) {
  for (const std::string_view text :
       {"Zg", "Zg=", "Zg===", "Z", "Z===", "=", "==", "====", "Zg==Zg==", "Z=g=", "Zh==", "Zm9=", "Zm9v\n",
        " Zm9v", "Zm 9v", "-_8=", "Zm9v====", "Zm9v="}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
  EXPECT_EQ(decode_base64(std::string_view("Zm\0v", 4)), std::nullopt);
  EXPECT_EQ(decode_base64("Zm9\xc3"), std::nullopt);
}

TEST(Base64, RefusesWhatIsNotCanonicalUrlSafeText) {
  for (const std::string_view text :
       {"Z", "Zg=", "Zg===", "Zh", "Zm9", "+/8", "Zm9v=", "Zm9v\n", "=", "===="}) {
    EXPECT_EQ(decode_base64url(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace cfpipe
