// What names of applications mean: whom they cover, and which of two decides.
#include "edge/policy/app_name.h"

#include <gtest/gtest.h>

namespace cfpipe::edge {
namespace {

std::string canonical(std::string_view text) {
  const auto name = AppName::parse(text);
  return name ? name->text() : std::string();
}

/// `host/path` against one name.
bool covers(std::string_view name, std::string_view url) {
  const auto parsed = AppName::parse(name).value();
  const auto slash = std::min(url.find('/'), url.size());
  const auto path = canonical_path(url.substr(slash));
  return parsed.covers_host(url.substr(0, slash)) && path && parsed.covers_path(*path);
}

/// The name that decides of those, `ambiguous`, or nothing.
std::string decides(const std::vector<std::string>& names, std::string_view url) {
  std::vector<AppName> parsed;
  for (const std::string& name : names) parsed.push_back(AppName::parse(name).value());
  const AppIndex index(std::move(parsed));
  const auto slash = std::min(url.find('/'), url.size());
  const auto found = index.find(url.substr(0, slash), url.substr(slash));
  if (found.ambiguous) return "ambiguous";
  return found.name == nullptr ? std::string() : found.name->text();
}

TEST(AppNames, HaveOneSpelling) {
  EXPECT_EQ(canonical("VM.Example.com"), "vm.example.com");
  EXPECT_EQ(canonical("vm.example.com/"), "vm.example.com");
  EXPECT_EQ(canonical("vm.example.com/*"), "vm.example.com");
  EXPECT_EQ(canonical("VM.example.com/Team-A/"), "vm.example.com/Team-A");
  EXPECT_EQ(canonical("*.Example.com"), "*.example.com");
  EXPECT_EQ(canonical("*.*.example.com/a/*"), "*.*.example.com/a/*");
  EXPECT_EQ(canonical("build-*.example.com"), "build-*.example.com");
  EXPECT_TRUE(valid_app_name("vm.example.com/team-a"));
  EXPECT_FALSE(valid_app_name("vm.example.com/team-a/"));
  EXPECT_FALSE(valid_app_name("VM.example.com"));
}

TEST(AppNames, ThatAreNoneAreRefused) {
  for (const char* text : {"",
                           "/",
                           "/a",
                           "*",
                           "*.com*",
                           "example.*",
                           "vm.example.com:443",
                           "10.0.0.1",
                           "[::1]",
                           "::1/a",
                           "a_b.example.com",
                           "**.example.com",
                           "a*b*c.example.com",
                           "vm.example.com//a",
                           "vm.example.com/a//b",
                           "vm.example.com/../a",
                           "vm.example.com/.",
                           "vm.example.com/a%2fb",
                           "vm.example.com/a?b",
                           "vm.example.com/a#b",
                           "vm.example.com/a b",
                           "vm.example.com/\"a\"",
                           "vm.example.com/a*b*c",
                           "vm.example.com/cdn-cgi",
                           "vm.example.com/cdn-cgi/access",
                           "vm.example.com/cdn*",
                           "vm.example.com/*/a",
                           "https://vm.example.com",
                           "vm.example.com/1/2/3/4/5/6/7/8/9"})
    EXPECT_EQ(canonical(text), "") << text;
  EXPECT_EQ(canonical("vm.example.com/" + std::string(kMaxAppPathBytes, 'a')), "");
}

TEST(AppNames, AStarIsOneLabel) {
  EXPECT_TRUE(covers("*.example.com", "a.example.com"));
  EXPECT_TRUE(covers("*.example.com", "a_b.example.com/any/path"));
  for (const char* host : {"example.com", "a.b.example.com", "aexample.com", ".example.com",
                           "a.example.com.evil.org", "example.com.a", ""})
    EXPECT_FALSE(covers("*.example.com", host)) << host;
  EXPECT_TRUE(covers("*.*.example.com", "a.b.example.com"));
  EXPECT_FALSE(covers("*.*.example.com", "a.example.com"));
  EXPECT_TRUE(covers("*test.example.com", "test.example.com"));
  EXPECT_TRUE(covers("*test.example.com", "alphatest.example.com"));
  EXPECT_FALSE(covers("*test.example.com", "beta.test.example.com"));
  EXPECT_TRUE(covers("ab*ba.example.com", "abba.example.com"));
  EXPECT_FALSE(covers("ab*ba.example.com", "aba.example.com")) << "no character counts twice";
}

TEST(AppNames, APathCoversWhatIsBelowIt) {
  for (const char* url : {"vm.example.com/team-a", "vm.example.com/team-a/", "vm.example.com/team-a/x/y",
                          "vm.example.com/team%2da", "vm.example.com/%74eam-%61"})
    EXPECT_TRUE(covers("vm.example.com/team-a", url)) << url;
  for (const char* url : {"vm.example.com", "vm.example.com/", "vm.example.com/team-ab",
                          "vm.example.com/team", "vm.example.com/Team-A", "vm.example.com/team-b",
                          "vm.example.com/x/team-a", "vm.example.com/team-a;x", "vm.example.com/team%252da"})
    EXPECT_FALSE(covers("vm.example.com/team-a", url)) << url;
  EXPECT_TRUE(covers("vm.example.com/a/*", "vm.example.com/a/b/c"));
  EXPECT_FALSE(covers("vm.example.com/a/*", "vm.example.com/a"));
  EXPECT_FALSE(covers("vm.example.com/a/*", "vm.example.com/a/"));
  EXPECT_TRUE(covers("vm.example.com/a-*/b", "vm.example.com/a-1/b"));
}

// The examples of Cloudflare's page "Application paths", and what follows from them.
TEST(AppNames, AStarInAPathCoversSegmentsInBetween) {
  for (const char* url :
       {"vm.example.com/foo/bar", "vm.example.com/food/bar", "vm.example.com/food/stuff/bar",
        "vm.example.com/food/stuff/bar/below", "vm.example.com/foo/bar/bar",
        "vm.example.com/foo/1/2/3/4/5/6/7/8/9/bar", "vm.example.com/fo%6f/b%61r"})
    EXPECT_TRUE(covers("vm.example.com/foo*/bar", url)) << url;
  for (const char* url : {"vm.example.com/foo", "vm.example.com/fo/bar", "vm.example.com/food/bars",
                          "vm.example.com/foo/bars/x", "vm.example.com/x/foo/bar", "vm.example.com/foobar"})
    EXPECT_FALSE(covers("vm.example.com/foo*/bar", url)) << url;
  EXPECT_TRUE(covers("vm.example.com/a/*/b*d/e", "vm.example.com/a/x/y/bc/d/e"));
  EXPECT_FALSE(covers("vm.example.com/a/*/b*d/e", "vm.example.com/a/bd/e"));
  // However long it is, a path is looked at once.
  std::string deep = "vm.example.com/foo";
  for (int i = 0; i < 10'000; ++i) deep += "/ba";
  EXPECT_FALSE(covers("vm.example.com/foo*/b*/bar", deep));
  EXPECT_TRUE(covers("vm.example.com/foo*/b*/bar", deep + "/bar"));
}

TEST(AppNames, AStarInAPathNeverCoversTheEdgesOwn) {
  EXPECT_TRUE(covers("vm.example.com/c*x", "vm.example.com/cd/x"));
  EXPECT_FALSE(covers("vm.example.com/c*x", "vm.example.com/cdn-cgi/x"));
  EXPECT_FALSE(covers("vm.example.com/c*x", "vm.example.com/cdn-cgi/access/x"));
}

TEST(AppNames, TheFrontIsTheTopOfWhatAnApplicationCovers) {
  const auto front = [](std::string_view name, std::string_view path) {
    return AppName::parse(name).value().is_front(*canonical_path(path));
  };
  EXPECT_TRUE(front("vm.example.com", "/"));
  EXPECT_FALSE(front("vm.example.com", "/a"));
  EXPECT_TRUE(front("vm.example.com/a", "/a/"));
  EXPECT_FALSE(front("vm.example.com/a", "/"));
  EXPECT_FALSE(front("vm.example.com/a", "/a/b"));
  EXPECT_TRUE(front("vm.example.com/a/*", "/a/b"));
  EXPECT_FALSE(front("vm.example.com/a/*", "/a/b/c"));
  EXPECT_TRUE(front("vm.example.com/foo*/bar", "/food/stuff/bar"));
  EXPECT_FALSE(front("vm.example.com/foo*/bar", "/food/stuff/bar/bar"));
}

TEST(AppNames, APathWithTwoReadingsIsNone) {
  for (const char* path : {"//",          "//a",
                           "/a//b",       "/a//",
                           "/.",          "/..",
                           "/a/../b",     "/a/./b",
                           "/a/%2e%2e/b", "/a/.%2E",
                           "/a%2fb",      "/a%2Fb",
                           "/a%5cb",      "/a\\b",
                           "/a%00",       "/a%0a",
                           "/a%7f",       "/a%",
                           "/a%4",        "/a%4g",
                           "/a%-1",       "/1/2/3/4/5/6/7/8/9/.."})
    EXPECT_FALSE(canonical_path(path)) << path;
  EXPECT_EQ(*canonical_path("/"), "");
  EXPECT_EQ(*canonical_path("/a/b/"), "/a/b");
  EXPECT_EQ(*canonical_path("/%2561"), "/%61") << "decoded once";
}

TEST(AppNames, TheMostSpecificDecides) {
  const std::vector<std::string> names{
      "*.example.com",           "*.example.com/admin", "vm.example.com/eng",
      "vm.example.com/eng/exec", "b-*.example.com",     "*.*.example.com",
      "only.example.com",        "vm.example.com/e*",   "vm.example.com/s*/end"};
  const std::vector<std::pair<std::string, std::string>> expected{
      {"vm.example.com/eng", "vm.example.com/eng"},
      {"vm.example.com/eng/x", "vm.example.com/eng"},
      {"vm.example.com/eng/exec/x", "vm.example.com/eng/exec"},
      {"vm.example.com/else", "vm.example.com/e*"},
      {"vm.example.com/so/and/so/end", "vm.example.com/s*/end"},
      {"vm.example.com/so/and/so", "*.example.com"},
      {"vm.example.com/other", "*.example.com"},
      {"vm.example.com/admin", "*.example.com/admin"},
      {"only.example.com/admin", "only.example.com"},
      {"b-1.example.com", "b-*.example.com"},
      {"b-1.example.com/admin", "b-*.example.com"},
      {"x.example.com", "*.example.com"},
      {"x.y.example.com", "*.*.example.com"},
      {"example.com", ""},
      {"x.y.z.example.com", ""}};
  for (const auto& [url, name] : expected) EXPECT_EQ(decides(names, url), name) << url;
  std::vector<std::string> turned(names.rbegin(), names.rend());
  for (const auto& [url, name] : expected)
    EXPECT_EQ(decides(turned, url), name) << url << ", the other way round";
}

TEST(AppNames, TheFirstOfTwoAlikeDecides) {
  EXPECT_EQ(decides({"a*.example.com", "*a.example.com"}, "a.example.com"), "a*.example.com");
  EXPECT_EQ(decides({"*a.example.com", "a*.example.com"}, "a.example.com"), "*a.example.com");
}

TEST(AppNames, APathIsLookedAtOnlyWhereItDecides) {
  EXPECT_EQ(decides({"vm.example.com"}, "vm.example.com//a/../b"), "vm.example.com");
  EXPECT_EQ(decides({"vm.example.com", "vm.example.com/a"}, "vm.example.com//a"), "ambiguous");
  EXPECT_EQ(decides({"vm.example.com/a"}, "vm.example.com/a/%2e%2e/b"), "ambiguous");
}

TEST(AppNames, ASampleHostIsCovered) {
  for (const char* text : {"vm.example.com/a", "*.example.com", "b-*.example.com", "*.*.example.com"}) {
    const auto name = AppName::parse(text).value();
    EXPECT_TRUE(name.covers_host(name.sample_host())) << text;
  }
}

}  // namespace
}  // namespace cfpipe::edge
