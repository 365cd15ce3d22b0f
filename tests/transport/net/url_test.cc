#include "transport/net/url.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/hostile_texts.h"
#include "transport/dial/http_client.h"

namespace cfpipe::transport {
namespace {

using namespace std::string_literals;

TEST(Url, TakesAddressesApart) {
  struct Row {
    const char* text;
    const char* host;
    std::uint16_t port;
    const char* target;
    const char* authority;
  };
  const std::vector<Row> rows = {
      {"vm.example.com", "vm.example.com", 443, "/", "vm.example.com"},
      {"VM.Example.com", "vm.example.com", 443, "/", "vm.example.com"},
      {"vm.example.com.", "vm.example.com", 443, "/", "vm.example.com"},
      {"vm.example.com:8443", "vm.example.com", 8443, "/", "vm.example.com:8443"},
      {"vm.example.com:1/p", "vm.example.com", 1, "/p", "vm.example.com:1"},
      {"vm.example.com:65535", "vm.example.com", 65535, "/", "vm.example.com:65535"},
      {"https://vm.example.com/a%20b?q=1&r=%26#frag", "vm.example.com", 443, "/a%20b?q=1&r=%26",
       "vm.example.com"},
      {"HTTPS://vm.example.com", "vm.example.com", 443, "/", "vm.example.com"},
      {"wss://vm.example.com:443/x", "vm.example.com", 443, "/x", "vm.example.com"},
      {"https://vm.example.com?q", "vm.example.com", 443, "/?q", "vm.example.com"},
      {"[::1]:8443", "::1", 8443, "/", "[::1]:8443"},
      {"https://[2001:DB8::1]/", "2001:db8::1", 443, "/", "[2001:db8::1]"},
      {"127.0.0.1:9", "127.0.0.1", 9, "/", "127.0.0.1:9"},
      {"a_b-c.example", "a_b-c.example", 443, "/", "a_b-c.example"},
      {"127.0.0.1.nip.io:9443", "127.0.0.1.nip.io", 9443, "/", "127.0.0.1.nip.io:9443"},
      {"https://1.2.3.4.evil.com/x", "1.2.3.4.evil.com", 443, "/x", "1.2.3.4.evil.com"},
      {"vm.example.com/a/.../b..c", "vm.example.com", 443, "/a/.../b..c", "vm.example.com"},
  };
  for (const auto& row : rows) {
    const auto url = parse_url(row.text);
    ASSERT_TRUE(url) << row.text << ": " << url.error().detail;
    EXPECT_EQ(url->host, row.host) << row.text;
    EXPECT_EQ(url->port, row.port) << row.text;
    EXPECT_EQ(url->target, row.target) << row.text;
    EXPECT_EQ(url->authority(), row.authority) << row.text;
    const auto again = parse_url(url->str());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->str(), url->str());
  }
}

TEST(Url, RefusesWhatIsHostile) {
  const std::vector<std::string> rows = {
      "",
      " ",
      "http://vm.example.com",
      "ftp://vm.example.com",
      "file:///etc/passwd",
      "javascript://x",
      "https://",
      "https:///path",
      "://x",
      "user@vm.example.com",
      "https://user:pw@vm.example.com/",
      "https://@vm.example.com/",
      "vm.example.com/../x",
      "vm.example.com/a/..",
      "vm.example.com/%2e%2e/x",
      "vm.example.com/a/.%2E/x",
      "..",
      "../x",
      "vm..example.com",
      ".example.com",
      "-vm.example.com",
      "vm example.com",
      "vm.example.com/a b",
      "vm.example.com\r\nX: y",
      "vm.example.com/\n",
      "vm.example.com\t",
      "vm.example.com\\x",
      "vm\0.example.com"s,
      "vm.example.com/\x7f",
      "vm.example.com:0",
      "vm.example.com:65536",
      "vm.example.com:99999",
      "vm..",
      "vm?.example.com",
      "vm.example.com?q",
      "vm.example.com#f",
      "127.1",
      "https://2130706433/",
      "*.example.com",
      "vm.example.com:99999999999999999999",
      "vm.example.com:-1",
      "vm.example.com:x",
      "b\xc3\xbc"
      "cher.example",
      "https://b%c3%bccher.example/",
      "a%2fb.example",
      "[::1",
      "::1",
      "[::1%25eth0]",
      "[v1.x]",
      "https://vm.example.com/%zz",
      "vm.example.com/\xff",
      "a;b.example",
      "vm.example.com,x",
      std::string(254, 'a'),
      "vm.example.com/" + std::string(9000, 'a'),
  };
  for (const auto& text : rows) {
    const auto url = parse_url(text);
    EXPECT_FALSE(url) << printable(text) << " became " << (url ? url->str() : "");
    if (url) continue;
    EXPECT_EQ(url.error().cause, Cause::bad_url);
    EXPECT_EQ(url.error().detail, printable(url.error().detail, 1000)) << "an error is printable";
  }
}

TEST(Url, TakesAHostOfTheLargestSize) {
  std::string host(253, 'a');
  for (std::size_t i = 60; i < host.size(); i += 60) host[i] = '.';
  EXPECT_TRUE(parse_url(host));
}

TEST(Url, FindsQueryParameters) {
  const auto url = parse_url("https://h.example/p?kid=abc&redirect_url=%2Fx%3Fa%3Db&empty=&kid=second");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->path(), "/p");
  EXPECT_EQ(url->query("kid"), "abc");
  EXPECT_EQ(url->query("redirect_url"), "/x?a=b");
  EXPECT_EQ(url->query("empty"), "");
  EXPECT_EQ(url->query("missing"), "");
}

