#include "transport/dial/proxy_settings.h"

#include <gtest/gtest.h>

#include "support/hosts.h"

namespace cfpipe::transport {
namespace {

TEST(ParseProxy, TakesEverySchemeAndItsPort) {
  struct Row {
    std::string text;
    ProxyKind kind;
    std::string shown;
  };
  for (const auto& [text, kind, shown] :
       std::vector<Row>{{"http://p.example", ProxyKind::http, "http://p.example:80"},
                        {"p.example:3128", ProxyKind::http, "http://p.example:3128"},
                        {"p.example", ProxyKind::http, "http://p.example:80"},
                        {"HTTP://P.example:8080/", ProxyKind::http, "http://p.example:8080"},
                        {"https://p.example", ProxyKind::https, "https://p.example:443"},
                        {"socks5://10.0.0.1", ProxyKind::socks5, "socks5://10.0.0.1:1080"},
                        {"socks://127.0.0.1:1080/", ProxyKind::socks5h, "socks5h://127.0.0.1:1080"},
                        {"SOCKS://p.example", ProxyKind::socks5h, "socks5h://p.example:1080"},
                        {"socks5h://[2001:db8::1]:9", ProxyKind::socks5h, "socks5h://[2001:db8::1]:9"}}) {
    const auto proxy = parse_proxy(text, "--proxy");
    ASSERT_TRUE(proxy) << text << ": " << proxy.error().detail;
    EXPECT_EQ(proxy->kind, kind) << text;
    EXPECT_EQ(proxy->shown(), shown) << text;
    EXPECT_FALSE(proxy->has_login()) << text;
  }
}

TEST(ParseProxy, LoginsAreDecodedAndNeverShown) {
  const auto proxy = parse_proxy("http://ann%40corp:s%3Acr%2Ft%25@p.example:3128", "--proxy");
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->user, "ann@corp");
  EXPECT_EQ(proxy->password.reveal(), "s:cr/t%");
  EXPECT_EQ(proxy->shown(), "http://p.example:3128");
  EXPECT_EQ(proxy->authority(), "p.example:3128");
  const auto no_password = parse_proxy("http://ann@p.example", "--proxy");
  ASSERT_TRUE(no_password);
  EXPECT_TRUE(no_password->has_login());
  EXPECT_TRUE(no_password->password.empty());
}

TEST(ParseProxy, WhatCannotBeUsedIsRefusedWithoutRepeatingIt) {
  for (const std::string text :
       {"", "ftp://u:hush@p.example", "http://u:hush@", "http://u:hush@p.example:0",
        "http://u:hush@p.example:70000", "http://u:hush@p.example/path", "http://u:hush@p.example?q",
        "http://u:hush@p.example#f", "http://u:hush hush@p.example", "http://u:hu@sh@p.example",
        "http://u:hu%sh@p.example", "http://u:hush%00@p.example", "http://u:hush%0d%0aX@p.example",
        "http://a%3Ab:hush@p.example", "http://:hush@p.example", "socks4://u:hush@p.example",
        "http://-bad:1"}) {
    const auto proxy = parse_proxy(text, "HTTPS_PROXY");
    ASSERT_FALSE(proxy) << text;
    EXPECT_EQ(proxy.error().cause, Cause::bad_option) << text;
    EXPECT_TRUE(proxy.error().detail.starts_with("HTTPS_PROXY ")) << text;
    EXPECT_EQ(proxy.error().detail.find("hush"), std::string::npos) << proxy.error().detail;
    EXPECT_EQ(proxy.error().detail, printable(proxy.error().detail, 1000));
  }
  const std::string longest(kMaxProxyLoginBytes, 'x');
  EXPECT_TRUE(parse_proxy("http://u:" + longest + "@p.example", "--proxy"));
  EXPECT_FALSE(parse_proxy("http://u:" + longest + "x@p.example", "--proxy"));
}

TEST(NoProxy, HasTheRulesOfTheField) {
  struct Row {
    std::string list, host;
    std::uint16_t port;
    bool listed;
  };
  for (const auto& [list, host, port, listed] :
       std::vector<Row>{{"", "vm.example.com", 443, false},
                        {"*", "vm.example.com", 443, true},
                        {"a.test, *", "10.1.2.3", 443, true},
                        {"example.com", "example.com", 443, true},
                        {"example.com", "vm.example.com", 443, true},
                        {"example.com", "EXAMPLE.COM", 443, true},
                        {"Example.Com", "vm.example.com", 443, true},
                        {"example.com.", "vm.example.com", 443, true},
                        {"example.com", "badexample.com", 443, false},
                        {"example.com", "example.com.evil.test", 443, false},
                        {".example.com", "vm.example.com", 443, true},
                        {".example.com", "example.com", 443, false},
                        {"*.example.com", "vm.example.com", 443, true},
                        {"*.example.com", "example.com", 443, false},
                        {"a.test,b.test", "b.test", 443, true},
                        {"a.test b.test", "b.test", 443, true},
                        {" , ,b.test, ", "b.test", 443, true},
                        {"b.test:8443", "b.test", 8443, true},
                        {"b.test:8443", "b.test", 443, false},
                        {"b.test:x", "b.test", 443, false},
                        {"b.test:0", "b.test", 443, false},
                        {"10.1.2.3", "10.1.2.3", 443, true},
                        {"10.1.2.3", "10.1.2.4", 443, false},
                        {"10.1.2.3:22", "10.1.2.3", 22, true},
                        {"10.1.2.3:22", "10.1.2.3", 443, false},
                        {"10.0.0.0/8", "10.1.2.3", 443, true},
                        {"10.9.9.9/8", "10.1.2.3", 443, true},
                        {"10.0.0.0/8", "11.1.2.3", 443, false},
                        {"10.0.0.0/8", "ten.example", 443, false},
                        {"10.0.0.0/99", "10.1.2.3", 443, false},
                        {"0.0.0.0/0", "10.1.2.3", 443, true},
                        {"2001:db8::/32", "2001:db8:5::1", 443, true},
                        {"2001:db8::/32", "2001:db9::1", 443, false},
                        {"2001:db8::/32", "10.1.2.3", 443, false},
                        {"2001:db8::1", "2001:db8:0::1", 443, true},
                        {"[2001:db8::1]", "2001:db8::1", 443, true},
                        {"[2001:db8::1]:8443", "2001:db8::1", 8443, true},
                        {"[2001:db8::1]:8443", "2001:db8::1", 443, false},
                        {".", "vm.example.com", 443, false},
                        {"*.", "vm.example.com", 443, false},
                        {":", "vm.example.com", 443, false},
                        {"/", "10.1.2.3", 443, false}}) {
    EXPECT_EQ(listed_in_no_proxy(list, transport::host_of(host), port), listed)
        << "'" << list << "' " << host << ":" << port;
  }
}

TEST(NoProxy, ThisMachineIsReachedDirectlyByDefault) {
  ProxySettings settings;
  for (const char* host : {"localhost", "vm.localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    settings.this_machine_too = false;
    EXPECT_FALSE(settings.covers(transport::host_of(host), 443)) << host;
    settings.this_machine_too = true;
    EXPECT_TRUE(settings.covers(transport::host_of(host), 443)) << host;
    settings.no_proxy = "*";
    EXPECT_FALSE(settings.covers(transport::host_of(host), 443)) << host;
    settings.no_proxy = "";
  }
  EXPECT_TRUE(settings.covers(transport::host_of("localhost.example.com"), 443));
  EXPECT_TRUE(settings.covers(transport::host_of("notlocalhost"), 443));
}

}  // namespace
}  // namespace cfpipe::transport
