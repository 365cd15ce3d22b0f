#include "auth/discovery/redirect_discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/discovery/discovery.h"

namespace cfpipe::auth {
namespace {

using ::testing::HasSubstr;
using transport::HttpAnswer;
using transport::Url;
using Verdict = RedirectWalk::Verdict;

const std::string kRedirectAud(64, 'a');
const std::string kTeam = "https://team.cloudflareaccess.com";
const std::string kLogin = kTeam + "/cdn-cgi/access/login/vm.example.com?kid=" + kRedirectAud;

HttpAnswer answer(int status, transport::Headers headers = {}) {
  HttpAnswer out;
  out.status = status;
  out.headers = std::move(headers);
  return out;
}
HttpAnswer redirect(const std::string& to) {
  return answer(302, {{"Location", to}});
}
HttpAnswer login_for(const std::string& domain) {
  return answer(200, {{"CF-Access-Domain", domain}});
}

class RedirectDiscovery : public ::testing::Test {
 protected:
  RedirectDiscovery() { trusted_.add("auth.localhost"); }
  Url app_ = *transport::parse_url("https://vm.example.com/");
  TrustedDomains trusted_;
  RedirectWalk walk_{app_, trusted_, ""};
};

TEST_F(RedirectDiscovery, TheLoginOfATrustedAuthDomainNamesTheApplication) {
  ASSERT_EQ(walk_.take(redirect(kLogin)), Verdict::again);
  EXPECT_EQ(walk_.request().method, "HEAD");
  EXPECT_EQ(walk_.request().url.str(), kLogin);
  EXPECT_TRUE(walk_.request().headers.empty());
  ASSERT_EQ(walk_.take(login_for("VM.Example.com")), Verdict::found) << walk_.failure().detail;
  EXPECT_EQ(walk_.application().auth_domain, "team.cloudflareaccess.com");
  EXPECT_EQ(walk_.application().aud, kRedirectAud);
  EXPECT_EQ(walk_.application().app_hostname, "vm.example.com");
}

TEST_F(RedirectDiscovery, AnAnswerOfTheLoginThatRedirectsOnCountsAsItIs) {
  ASSERT_EQ(walk_.take(redirect(kLogin)), Verdict::again);
  HttpAnswer to_provider = redirect("https://idp.example.net/authorize");
  to_provider.headers.emplace_back("CF-Access-Domain", "*.example.com");
  ASSERT_EQ(walk_.take(to_provider), Verdict::found);
  EXPECT_EQ(walk_.application().app_hostname, "*.example.com");
}

TEST_F(RedirectDiscovery, TheHostMayRedirectWithinItselfFirst) {
  ASSERT_EQ(walk_.take(redirect("/start?x=1")), Verdict::again);
  EXPECT_EQ(walk_.request().url.str(), "https://vm.example.com/start?x=1");
  ASSERT_EQ(walk_.take(redirect("https://auth.localhost:8443/cdn-cgi/access/login/x?kid=" + kRedirectAud)),
            Verdict::again);
  ASSERT_EQ(walk_.take(login_for("vm.example.com")), Verdict::found);
  EXPECT_EQ(walk_.application().auth_domain, "auth.localhost:8443");
}

TEST_F(RedirectDiscovery, AnAuthDomainThatIsNotTrustedIsNeverAsked) {
  for (const char* host : {"evil.example", "team.cloudflareaccess.com.evil.example", "cloudflareaccess.com",
                           "vm.example.com", "evil-cloudflareaccess.com"}) {
    RedirectWalk walk(app_, trusted_, "");
    const auto login =
        std::string("https://") + host + "/cdn-cgi/access/login/vm.example.com?kid=" + kRedirectAud;
    ASSERT_EQ(walk.take(redirect(login)), Verdict::failed) << host;
    EXPECT_EQ(walk.failure().cause, Cause::untrusted_auth_domain);
    EXPECT_EQ(walk.at().host, "vm.example.com");
  }
}

TEST_F(RedirectDiscovery, TheLoginOfAnotherApplicationIsRejected) {
  for (const char* domain : {"victim.example.com", "example.com", "vm.example.com.evil",
                             "vm.example.com/admin", "*.example.org", "", "xvm.example.com"}) {
    RedirectWalk walk(app_, trusted_, "");
    ASSERT_EQ(walk.take(redirect(kLogin)), Verdict::again);
    ASSERT_EQ(walk.take(login_for(domain)), Verdict::failed) << domain;
    EXPECT_EQ(walk.failure().cause, Cause::metadata_invalid);
  }
}

TEST_F(RedirectDiscovery, AnAudThatIsNoneIsNotBelieved) {
  for (const auto& kid : {std::string(), std::string("?kid="), "?kid=" + std::string(63, 'a'),
                          "?kid=..%2f" + std::string(60, 'a'), "?kid=" + std::string(64, 'G')}) {
    RedirectWalk walk(app_, trusted_, "");
    ASSERT_EQ(walk.take(redirect(kTeam + "/cdn-cgi/access/login/vm.example.com" + kid)), Verdict::again);
    ASSERT_EQ(walk.take(login_for("vm.example.com")), Verdict::failed) << kid;
    EXPECT_EQ(walk.failure().cause, Cause::metadata_invalid);
  }
}

TEST_F(RedirectDiscovery, ALoopEnds) {
  int requests = 1;
  while (walk_.take(redirect("/again")) == Verdict::again) ASSERT_LE(++requests, kMaxWalkRequests);
  EXPECT_EQ(requests, kMaxWalkRequests);
  EXPECT_EQ(walk_.failure().cause, Cause::not_an_application);
}

TEST_F(RedirectDiscovery, WhatIsNotAccessIsSaidToBeNone) {
  for (const auto& one :
       {answer(200), answer(404), answer(403), answer(302), redirect("http://vm.example.com/x"),
        redirect("https://elsewhere.example/"), redirect("http://[")}) {
    RedirectWalk walk(app_, trusted_, "");
    ASSERT_EQ(walk.take(one), Verdict::failed);
    EXPECT_EQ(walk.failure().cause, Cause::not_an_application);
    EXPECT_EQ(walk.failure().stage, Stage::application);
  }
}

TEST_F(RedirectDiscovery, AnEdgeThatCannotServeIsNotTakenForNoApplication) {
  const std::pair<int, Cause> rows[] = {{429, Cause::too_many_requests}, {500, Cause::edge_unavailable},
                                        {502, Cause::edge_unavailable},  {503, Cause::edge_unavailable},
                                        {530, Cause::edge_unavailable},  {501, Cause::not_an_application}};
  for (const auto& [status, cause] : rows) {
    RedirectWalk walk(app_, trusted_, "");
    ASSERT_EQ(walk.take(answer(status)), Verdict::failed) << status;
    EXPECT_EQ(walk.failure().cause, cause) << status;
    EXPECT_EQ(may_be_open(walk.failure()), status != 429) << "an origin without an application may say so";
  }
}

TEST_F(RedirectDiscovery, ARefusalNamesTheApplicationButNotItsAuthDomain) {
  for (const int status : {401, 403}) {
    const auto refusal =
        answer(status, {{"CF-Access-Aud", kRedirectAud}, {"CF-Access-Domain", "vm.example.com"}});
    RedirectWalk nameless(app_, trusted_, "");
    ASSERT_EQ(nameless.take(refusal), Verdict::failed);
    EXPECT_EQ(nameless.failure().cause, Cause::denied);
    RedirectWalk named(app_, trusted_, "auth.localhost:8443");
    ASSERT_EQ(named.take(refusal), Verdict::found);
    EXPECT_EQ(named.application().auth_domain, "auth.localhost:8443");
    EXPECT_EQ(named.application().aud, kRedirectAud);
  }
}

TEST(Covers, HostsWildcardsAndPaths) {
  const auto url = [](const char* text) { return *transport::parse_url(text); };
  EXPECT_TRUE(covers("vm.example.com", url("vm.example.com:8443/a/b")));
  EXPECT_TRUE(covers("*.example.com", url("vm.example.com")));
  EXPECT_TRUE(covers("*-dev.example.com", url("a-dev.example.com")));
  EXPECT_FALSE(covers("*.example.com", url("example.com")));
  EXPECT_FALSE(covers("*.example.com", url("vm.example.com.evil.org")));
  EXPECT_TRUE(covers("vm.example.com/", url("vm.example.com")));
  EXPECT_TRUE(covers("vm.example.com/team-a", url("vm.example.com/team-a")));
  EXPECT_TRUE(covers("vm.example.com/team-a", url("vm.example.com/team-a/deeper")));
  EXPECT_FALSE(covers("vm.example.com/team-a", url("vm.example.com/team-ab")));
  EXPECT_FALSE(covers("vm.example.com/team-a", url("vm.example.com/")));
  EXPECT_TRUE(covers("vm.example.com/a/*", url("vm.example.com/a/b/c")));
  EXPECT_FALSE(covers("vm.example.com/a/b", url("vm.example.com/a")));
  EXPECT_FALSE(covers("", url("vm.example.com")));
  EXPECT_FALSE(covers("/x", url("vm.example.com/x")));
  EXPECT_TRUE(covers("*a*a*a*a*a*a*a*a.example.com", url("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com")));
}

// Cloudflare's page "Application paths".
TEST(Covers, WhatIsDocumented) {
  const auto url = [](const char* text) { return *transport::parse_url(text); };
  EXPECT_FALSE(covers("*.example.com", url("foo.bar.example.com")));
  EXPECT_TRUE(covers("*.*.example.com", url("foo.bar.example.com")));
  EXPECT_TRUE(covers("*test.example.com", url("test.example.com")));
  EXPECT_TRUE(covers("*test.example.com", url("alphatest.example.com")));
  EXPECT_FALSE(covers("*test.example.com", url("beta.test.example.com")));
  EXPECT_FALSE(covers("*", url("vm.example.com")));
  EXPECT_FALSE(covers("*.com", url("vm.example.com")));
  EXPECT_TRUE(covers("example.com/*", url("example.com")));
  EXPECT_TRUE(covers("example.com/alpha/*", url("example.com/alpha/one")));
  EXPECT_FALSE(covers("example.com/alpha/*", url("example.com/alpha")));
  for (const char* path : {"example.com/foo/bar", "example.com/food/bar", "example.com/food/stuff/bar",
                           "example.com/food/stuff/bar/below?and=query"})
    EXPECT_TRUE(covers("example.com/foo*/bar", url(path))) << path;
  for (const char* path :
       {"example.com/foo", "example.com/food/bars", "example.com/x/foo/bar", "vm.example.com/foo/bar"})
    EXPECT_FALSE(covers("example.com/foo*/bar", url(path))) << path;
}

}  // namespace
}  // namespace cfpipe::auth
