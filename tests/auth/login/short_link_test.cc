#include "auth/login/short_link.h"

#include <gtest/gtest.h>

#include <string>

#include "auth/discovery/cloudflare.h"

namespace cfpipe::auth {
namespace {

constexpr const char* kLinkAuthority = "auth.example.com:8443";

transport::HttpAnswer link_answer(int status, std::string body) {
  transport::HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

Result<std::string> read(const std::string& link) {
  return read_short_link(link_answer(200, R"({"link":")" + link + R"("})"), kLinkAuthority);
}

TEST(ShortLink, IsReadFromTheAnswer) {
  const auto link = read("https://auth.example.com:8443/l/k7mp-2xqa-9rtd");
  ASSERT_TRUE(link) << link.error().detail;
  EXPECT_EQ(*link, "https://auth.example.com:8443/l/k7mp-2xqa-9rtd");
  EXPECT_TRUE(is_short_link("https://auth.example.com/l/x", "auth.example.com"));
  EXPECT_TRUE(read("https://auth.example.com:8443/l/" + std::string(kMaxLinkCodeBytes, 'k')));
}

TEST(ShortLink, LeadsToTheAuthDomainAndNowhereElse) {
  for (const char* link :
       {"https://auth.example.com/l/k7mp", "https://auth.example.com:443/l/k7mp",
        "https://evil.example:8443/l/k7mp", "https://auth.example.com.evil.example:8443/l/k7mp",
        "https://auth.example.com:84430/l/k7mp", "https://auth.example.com:8443@evil.example/l/k7mp",
        "https://u:p@auth.example.com:8443/l/k7mp", "http://auth.example.com:8443/l/k7mp",
        "wss://auth.example.com:8443/l/k7mp", "auth.example.com:8443/l/k7mp",
        "//auth.example.com:8443/l/k7mp", "javascript:alert(1)", "/l/k7mp", ""}) {
    EXPECT_FALSE(read(link)) << link;
  }
}

TEST(ShortLink, HasACodeAndNothingBehindIt) {
  for (const char* target : {"",
                             "/",
                             "/l",
                             "/l/",
                             "/l//k7mp",
                             "/l/k7mp/",
                             "/l/k7mp?x=y",
                             "/l/k7mp#x",
                             "/l/../k7mp",
                             "/l/k%37mp",
                             "/l/k7 mp",
                             "/L/K7MP",
                             "/l/K7MP",
                             "/l/k7mp\\n",
                             "/l/k7mp\\u0007",
                             "/l/k7mp\\u001b[2J",
                             "/l/k7mp\\u0000",
                             "/l/k7mp\xc3\xa9",
                             "/login/k7mp",
                             "/cdn-cgi/access/logout"}) {
    EXPECT_FALSE(read(std::string("https://auth.example.com:8443") + target)) << target;
  }
  EXPECT_FALSE(read("https://auth.example.com:8443/l/" + std::string(kMaxLinkCodeBytes + 1, 'k')));
  EXPECT_FALSE(read("https://AUTH.example.com:8443/l/k7mp")) << "not as it would be printed";
}

TEST(ShortLink, IsNotThereInOtherAnswers) {
  const std::string good = R"({"link":"https://auth.example.com:8443/l/k7mp"})";
  ASSERT_TRUE(read_short_link(link_answer(200, good), kLinkAuthority));
  for (const int status : {201, 204, 302, 400, 404, 405, 429, 500, 503})
    EXPECT_FALSE(read_short_link(link_answer(status, good), kLinkAuthority)) << status;
  for (const char* body :
       {"", "null", "[]", "<html>", R"("https://auth.example.com:8443/l/k7mp")", R"({"link":7})",
        R"({"link":["https://auth.example.com:8443/l/k7mp"]})", R"({"LINK":"x"})",
        R"({"link":"https://auth.example.com:8443/l/k7mp","link":"https://evil.example/"})",
        R"({"link":"https://auth.example.com:8443/l/k7mp"} x)"}) {
    EXPECT_FALSE(read_short_link(link_answer(200, body), kLinkAuthority)) << body;
  }
  const std::string huge = std::string(kMaxLinkAnswerBytes, ' ') + good;
  EXPECT_FALSE(read_short_link(link_answer(200, huge), kLinkAuthority));
}

TEST(ShortLink, IsNotAskedForAtCloudflare) {
  EXPECT_TRUE(is_cloudflares("team.cloudflareaccess.com"));
  EXPECT_FALSE(is_cloudflares("auth.example.com"));
  EXPECT_FALSE(is_cloudflares("team.cloudflareaccess.com.evil.example"));
  EXPECT_FALSE(is_cloudflares("cloudflareaccess.com"));
}

}  // namespace
}  // namespace cfpipe::auth
