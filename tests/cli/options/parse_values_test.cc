#include "cli/options/parse_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "cli/options/options.h"
#include "cli/parsed.h"

namespace cfpipe::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Name {
  std::string text;
  std::string host;  ///< empty: refused
  std::uint16_t port = 443;
  std::string target = "/";
};

TEST(Options, ListenersAreHostAndPortOrASocket) {
  const std::map<std::string, std::pair<std::string, int>> good_ones{
      {"127.0.0.1:0", {"127.0.0.1", 0}},           {"[::1]:65535", {"::1", 65535}},
      {"tcp://Some.Name:22", {"some.name", 22}},   {"ssh://localhost:22/ignored", {"localhost", 22}},
      {"localhost:22/ignored", {"localhost", 22}}, {"http://[::]:8080", {"::", 8080}},
      {"rdp://0.0.0.0:3389", {"0.0.0.0", 3389}}};
  for (const auto& [text, expected] : good_ones) {
    const auto address = parse_listen_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->host, expected.first) << text;
    EXPECT_EQ(address->port, expected.second) << text;
    EXPECT_EQ(address->socket_path, "");
  }
  for (const char* text : {"unix:/run/a b", "unix:///run/a b"}) {
    EXPECT_EQ(parse_listen_address(text)->socket_path, "/run/a b") << text;
  }
  for (const char* text :
       {"", ":", ":22", "localhost", "localhost:", "localhost:65536", "localhost:+1", "::1",
        "localhost:22:33", "localhost:443:22", "[::1]:443:22", "dir/localhost:22", "ftp://localhost:22",
        "u@h:22", "unix:", "unix:relative", "unix:/dir/", "a b:22"}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().cause, Cause::bad_option);
    EXPECT_THAT(address.error().detail, HasSubstr("--url")) << text;
  }
}

