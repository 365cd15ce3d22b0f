#include "cli/options/network_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "cli/command/commands.h"
#include "cli/command/curl.h"
#include "cli/parsed.h"

namespace cfpipe::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using transport::ProxyKind;

std::vector<std::string> ssh(std::vector<std::string> more = {}) {
  std::vector<std::string> line{"access", "ssh", "-T", "vm.example.com"};
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

TEST(Deadline, TakesTimesWithinReason) {
  EXPECT_EQ(*parse_deadline("500ms", "--x"), 500ms);
  EXPECT_EQ(*parse_deadline("5s", "--x"), 5s);
  EXPECT_EQ(*parse_deadline("5", "--x"), 5s);
  EXPECT_EQ(*parse_deadline("2m", "--x"), 2min);
  EXPECT_EQ(*parse_deadline("10ms", "--x"), kMinDeadline);
  EXPECT_EQ(*parse_deadline("600", "--x"), kMaxDeadline);
  for (const char* text : {"", "s", "0", "9ms", "601s", "11m", "1.5s", "-1s", "+1s", " 1s", "1 s", "1h",
                           "1sm", "soon", "4294967296", "4294967295m", "99999999999999999999s"}) {
    const auto parsed = parse_deadline(text, "--x-timeout");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().cause, Cause::bad_option);
    EXPECT_THAT(parsed.error().detail, HasSubstr("--x-timeout"));
  }
}

TEST(Deadline, EveryStageHasItsFlag) {
  const auto set = good(ssh({"--dns-timeout", "1s", "--connect-timeout", "2s", "--proxy-timeout", "3s",
                             "--tls-timeout", "4s", "--upgrade-timeout", "5s", "--first-byte-timeout", "6s"}))
                       .deadlines;
  EXPECT_EQ(set.dns, 1s);
  EXPECT_EQ(set.tcp, 2s);
  EXPECT_EQ(set.proxy, 3s);
  EXPECT_EQ(set.tls, 4s);
  EXPECT_EQ(set.upgrade, 5s);
  EXPECT_EQ(set.first_byte, 6s);
}

TEST(Deadline, AllTogetherAreLessThanSshdWaits) {
  const auto all = good(ssh()).deadlines;
  EXPECT_LT(all.dns + all.tcp + all.proxy + all.tls + all.upgrade + all.first_byte, 120s);
}

TEST(Deadline, TheFirstByteIsWatchedWhereTheServerSpeaksFirst) {
  const auto of = [](const std::vector<std::string>& line) { return good(line).deadlines.first_byte; };
  EXPECT_GT(of(ssh()), 0s);
  EXPECT_GT(of({"ssh", "-T", "h.example"}), 0s);
  EXPECT_GT(of({"--ca-file", "tcp", "access", "ssh", "-T", "h.example"}), 0s);
  EXPECT_GT(of({"--ca-file=tcp", "--no-browser", "ssh", "-T", "h.example"}), 0s);
  for (const char* alias : {"tcp", "rdp", "smb"}) {
    EXPECT_EQ(of({"access", alias, "-T", "h.example"}), 0s);
    EXPECT_EQ(of({alias, "-T", "h.example"}), 0s);
    EXPECT_EQ(of({"--no-browser", alias, "-T", "h.example"}), 0s);
    EXPECT_EQ(of({"--log-level", "debug", "access", alias, "-T", "h.example"}), 0s);
    EXPECT_EQ(of({"access", alias, "-T", "h.example", "--first-byte-timeout", "1s"}), 1s);
  }
  EXPECT_EQ(of(ssh({"-L", "localhost:1"})), 0s);
  EXPECT_EQ(of(ssh({"-L", "localhost:1", "--first-byte-timeout", "1s"})), 1s);
  EXPECT_EQ(of(ssh({"--first-byte-timeout", "off"})), 0s);
  EXPECT_EQ(of(ssh({"--first-byte-timeout", "0"})), 0s);
}

TEST(ProxyOption, IsBeforeTheEnvironmentWhichHasAnOrder) {
  const Variables all{{"HTTPS_PROXY", "http://a.test"},
                      {"https_proxy", "http://b.test"},
                      {"ALL_PROXY", "http://c.test"},
                      {"all_proxy", "socks5h://d.test"}};
  Variables left = all;
  EXPECT_EQ(good(ssh({"--proxy", "socks5://p.test"}), left).proxy->proxy.host, "p.test");
  for (const auto& [name, host] : std::vector<std::pair<std::string, std::string>>{{"HTTPS_PROXY", "a.test"},
                                                                                   {"https_proxy", "b.test"},
                                                                                   {"ALL_PROXY", "c.test"},
                                                                                   {"all_proxy", "d.test"}}) {
    EXPECT_EQ(good(ssh(), left).proxy->proxy.host, host);
    left[name] = "";  // as good as not set
  }
  EXPECT_EQ(good(ssh(), left).proxy, nullptr);
  EXPECT_EQ(good(ssh(), {{"HTTP_PROXY", "http://x.test"}, {"http_proxy", "http://x.test"}}).proxy, nullptr);
  for (const char* none : {"none", ""}) EXPECT_EQ(good(ssh({"--proxy", none}), all).proxy, nullptr) << none;
}