TEST(Url, ResolvesRedirectTargets) {
  const auto base = parse_url("https://vm.example.com:8443/a/b?q=1");
  ASSERT_TRUE(base);
  const auto to = [&](std::string_view location) -> std::string {
    const auto url = resolve_url(*base, location);
    return url ? url->str() : "refused";
  };
  EXPECT_EQ(to("/x?y=z"), "https://vm.example.com:8443/x?y=z");
  EXPECT_EQ(to("c"), "https://vm.example.com:8443/a/c");
  EXPECT_EQ(to("../c"), "https://vm.example.com:8443/c");
  EXPECT_EQ(to("?k=v"), "https://vm.example.com:8443/a/b?k=v");
  EXPECT_EQ(to("//other.example/x"), "https://other.example/x");
  EXPECT_EQ(to("https://other.example/a/./b/../c?q#f"), "https://other.example/a/c?q");
  EXPECT_EQ(to("/.."), "https://vm.example.com:8443/");
  EXPECT_EQ(to("#f"), "https://vm.example.com:8443/a/b?q=1");
  EXPECT_EQ(to("https://team.example/login"), "https://team.example/login");
  for (const char* bad :
       {"", "http://vm.example.com/", "javascript:alert(1)", "data:text/html,x", "//user@evil.example/",
        "https://evil.example\\@vm.example.com/", "/a b", "/\r\nSet-Cookie: x", "https://", "ssh://x",
        "https:vm", "https://1.2.3.4%2eevil/", "//127.1/", "/%2e%2e/x"})
    EXPECT_EQ(to(bad), "refused") << bad;
}

TEST(Url, RefusalsSayWhatIsWrong) {
  const Url base = *parse_url("https://vm.example.com/");
  EXPECT_NE(parse_url("https://user:pw@vm.example.com/").error().detail.find("user name or password"),
            std::string::npos);
  for (const char* location : {"http://vm.example.com/", "ssh://x", "javascript:alert(1)"})
    EXPECT_NE(resolve_url(base, location).error().detail.find("only https is spoken"), std::string::npos)
        << location;
}

TEST(Url, PercentEncodesAllButUnreservedCharacters) {
  EXPECT_EQ(percent_encode("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(percent_encode(" /?&=+%:\n\xc3\xbc"), "%20%2F%3F%26%3D%2B%25%3A%0A%C3%BC");
  EXPECT_EQ(percent_encode("\0"s), "%00");
}

TEST(HttpAnswer, FindsCookiesThatStillHold) {
  HttpAnswer answer;
  const auto cookie = [&answer](std::string line) {
    answer.headers = {{"X", "CF_Authorization=no"}, {"set-COOKIE", std::move(line)}};
    return answer.cookie("CF_Authorization");
  };
  EXPECT_EQ(cookie("CF_Authorization=a.b.c"), "a.b.c");
  EXPECT_EQ(cookie(" CF_Authorization = a=b ; Path=/; Secure"), "a=b");
  EXPECT_EQ(cookie("CF_Authorization=t; Expires=Fri, 01 Jan 2999 00:00:00 GMT; HttpOnly"), "t");
  EXPECT_EQ(cookie("CF_Authorization=t; Max-Age=60"), "t");
  EXPECT_EQ(cookie("CF_Authorization=t; expires=Thu, 01 Jan 1970 00:00:00 GMT"), "");
  EXPECT_EQ(cookie("CF_Authorization=t; expires=Thu, 01-Jan-1970 00:00:00 GMT"), "");
  EXPECT_EQ(cookie("CF_Authorization=t; Max-Age=0"), "");
  EXPECT_EQ(cookie("CF_Authorization=t; max-age=-5"), "");
  EXPECT_EQ(cookie("CF_AuthorizationX=t"), "");
  EXPECT_EQ(cookie("cf_authorization=t"), "") << "cookie names have a case";
  EXPECT_EQ(cookie("CF_Authorization"), "");
  EXPECT_EQ(cookie(""), "");
  EXPECT_EQ(cookie("CF_Authorization=t;"), "t");
  EXPECT_EQ(cookie("CF_Authorization=t;;=;=x; Expires="), "t");
}

TEST(HttpAnswer, LooksBehindADeletedCookieForItsSuccessor) {
  HttpAnswer answer;
  answer.headers = {{"Set-Cookie", "A=old; Max-Age=0"}, {"Set-Cookie", "A=new"}};
  EXPECT_EQ(answer.cookie("A"), "new");
  EXPECT_EQ(answer.header("SET-cookie"), "A=old; Max-Age=0");
}

TEST(Url, ParsedAndPrintedItIsTheSameOrItIsRefused) {
  testing::HostileTexts hostile;
  int urls = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::string text = hostile.next();
    const auto url = parse_url(text);
    if (!url) continue;
    ++urls;
    const auto again = parse_url(url->str());
    ASSERT_TRUE(again && *again == *url) << printable(text);
    ASSERT_EQ(again->str(), url->str());
    const auto followed = resolve_url(*url, text);
    if (followed) {
      ASSERT_TRUE(parse_url(followed->str()) && *parse_url(followed->str()) == *followed);
    }
  }
  EXPECT_GT(urls, 500) << "the texts are not all refused";
}

}  // namespace
}  // namespace cfpipe::transport
