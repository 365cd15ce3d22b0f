#include "cli/command/curl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "cli/parsed.h"

namespace cfpipe::cli {
namespace {

using ::testing::ElementsAre;

using Words = std::vector<std::string>;

TEST(Curl, EverythingBehindTheNameIsCurls) {
  const Options options = good({"access", "--auth-domain", "auth.example", "curl", "https://h.example/a?b=c",
                                "-H", "X: y", "--id", "none", "-T", "file", "--", "-app", "--help"});
  EXPECT_EQ(options.command, Command::curl);
  EXPECT_EQ(options.auth_domain, "auth.example");
  EXPECT_EQ(options.service_token_id, "");
  EXPECT_EQ(options.url.str(), "https://h.example/a");
  EXPECT_FALSE(options.allow_request);
  EXPECT_THAT(options.curl_arguments, ElementsAre("https://h.example/a?b=c", "-H", "X: y", "--id", "none",
                                                  "-T", "file", "--", "-app", "--help"));
}

TEST(Curl, TheUrlIsOverHttpsAndDiscoveryLeavesGlobsAndQueriesOut) {
  const std::map<std::string, Words> urls{
      {"h.example", {"https://h.example", "https://h.example/"}},
      {"http://h.example/x", {"https://h.example/x", "https://h.example/x"}},
      {"https://h.example:8443/a/{b,c}[1-3]?d",
       {"https://h.example:8443/a/{b,c}[1-3]?d", "https://h.example:8443/a/"}},
      {"https://[::1]:8443/a", {"https://[::1]:8443/a", "https://[::1]:8443/a"}},
      {"https://h.example/cdn-cgi/access/get-identity",
       {"https://h.example/cdn-cgi/access/get-identity", "https://h.example/"}},
      {"https://h.example?q=[", {"https://h.example?q=[", "https://h.example/"}},
      {"https://h.example/a//b", {"https://h.example/a//b", "https://h.example/a"}},
      {"https://B\u00fccher.example/\u00fc",
       {"https://xn--bcher-kva.example/\u00fc", "https://xn--bcher-kva.example/%C3%BC"}}};
  for (const auto& [text, expected] : urls) {
    const Options options = good({"curl", text});
    EXPECT_EQ(options.curl_arguments.at(0), expected[0]);
    EXPECT_EQ(options.url.str(), expected[1]) << text;
  }
  for (const auto& line : std::vector<Words>{{"curl"},
                                             {"curl", "-ar"},
                                             {"curl", "-v", "https://h.example"},
                                             {"curl", "ftp://h.example"},
                                             {"curl", "https://user@h.example"},
                                             {"curl", "https://h.example/../x"},
                                             {"curl", ""}}) {
    EXPECT_EQ(bad(line).stage, Stage::input) << ::testing::PrintToString(line);
  }
}

TEST(Curl, BothSpellingsAllowARequestWithoutAToken) {
  for (const char* flag : {"-ar", "--allow-request"}) {
    const Options options = good({"access", "curl", flag, "https://h.example/", "-v"});
    EXPECT_TRUE(options.allow_request);
    EXPECT_THAT(options.curl_arguments, ElementsAre("https://h.example/", "-v"));
  }
}

TEST(Curl, TheConfigurationIsAFileAndNotAmongTheArguments) {
  const Options options = good({"--connect-to", "127.0.0.1:8443", "--ca-file", "/a \"b\"/ca\\.pem", "curl",
                                "https://h.example/", "-v"});
  EXPECT_EQ(curl_config(options, "/dev/fd/8"),
            "cookie = \"/dev/fd/8\"\n"
            "cacert = \"/a \\\"b\\\"/ca\\\\.pem\"\n"
            "connect-to = \"h.example:443:127.0.0.1:8443\"\n");
  EXPECT_THAT(curl_arguments(options, "/dev/fd/7"),
              ElementsAre("https://h.example/", "-K", "/dev/fd/7", "-v"));
  EXPECT_EQ(curl_config(good({"curl", "https://h.example/"}), ""), "");
}

TEST(Curl, TheTokenIsACookieOfTheHostAlone) {
  const Secret token(std::string("a.b.c"));
  const std::map<std::string, std::string> hosts{{"https://h.example:8443/a/b", "h.example"},
                                                 {"https://H.example./", "h.example"},
                                                 {"https://[::1]:8443/", "::1"},
                                                 {"https://127.0.0.1/", "127.0.0.1"}};
  for (const auto& [url, host] : hosts)
    EXPECT_EQ(curl_cookies(good({"curl", url}), token),
              "#HttpOnly_" + host + "\tFALSE\t/\tTRUE\t0\tCF_Authorization\ta.b.c\n");
  EXPECT_EQ(curl_cookies(good({"curl", "https://h.example/"}), Secret()), "");
}

}  // namespace
}  // namespace cfpipe::cli