TEST(ProxyOption, OnlyTheOptionIsForThisMachineAndBothHaveExceptions) {
  const Variables variables{{"https_proxy", "http://a.test"}, {"NO_PROXY", ""}, {"no_proxy", "b.test"}};
  const auto of_environment = good(ssh(), variables).proxy;
  EXPECT_FALSE(of_environment->this_machine_too);
  EXPECT_EQ(of_environment->no_proxy, "b.test");
  const auto named = good(ssh({"--proxy", "http://a.test"}), variables).proxy;
  EXPECT_TRUE(named->this_machine_too);
  EXPECT_EQ(named->no_proxy, "b.test");
}

TEST(ProxyOption, AFaultNamesWhereItIsAndNotWhatItSays) {
  const auto flag = bad(ssh({"--proxy", "ftp://u:hush@p.test"}));
  EXPECT_EQ(flag.stage, Stage::input);
  EXPECT_THAT(flag.detail, HasSubstr("--proxy"));
  EXPECT_THAT(flag.detail, Not(HasSubstr("hush")));
  const auto variable = good(ssh(), {{"ALL_PROXY", "ftp://u:hush@p.test"}}).proxy->fault;
  ASSERT_TRUE(variable);
  EXPECT_EQ(variable->stage, Stage::config);
  EXPECT_EQ(variable->cause, Cause::proxy_unusable);
  EXPECT_THAT(variable->detail, HasSubstr("ALL_PROXY"));
  EXPECT_THAT(variable->detail, Not(HasSubstr("hush")));
}

TEST(ProxyOption, CommandsThatDialNothingDoNotMindTheEnvironment) {
  const Variables broken{{"HTTPS_PROXY", "ftp://p.test"}};
  EXPECT_EQ(good({"ssh-config", "--hostname", "vm.example.com"}, broken).proxy, nullptr);
  EXPECT_EQ(good({"logout"}, broken).proxy, nullptr);
}

TEST(ProxyOption, GoesIntoSshConfigUnlessThereIsAPasswordInIt) {
  const Places places{"/usr/bin/cfpipe", "/home/ann/.cloudflared"};
  const auto text = [&](const std::vector<std::string>& more) {
    std::vector<std::string> line{"ssh-config", "--hostname", "vm.example.com"};
    line.insert(line.end(), more.begin(), more.end());
    return *ssh_config_text(good(line), places);
  };
  EXPECT_THAT(text({"--proxy", "socks5h://p.test:1080"}), HasSubstr(" --proxy socks5h://p.test:1080\n"));
  EXPECT_THAT(text({"--proxy", "none"}), HasSubstr(" --proxy none\n"));
  EXPECT_THAT(text({"--proxy", ""}), HasSubstr(" --proxy none\n"));
  EXPECT_THAT(text({}), Not(HasSubstr("--proxy")));
  EXPECT_THAT(text({"--cert", "/c.pem", "--key-file", "/k.pem"}),
              HasSubstr(" --cert /c.pem --key-file /k.pem\n"));
  EXPECT_THAT(text({"--tls-timeout", "5s", "--first-byte-timeout", "off"}),
              HasSubstr(" --tls-timeout 5s --first-byte-timeout off\n"));
  const auto refused = bad({"ssh-config", "--hostname", "vm.example.com", "--proxy", "http://u:hush@p.test"});
  EXPECT_THAT(refused.detail, Not(HasSubstr("hush")));
}

TEST(ProxyOption, CurlIsToldWhatTheCommandLineSaysAndKnowsTheEnvironmentItself) {
  const auto config = [](std::vector<std::string> before, const Variables& variables = {}) {
    before.insert(before.end(), {"curl", "https://vm.example.com/"});
    return curl_config(good(before, variables), "");
  };
  EXPECT_EQ(config({"--proxy", "socks5h://ann:s%22cret@p.test"}),
            "proxy = \"socks5h://p.test:1080\"\nproxy-user = \"ann:s\\\"cret\"\n");
  EXPECT_EQ(config({"--proxy", "none"}), "noproxy = \"*\"\n");
  EXPECT_EQ(config({}, {{"HTTPS_PROXY", "http://p.test"}}), "");
  EXPECT_EQ(config({"--cert", "/c.pem", "--key-file", "/k.pem"}), "cert = \"/c.pem\"\nkey = \"/k.pem\"\n");
}

TEST(ClientCertificateOption, AKeyAloneMakesNoSense) {
  EXPECT_EQ(bad(ssh({"--key-file", "/k.pem"})).cause, Cause::bad_option);
  EXPECT_EQ(good(ssh({"--cert", "/c.pem"})).cert_file, "/c.pem");
}

}  // namespace
}  // namespace cfpipe::cli