TEST(Hostname, TableOfWhatIsTakenAndWhatIsNot) {
  const std::string label(63, 'a');
  const std::string long_name = label + "." + label + "." + label + "." + label;  // 255
  const std::vector<Name> table{{"vm.example.com", "vm.example.com"},
                                {"VM.Example.COM", "vm.example.com"},
                                {"vm.example.com:8443", "vm.example.com", 8443},
                                {"vm.example.com/admin", "vm.example.com", 443, "/admin"},
                                {"vm.example.com/", "vm.example.com"},
                                {"https://vm.example.com", "vm.example.com"},
                                {"http://vm.example.com", "vm.example.com"},
                                {"cfpipe-vm.example.com", "vm.example.com"},
                                {"cfpipe-vm.localhost:8443", "vm.localhost", 8443},
                                {"xn--bcher-kva.example", "xn--bcher-kva.example"},
                                {"b\u00fccher.example", "xn--bcher-kva.example"},
                                {"B\u00dcCHER.Example:8443/\u00e4", "xn--bcher-kva.example", 8443, "/%C3%A4"},
                                {"bu\u0308cher.example", "xn--bcher-kva.example"},
                                {"https://fa\u00df.example/x", "xn--fa-hia.example", 443, "/x"},
                                {"vm\u3002example.com", "vm.example.com"},
                                {"cfpipe-b\u00fccher.example", "xn--bcher-kva.example"},
                                {"127.0.0.1", "127.0.0.1"},
                                {"127.0.0.1.nip.io:9443", "127.0.0.1.nip.io", 9443},
                                {"::1", "::1"},
                                {"ssh://vm.example.com", "vm.example.com"},
                                {"SSH://vm.example.com:2222", "vm.example.com", 2222},
                                {"http%3A%2F%2Fvm.example.com", "vm.example.com"},
                                {"https%3a%2f%2fvm.example.com/x", "vm.example.com", 443, "/x"},
                                {"https://cfpipe-vm.example.com", "vm.example.com"},
                                {"vm.example.com:99999", ""},
                                {"vm..", ""},
                                {"vm?.example.com", ""},
                                {"vm%3A%2F%2Fx", ""},
                                {"127.1", ""},
                                {"fe80::1%eth0", ""},
                                {"[::1]:8443", "::1", 8443},
                                {label + ".example", label + ".example"},
                                {"", ""},
                                {"cfpipe-", ""},
                                {".", ""},
                                {"..", ""},
                                {"vm..example.com", ""},
                                {".vm.example.com", ""},
                                {"-oProxyCommand=x", ""},
                                {"cfpipe--oProxyCommand=x", ""},
                                {"../etc/passwd", ""},
                                {"vm.example.com/../x", ""},
                                {"vm.example.com/%2e%2e/x", ""},
                                {"vm.example.com//x", ""},
                                {"/vm.example.com", ""},
                                {"//vm.example.com", ""},
                                {"https:///vm.example.com", ""},
                                {"vm\\example.com", ""},
                                {"vm example.com", ""},
                                {" vm.example.com", ""},
                                {"vm.example.com\n", ""},
                                {std::string("vm\0.example.com", 15), ""},
                                {"vm.example.com\x7f", ""},
                                {"\xff\xfe.example", ""},
                                {"vm\u2028.example", ""},
                                {"user@b\u00fccher.example", ""},
                                {"b\u00fccher.example/../x", ""},
                                {"b\u00fccher..example", ""},
                                {std::string("b\u00fc\0.example", 12), ""},
                                {"vm.example.com:0", ""},
                                {"vm.example.com:65536", ""},
                                {"vm.example.com:ssh", ""},
                                {"user@vm.example.com", ""},
                                {"user:secret@vm.example.com", ""},
                                {"ftp://vm.example.com", ""},
                                {"*.example.com", ""},
                                {"vm;id", ""},
                                {"vm$(id).example.com", ""},
                                {"a" + label + ".example", ""},
                                {long_name, ""},
                                {std::string(10'000, 'a'), ""}};
  for (const auto& row : table) {
    const auto url = parse_hostname(row.text);
    if (row.host.empty()) {
      ASSERT_FALSE(url) << row.text;
      EXPECT_EQ(url.error().cause, Cause::bad_hostname);
      EXPECT_EQ(url.error().stage, Stage::input);
      for (const char c : url.error().detail) EXPECT_GE(static_cast<unsigned char>(c), ' ');
    } else {
      ASSERT_TRUE(url) << row.text << ": " << url.error().detail;
      EXPECT_EQ(url->host, row.host);
      EXPECT_EQ(url->port, row.port) << row.text;
      EXPECT_EQ(url->target, row.target);
    }
  }
}

TEST(Hostname, PatternsAreTakenWhereTheyMeanSomething) {
  EXPECT_EQ(parse_hostname("*.example.com", true)->host, "*.example.com");
  EXPECT_EQ(parse_hostname("cfpipe-*", true)->host, "cfpipe-*");
}

TEST(Header, NamesAndValuesAreCheckedAndValuesNeverShown) {
  EXPECT_EQ(parse_header("X-A:  b c ")->second, "b c");
  for (const char* text :
       {"planted", ": planted", "A B: planted", "Host: planted", "sec-websocket-key: planted",
        "Connection: planted", "A: planted\r\nB: c", "A\n: planted"}) {
    const auto header = parse_header(text);
    ASSERT_FALSE(header) << text;
    EXPECT_EQ(header.error().cause, Cause::bad_header);
    EXPECT_THAT(header.error().detail, Not(HasSubstr("planted")));
  }
}

TEST(ConnectTo, NeverChangesTheNameThatTlsExpects) {
  const auto url = *parse_hostname("vm.example.com");
  EXPECT_EQ(parse_connect_to("10.0.0.1", url)->text(), "10.0.0.1");
  EXPECT_EQ(parse_connect_to("localhost:8443", url)->text(), "localhost:8443");
  EXPECT_EQ(parse_connect_to("vm.example.com:8443:localhost", url)->text(), "localhost:8443");
  EXPECT_FALSE(parse_connect_to("other.example.com:8443:localhost", url));
  EXPECT_FALSE(parse_connect_to("localhost/x", url));
  EXPECT_FALSE(parse_connect_to("a:b", url));
}

}  // namespace
}  // namespace cfpipe::cli
