#include "edge/http/cookies.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace cfpipe::edge {
namespace {

using Names = std::vector<std::string>;

Request request_with(const std::vector<std::string>& cookie_headers, const std::string& site = {}) {
  Request request;
  request.method = "GET";
  for (const std::string& header : cookie_headers) request.headers.emplace_back("cookie", header);
  if (!site.empty()) request.headers.emplace_back("sec-fetch-site", site);
  return request;
}

TEST(Cookies, AllOfANameAreFoundInOrder) {
  const Request request = request_with({"a=1; b=2;a=\"3\"", "xa=4; a = 5; a=6=7", "A=8; a"});
  EXPECT_EQ(cookies(request, "a"), (Names{"1", "3", "6=7"}));
  EXPECT_EQ(cookie_value(request, "a"), "1");
  EXPECT_EQ(cookies(request, "c"), Names{});
  EXPECT_EQ(cookie_value(request, "c"), "");
}

TEST(Cookies, QuotesAroundAValueAreNotPartOfIt) {
  EXPECT_EQ(cookies(request_with({R"(a="1"; a="2; a=3"; a="; a=""; a=)"}), "a"),
            (Names{"1", "\"2", "3\"", "\"", "", ""}));
}

TEST(Cookies, OfANameAreBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "a=" + std::to_string(i) + "; ";
  EXPECT_EQ(cookies(request_with({many, many}), "a").size(), kMaxSameCookies);
}

TEST(Cookies, AHostBoundTokenIsTriedBeforeOthers) {
  const std::string cookies = "CF_Authorization=planted; CF_Authorization=own; __Host-CF_Authorization=bound";
  EXPECT_EQ(token_cookies(request_with({cookies})), (Names{"bound", "planted", "own"}));
  EXPECT_EQ(token_cookies(request_with({"CF_Authorization=a"})), Names{"a"});
}

TEST(Cookies, OfABrowserOnlyTheHostBoundTokenCounts) {
  for (const char* site : {"none", "same-origin", "same-site", "cross-site"}) {
    EXPECT_EQ(token_cookies(request_with({"CF_Authorization=planted; __Host-CF_Authorization=bound"}, site)),
              Names{"bound"});
    EXPECT_EQ(token_cookies(request_with({"CF_Authorization=planted"}, site)), Names{});
  }
}

TEST(Cookies, ASessionIsShownByTheHostBoundCookie) {
  const std::string hash = hex(sha256("s"));
  EXPECT_TRUE(shows_session(request_with({"__Host-CF_AppSession=s"}), hash, false));
  EXPECT_TRUE(shows_session(request_with({"__Host-CF_AppSession=s"}, "same-site"), hash, false));
  EXPECT_FALSE(shows_session(request_with({"CF_AppSession=s"}), hash, false));
  EXPECT_FALSE(shows_session(request_with({"__Host-CF_AppSession=t"}), hash, false));
  EXPECT_FALSE(shows_session(request_with({}), hash, false));
  EXPECT_FALSE(shows_session(request_with({}), hex(sha256("")), false)) << "none is not an empty one";
}

TEST(Cookies, ASessionOfAnExchangeIsShownByAProgramAlone) {
  const std::string hash = hex(sha256("s"));
  Request program = request_with({"CF_AppSession=x; CF_AppSession=s"});
  program.method = "HEAD";
  EXPECT_TRUE(shows_session(program, hash, true));
  EXPECT_FALSE(shows_session(program, hash, false));
  EXPECT_FALSE(shows_session(request_with({"CF_AppSession=s"}), hash, true)) << "a page that is opened";
  Request script = request_with({"CF_AppSession=s; __Host-CF_AppSession=s"}, "same-site");
  script.method = "HEAD";
  EXPECT_FALSE(shows_session(script, hash, true)) << "a request of a page's script";
}

TEST(Cookies, ThosePagesThatLeadHereFromElsewhereAreKnown) {
  EXPECT_TRUE(led_here_from_elsewhere(request_with({}, "cross-site")));
  EXPECT_TRUE(led_here_from_elsewhere(request_with({}, "same-site")));
  EXPECT_FALSE(led_here_from_elsewhere(request_with({}, "same-origin")));
  EXPECT_FALSE(led_here_from_elsewhere(request_with({}, "none")));
  EXPECT_FALSE(led_here_from_elsewhere(request_with({})));
}

TEST(Cookies, AnApplicationOnAPathHasOneOfItsOwn) {
  const std::string aud(64, 'a');
  const auto cookie = [&](const char* name) {
    return browser_token_cookie(AppName::parse(name).value(), aud);
  };
  EXPECT_EQ(cookie("vm.example.com"), "__Host-CF_Authorization");
  EXPECT_EQ(cookie("*.example.com"), "__Host-CF_Authorization");
  EXPECT_EQ(cookie("vm.example.com/a"), "__Host-CF_Authorization-aaaaaaaaaaaaaaaa");
  const auto path = [](const char* name) { return token_cookie_path(AppName::parse(name).value()); };
  EXPECT_EQ(path("vm.example.com"), "/");
  EXPECT_EQ(path("vm.example.com/a/b"), "/a/b");
  EXPECT_EQ(path("vm.example.com/a/*"), "/") << "no cookie is for a pattern";
  const Request request = request_with(
      {"x=1; __Host-CF_Authorization-0123456789abcdef=t; __Host-CF_Authorization=u",
       "__Host-CF_Authorization-short=1",
       "__Host-CF_Authorization-0123456789abcdeG=1; __Host-CF_Authorization-0123456789abcdef=again"});
  EXPECT_EQ(path_token_cookies(request), Names{"__Host-CF_Authorization-0123456789abcdef"});
}

}  // namespace
}  // namespace cfpipe::edge
