#include <gtest/gtest.h>

#include "auth/discovery/application.h"

namespace cfpipe::auth {
namespace {

TEST(TrustedDomains, TrustsOnlyNamesUnderTheSuffix) {
  const TrustedDomains trusted;
  for (const std::string_view domain :
       {"team.cloudflareaccess.com", "TEAM.CloudflareAccess.com", "a.b.cloudflareaccess.com",
        "t-1.cloudflareaccess.com", "team.cloudflareaccess.com.", "team.cloudflareaccess.com:443",
        "team.cloudflareaccess.com:8443"}) {
    EXPECT_TRUE(trusted.check(domain)) << domain;
  }
  const std::string long_label(64, 'a');
  for (const std::string& domain : {std::string("evil-cloudflareaccess.com"),
                                    std::string("evilcloudflareaccess.com"),
                                    std::string("cloudflareaccess.com"),
                                    std::string(".cloudflareaccess.com"),
                                    std::string("cloudflareaccess.com.evil"),
                                    std::string("team.cloudflareaccess.com.evil.example"),
                                    std::string("team..cloudflareaccess.com"),
                                    std::string("team.cloudflareaccess.com.."),
                                    std::string("team.cloudflareaccess.com..:443"),
                                    std::string("user@team.cloudflareaccess.com"),
                                    std::string("user:pw@team.cloudflareaccess.com"),
                                    std::string("evil.example/.cloudflareaccess.com"),
                                    std::string("evil.example?.cloudflareaccess.com"),
                                    std::string("evil.example#.cloudflareaccess.com"),
                                    std::string("evil.example\\.cloudflareaccess.com"),
                                    std::string("evil.example:443/.cloudflareaccess.com"),
                                    std::string("evil.example:1.cloudflareaccess.com"),
                                    std::string("https://team.cloudflareaccess.com"),
                                    std::string("team.cloudflareaccess.com/path"),
                                    std::string("team.cloudflareaccess.com:"),
                                    std::string("team.cloudflareaccess.com:0"),
                                    std::string("team.cloudflareaccess.com:65536"),
                                    std::string("team.cloudflareaccess.com:080"),
                                    std::string("team.cloudflareaccess.com:+80"),
                                    std::string("team.cloudflareaccess.com:80:80"),
                                    std::string("team.cloudflareaccess.com:99999999999"),
                                    std::string("-team.cloudflareaccess.com"),
                                    std::string("team-.cloudflareaccess.com"),
                                    std::string("te am.cloudflareaccess.com"),
                                    std::string("te%2eam.cloudflareaccess.com"),
                                    std::string("evil.example\0.cloudflareaccess.com", 34),
                                    std::string("team.cloudflareaccess.com\n"),
                                    std::string(" team.cloudflareaccess.com"),
                                    std::string("t\xc3\xa9.cloudflareaccess.com"),
                                    std::string("[::1].cloudflareaccess.com"),
                                    std::string("[::1]"),
                                    std::string(),
                                    std::string("."),
                                    std::string("auth.example.com"),
                                    long_label + ".cloudflareaccess.com"}) {
    const auto checked = trusted.check(domain);
    ASSERT_TRUE(checked.has_error()) << domain;
    EXPECT_EQ(checked.error().stage, Stage::application);
    EXPECT_EQ(checked.error().cause, Cause::untrusted_auth_domain);
  }
}

TEST(TrustedDomains, RefusesANameLongerThanDnsAllows) {
  std::string name = "cloudflareaccess.com";
  while (name.size() + 10 <= 253) name = "abcdefghi." + name;
  EXPECT_TRUE(TrustedDomains().check(name));
  while (name.size() <= 253) name = "abc." + name;
  EXPECT_FALSE(TrustedDomains().check(name));
}

TEST(TrustedDomains, AnEntryWithoutAPortTrustsThatHostOnAnyPort) {
  TrustedDomains trusted;
  trusted.add("Auth.Example.com");
  EXPECT_TRUE(trusted.check("auth.example.com"));
  EXPECT_TRUE(trusted.check("AUTH.example.com:8443"));
  EXPECT_FALSE(trusted.check("a.auth.example.com"));
  EXPECT_FALSE(trusted.check("xauth.example.com"));
  EXPECT_FALSE(trusted.check("example.com"));
  EXPECT_TRUE(trusted.check("auth.example.com.")) << "one trailing dot is no part of a host";
}

TEST(TrustedDomains, AnEntryWithAPortTrustsOnlyThatPort) {
  TrustedDomains trusted;
  trusted.add("auth.localhost:8443");
  EXPECT_TRUE(trusted.check("auth.localhost:8443"));
  EXPECT_FALSE(trusted.check("auth.localhost"));
  EXPECT_FALSE(trusted.check("auth.localhost:8444"));
  EXPECT_FALSE(trusted.check("auth.localhost:443"));
  TrustedDomains usual;
  usual.add("auth.example.com:443");
  EXPECT_TRUE(usual.check("auth.example.com")) << "443 is the port where none is named";
}

TEST(TrustedDomains, AMalformedEntryTrustsNothing) {
  TrustedDomains trusted;
  for (const char* entry :
       {"", ".", ".com", "*", "*.example.com", "https://auth.example.com", "auth.example.com/"}) {
    trusted.add(entry);
  }
  for (const std::string_view domain :
       {"", ".", ".com", "example.com", "*", "*.example.com", "auth.example.com"}) {
    EXPECT_FALSE(trusted.check(domain)) << domain;
  }
}

}  // namespace
}  // namespace cfpipe::auth
