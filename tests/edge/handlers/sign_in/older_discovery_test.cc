// A client that asks for no metadata finds our applications by their redirects.
#include "auth/discovery/redirect_discovery.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

using auth::RedirectWalk;

class OlderDiscovery : public SiteTest {
 protected:
  /// Without cookies, as every step of the walk.
  transport::HttpAnswer head(const transport::Url& url) {
    Request request = browser_->request("HEAD", url.str());
    request.headers.clear();
    const Answer answer = browser_->send(request);
    transport::HttpAnswer out;
    out.status = answer.status;
    for (const auto& [name, value] : answer.headers) out.headers.emplace_back(name, value);
    return out;
  }

  RedirectWalk::Verdict walk(RedirectWalk& walk) {
    for (;;) {
      const auto verdict = walk.take(head(walk.at()));
      if (verdict != RedirectWalk::Verdict::again) return verdict;
    }
  }

  OlderDiscovery() { trusted_.add("auth.localhost"); }
  auth::TrustedDomains trusted_;
};

TEST_F(OlderDiscovery, FindsEveryApplicationAndNeedsNoCookie) {
  for (const char* host : {"vm.localhost", "b.localhost"}) {
    const auto url = *transport::parse_url(std::string("https://") + host + ":8443/some/path");
    RedirectWalk search(url, trusted_, "");
    ASSERT_EQ(walk(search), RedirectWalk::Verdict::found) << search.failure().detail;
    EXPECT_EQ(search.application().auth_domain, "auth.localhost:8443");
    EXPECT_EQ(search.application().aud, store_->keys().audience(host).value());
    EXPECT_EQ(search.application().app_hostname, host);
  }
}

TEST_F(OlderDiscovery, TheLoginAnswersForItsOwnApplicationOnly) {
  // As a malicious host would redirect, to receive a token for another application.
  const auto evil = *transport::parse_url("https://evil.localhost:8443/");
  for (const std::string host : {"vm.localhost", "evil.localhost", "b.localhost"}) {
    RedirectWalk search(evil, trusted_, "");
    transport::HttpAnswer redirect;
    redirect.status = 302;
    redirect.headers.emplace_back("Location", "https://auth.localhost:8443/cdn-cgi/access/login/" + host +
                                                  "?kid=" + store_->keys().audience("vm.localhost").value());
    ASSERT_EQ(search.take(redirect), RedirectWalk::Verdict::again);
    EXPECT_EQ(search.take(head(search.at())), RedirectWalk::Verdict::failed) << host;
  }
}

TEST_F(OlderDiscovery, AHostThatIsNotOursIsNone) {
  const auto url = *transport::parse_url("https://other.localhost:8443/");
  RedirectWalk search(url, trusted_, "");
  EXPECT_EQ(walk(search), RedirectWalk::Verdict::failed);
  EXPECT_EQ(search.failure().cause, Cause::not_an_application);
}

}  // namespace
}  // namespace cfpipe::edge
