// Nothing that a user or a script names can put another line into a request, or into a file.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/state/state_dir.h"
#include "cli/options/options.h"
#include "cli/options/parse_options.h"
#include "cli/options/parse_values.h"
#include "transport/net/url.h"

namespace cfpipe::cli {
namespace {

using namespace std::string_literals;

/// What would end a header, a line or a string of C; and the space, which ends the target of a request.
const std::vector<std::string> kBreaks{"\r\n"s, "\n"s, "\r"s, "\0"s, "\x7f"s, "\x1b"s, " "s, "\t"s};

bool is_refused(const std::vector<std::string>& arguments, const std::string& variable = {},
                const std::string& value = {}) {
  const auto parsed = parse_command_line(
      arguments, [&](const char* name) -> const char* { return variable == name ? value.c_str() : nullptr; });
  return std::holds_alternative<Failure>(parsed);
}

/// Every place within a value where something can be put.
std::vector<std::string> broken(const std::string& value, const std::string& with) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i <= value.size(); ++i) all.push_back(value.substr(0, i) + with + value.substr(i));
  return all;
}

TEST(Injection, HostNamesAreRefused) {
  for (const auto& with : kBreaks) {
    for (const auto& host : broken("vm.example.com:8443/a", with)) {
      EXPECT_FALSE(parse_hostname(host)) << ::testing::PrintToString(host);
      EXPECT_FALSE(transport::parse_url("https://" + host)) << ::testing::PrintToString(host);
      EXPECT_TRUE(is_refused({"ssh", "--hostname", host})) << ::testing::PrintToString(host);
    }
  }
  for (const char* host : {"a@b", "a\\b", "%0d%0a", "a%00b", "[::1", "a,b", "a;b", "a\"b", "<a>", "a\xff"})
    EXPECT_FALSE(parse_hostname(host)) << host;
}

TEST(Injection, RedirectsAreRefused) {
  const transport::Url base = *transport::parse_url("https://vm.example.com/");
  for (const auto& with : kBreaks)
    for (const auto& location : broken("https://auth.example.com/cdn-cgi/access/login?a=b", with))
      EXPECT_FALSE(transport::resolve_url(base, location)) << ::testing::PrintToString(location);
}

TEST(Injection, HeadersAreRefused) {
  for (const auto& with : {"\r\n"s, "\n"s, "\r"s, "\0"s, "\x7f"s, "\x1b"s}) {
    for (const auto& value : broken("value", with)) {
      EXPECT_TRUE(!parse_header("X-Name: " + value)) << ::testing::PrintToString(value);
      EXPECT_TRUE(is_refused({"ssh", "-T", "h.example", "--header", "X-Name: " + value}));
    }
  }
  for (const auto& with : kBreaks)
    for (std::size_t i = 1; i < 6; ++i)
      EXPECT_FALSE(parse_header("X-Name"s.insert(i, with) + ": value"))
          << ::testing::PrintToString(with) << i;
  for (const char* ours : {"Host", "connection", "UPGRADE", "Content-Length", "Transfer-Encoding",
                           "Sec-WebSocket-Key", "sec-websocket-protocol"})
    EXPECT_FALSE(parse_header(std::string(ours) + ": x")) << ours;
}

TEST(Injection, ServiceTokensAndDestinationsAreRefused) {
  for (const auto& with : kBreaks) {
    for (const auto& value : broken("abc", with)) {
      const std::vector<std::string> start{"ssh", "-T", "h.example"};
      const auto with_options = [&](std::initializer_list<std::string> more) {
        std::vector<std::string> all = start;
        all.insert(all.end(), more);
        return all;
      };
      EXPECT_TRUE(is_refused(with_options({"--id", value, "--secret", "s"})))
          << ::testing::PrintToString(value);
      EXPECT_TRUE(is_refused(with_options({"--id", "i", "--secret", value})))
          << ::testing::PrintToString(value);
      EXPECT_TRUE(is_refused(with_options({"--destination", value + ":22"})))
          << ::testing::PrintToString(value);
      EXPECT_TRUE(is_refused(with_options({"--connect-to", value + ":22"})))
          << ::testing::PrintToString(value);
      if (value.find('\0') != std::string::npos) continue;  // the environment has none
      EXPECT_TRUE(is_refused({"ssh", "--id", "i", "-T", "h"}, "TUNNEL_SERVICE_TOKEN_SECRET", value));
      EXPECT_TRUE(is_refused({"ssh"}, "TUNNEL_SERVICE_HOSTNAME", "h" + value));
      EXPECT_TRUE(is_refused({"ssh", "-T", "h"}, "TUNNEL_SERVICE_DESTINATION", value + ":1"));
    }
  }
}

TEST(Injection, NamesOfKeysAndUsersHaveNoControlCharacters) {
  for (const auto& with : {"\r\n"s, "\n"s, "\0"s, "\x7f"s, "\x1b"s}) {
    EXPECT_TRUE(is_refused({"ssh", "-T", "h", "--user", "pi" + with + "x"}));
    EXPECT_TRUE(is_refused({"ssh", "-T", "h", "--key", "agent:a" + with + "x"}));
    EXPECT_TRUE(is_refused({"ssh", "-T", "h", "--key", "/a" + with + "x"}));
  }
  EXPECT_FALSE(is_refused({"ssh", "-T", "h", "--user", "pi", "--key", "agent:ann at work"}));
}

TEST(Injection, FileNamesNeverLeaveTheStateDirectory) {
  for (const std::string& name : {"."s, ".."s, ""s, "a\nb"s, "a\0b"s, "\x7f"s})
    EXPECT_EQ(auth::StateDir::safe_name(name), "") << ::testing::PrintToString(name);
  EXPECT_EQ(auth::StateDir::safe_name("../../etc/passwd"), "..-..-etc-passwd");
  EXPECT_EQ(auth::StateDir::safe_name("*.example.com/a"), "-.example.com-a");
}

}  // namespace
}  // namespace cfpipe::cli
