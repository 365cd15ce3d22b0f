#include "edge/handlers/provider_sign_in.h"

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "edge/context_fixture.h"

namespace cfpipe::edge {
namespace {

class ProviderAlone : public HandlersTest {
 protected:
  void SetUp() override {
    Config config = two_applications(dir_ / "state");
    config.identity_provider = IdentityProvider::oidc;
    config.providers = {provider("corp"), provider("partner")};
    config.applications[1].allowed_idps = {"partner"};
    use(config);
    providers_.use(ProviderSignIn::make_providers(*context_, config).value());
  }
  OidcConfig provider(const std::string& name) const {
    OidcConfig out;
    out.name = name;
    out.own_callback = true;
    out.issuer = "http://127.0.0.1:" + std::to_string(unserved_.local_endpoint().port());
    out.client_id = "cfpipe";
    out.proxy = "none";
    return out;
  }
  Login login() {
    Login out;
    out.app = applications_.find("vm.localhost");
    out.host = "vm.localhost";
    out.target = "/";
    return out;
  }
  /// Has a port on which nothing listens.
  boost::asio::ip::tcp::socket unserved_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  ProviderSignIn providers_{*context_, applications_, outcome_};
};

TEST_F(ProviderAlone, OffersThoseThatTheApplicationAllows) {
  EXPECT_TRUE(providers_.any());
  EXPECT_EQ(providers_.of(app()).size(), 2u);
  const auto partner = providers_.of(*applications_.find("b.localhost"));
  ASSERT_EQ(partner.size(), 1u);
  EXPECT_EQ(partner[0]->config.name, "partner");
}

TEST_F(ProviderAlone, PutsTheLastChoiceFirst) {
  const auto position = [](const Answer& page, const std::string& name) {
    return page.body.find("idp=" + name + "\"");
  };
  const Answer page = providers_.choice_page(request("/"), login(), providers_.of(app()));
  EXPECT_LT(position(page, "corp"), position(page, "partner"));
  const Request again = with_header(request("/"), "Cookie", "__Host-cfpipe-provider=partner");
  const Answer other = providers_.choice_page(again, login(), providers_.of(app()));
  EXPECT_LT(position(other, "partner"), position(other, "corp"));
}

TEST_F(ProviderAlone, RefusesAReturnThatBeganElsewhere) {
  const std::string state = "0" + std::string(43, 'x');
  const Request back = request("/cdn-cgi/access/callback/corp?code=c&state=" + state, "auth.localhost");
  EXPECT_EQ(run(providers_.finish(back)).status, 400);
  EXPECT_TRUE(rows("login").empty());
}

TEST_F(ProviderAlone, RecordsAProviderThatCannotBeReached) {
  const Request begun = request("/cdn-cgi/access/login/vm.localhost", "auth.localhost");
  const Answer answer = run(providers_.begin(begun, login(), providers_.of(app())[0]));
  EXPECT_EQ(answer.status, 503) << answer.body;
  EXPECT_EQ(rows("denial").size(), 1u);
  EXPECT_TRUE(counted("login_failures_total{application=\"vm.localhost\"} 1"));
  const auto health = providers_.health();
  ASSERT_EQ(health.size(), 1u);
  EXPECT_FALSE(health.begin()->second.answers);
  EXPECT_EQ(health.begin()->second.requests.count(), 1u);
}

}  // namespace
}  // namespace cfpipe::edge
