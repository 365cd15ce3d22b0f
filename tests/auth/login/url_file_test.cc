#include "auth/login/url_file.h"

#include <gtest/gtest.h>

#include "auth/token/sealed_box.h"
#include "support/temp_dir.h"

namespace cfpipe::auth {
namespace {

constexpr const char* kAuthDomain = "auth.example.com";
constexpr const char* kLink = "https://auth.example.com/l/k7mp-2xqa-9rtd";

class UrlFiles : public ::testing::Test {
 protected:
  std::optional<LoginPage> read() { return UrlFile::read(state_, "x-token", kAuthDomain); }
  bool has(const char* name) { return state_.read(name).value().has_value(); }

  TempDir dir_;
  StateDir state_ = StateDir::at(dir_.path()).value();
  const std::string url_ =
      "https://vm.example.com/cdn-cgi/access/cli?token=" + TransferReceiver().public_key();
};

TEST_F(UrlFiles, TellTheUrlAndTheLinkWhileALoginIsInProgress) {
  EXPECT_FALSE(read());
  {
    const UrlFile file(state_, "x-token", {url_, kLink});
    EXPECT_EQ(state_.read("x-token.url").value()->reveal(), url_) << "what cloudflared reads";
    const auto page = read();
    ASSERT_TRUE(page);
    EXPECT_EQ(page->url, url_);
    EXPECT_EQ(page->link, kLink);
  }
  EXPECT_FALSE(has("x-token.url") || has("x-token.link"));
}

TEST_F(UrlFiles, NeedNoLink) {
  const UrlFile file(state_, "x-token", {url_, ""});
  EXPECT_FALSE(has("x-token.link"));
  const auto page = read();
  ASSERT_TRUE(page);
  EXPECT_EQ(page->url, url_);
  EXPECT_EQ(page->link, "");
}

TEST_F(UrlFiles, OfAKilledProcessLendTheirLinkToNoOtherUrl) {
  ASSERT_TRUE(state_.write("x-token.link", std::string(kLink) + "\nhttps://vm.example.com/another"));
  ASSERT_TRUE(state_.write("x-token.url", url_));
  EXPECT_EQ(read()->link, "");
  UrlFile::remove(state_, "x-token");
  EXPECT_FALSE(has("x-token.url") || has("x-token.link"));
}

TEST_F(UrlFiles, AreReadWithTheSameCareAsAnAnswer) {
  ASSERT_TRUE(state_.write("x-token.url", url_));
  for (const std::string link :
       {"https://evil.example/l/k7mp", "https://auth.example.com/l/\x1b[2J", "", "x"}) {
    ASSERT_TRUE(state_.write("x-token.link", link + "\n" + url_));
    EXPECT_EQ(read()->link, "") << link;
  }
  ASSERT_TRUE(state_.write("x-token.link", kLink));
  EXPECT_EQ(read()->link, "");
  ASSERT_TRUE(state_.write("x-token.url", "https://vm.example.com/\x1b[2J"));
  EXPECT_EQ(read()->url.find('\x1b'), std::string::npos);
}

TEST_F(UrlFiles, ShowTheLinkWithTheCodeOfItsPage) {
  const LoginLink with = LoginPage{url_, kLink}.shown(kAuthDomain);
  EXPECT_EQ(with.url, kLink);
  EXPECT_TRUE(with.any_case);
  EXPECT_EQ(with.code.size(), 9U);
  const LoginLink without = LoginPage{url_, ""}.shown(kAuthDomain);
  EXPECT_EQ(without.url, url_);
  EXPECT_FALSE(without.any_case) << "the key in it has upper and lower case";
  EXPECT_EQ(without.code, with.code);
  EXPECT_EQ((LoginPage{url_, ""}.shown("team.cloudflareaccess.com").code), "");
}

}  // namespace
}  // namespace cfpipe::auth
