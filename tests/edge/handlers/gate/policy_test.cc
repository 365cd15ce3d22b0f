// Policies as the site applies them: groups in tokens, reasons that people and programs are told, bypass.
#include <boost/json/serialize.hpp>

#include "auth/token/jwt.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

Rule site_group(const std::string& name) {
  return {Rule::Kind::group, name};
}

class SitePolicy : public SiteTest {
 protected:
  Config with_policies(std::vector<Policy> policies) {
    Config config = two_applications(dir_ / "state");
    config.dev_groups = {"sre", "everybody", "night shift"};
    for (ApplicationConfig& app : config.applications) app.policies = policies;
    return config;
  }
  Request upgrade_request(const std::string& token) {
    Request request = browser_->request("GET", "https://vm.localhost:8443/");
    request.headers.clear();
    if (!token.empty()) request.headers.emplace_back("Cf-Access-Token", token);
    return request;
  }
  bool opens(const std::string& token) {
    return std::holds_alternative<TunnelGrant>(site_->router().upgrade(upgrade_request(token)));
  }
};

TEST_F(SitePolicy, GroupsOfASignInDecideAtEveryStep) {
  make_site(with_policies({{"sre", Decision::allow, {site_group("sre")}, {}, {}}}));
  const auto tokens = program_login("bob@other.org");
  const auto app = auth::parse_jwt(tokens.app_token.reveal());
  ASSERT_TRUE(app);
  EXPECT_EQ(boost::json::serialize(app->claims.at("groups")), R"(["sre"])") << "only what policies name";
  EXPECT_TRUE(opens(std::string(tokens.app_token.reveal())));
  // The other application needs no second sign-in, so the org token carries them too.
  EXPECT_EQ(browser_->follow("https://b.localhost:8443/").status, 200);
  const Answer who = browser_->get("https://b.localhost:8443/cdn-cgi/access/get-identity");
  EXPECT_NE(who.body.find(R"("groups":["sre"])"), std::string::npos) << who.body;
}

TEST_F(SitePolicy, TokensFromBeforeAGroupWasNamedDoNotEvadeIt) {
  make_site(with_policies({{"all", Decision::allow, {{Rule::Kind::everyone}}, {}, {}}}));
  const auto tokens = program_login("bob@other.org");
  ASSERT_TRUE(opens(std::string(tokens.app_token.reveal())));
  make_site(
      with_policies({{"all", Decision::allow, {{Rule::Kind::everyone}}, {}, {site_group("night shift")}}}));
  const auto verdict = site_->router().upgrade(upgrade_request(std::string(tokens.app_token.reveal())));
  ASSERT_TRUE(std::holds_alternative<Answer>(verdict));
  EXPECT_EQ(std::get<Answer>(verdict).status, 302) << "the token does not say: sign in again";
  EXPECT_EQ(browser_->sign_in("https://vm.localhost:8443/", "bob@other.org").status, 403);
}

TEST_F(SitePolicy, DeniedPeopleAreToldWhoTheyAreAndWhy) {
  make_site(with_policies({{"no night shift", Decision::deny, {site_group("night shift")}, {}, {}},
                           {"all", Decision::allow, {{Rule::Kind::everyone}}, {}, {}}}));
  const Answer page = browser_->sign_in("https://vm.localhost:8443/", "bob@other.org");
  EXPECT_EQ(page.status, 403);
  EXPECT_NE(page.body.find("You are signed in as bob@other.org."), std::string::npos) << page.body;
  EXPECT_NE(page.body.find("policy &#39;no night shift&#39; denies group night shift"), std::string::npos)
      << page.body;
  EXPECT_EQ(header_of(page, "Cfpipe-Reason"),
            "bob@other.org may not reach vm.localhost: policy 'no night shift' denies group night shift");
  const auto rows = audit();
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.back().kind, "denial");
  EXPECT_EQ(rows.back().reason, "policy 'no night shift' denies group night shift");
}

TEST_F(SitePolicy, ReasonsAreOneLineOfPlainCharacters) {
  make_site(
      with_policies({{"all", Decision::allow, {{Rule::Kind::everyone}}, {}, {site_group("caf\xc3\xa9")}}}));
  Config config =
      with_policies({{"x", Decision::allow, {site_group("sre")}, {site_group(std::string(128, 'g'))}, {}}});
  make_site(config);
  const Answer page = browser_->sign_in("https://vm.localhost:8443/", "bob@other.org");
  const std::string reason = header_of(page, "Cfpipe-Reason");
  EXPECT_LE(reason.size(), 203u);
  EXPECT_EQ(reason, printable(reason, 203));
}

TEST_F(SitePolicy, AddressesDecideToo) {
  Rule here{Rule::Kind::ip, "127.0.0.0/8", parse_ip_range("127.0.0.0/8").value()};
  make_site(with_policies({{"here", Decision::allow, {{Rule::Kind::everyone}}, {here}, {}}}));
  const auto tokens = program_login("bob@other.org");
  Request request = upgrade_request(std::string(tokens.app_token.reveal()));
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request)));
  request.peer = "192.0.2.1";
  const auto elsewhere = site_->router().upgrade(request);
  ASSERT_TRUE(std::holds_alternative<Answer>(elsewhere));
  EXPECT_EQ(std::get<Answer>(elsewhere).status, 403);
  EXPECT_EQ(header_of(std::get<Answer>(elsewhere), "Cfpipe-Reason"),
            "bob@other.org may not reach vm.localhost: policy 'here' requires ip 127.0.0.0/8");
}

Policy bypass() {
  return {"open", Decision::bypass, {{Rule::Kind::everyone}}, {}, {}};
}

TEST_F(SitePolicy, BypassLetsAnybodyPass) {
  make_site(with_policies({bypass()}));
  const auto verdict = site_->router().upgrade(upgrade_request({}));
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(verdict));
  EXPECT_EQ(std::get<TunnelGrant>(verdict).identity, "");
  EXPECT_EQ(browser_->get("https://vm.localhost:8443/").status, 200);
  EXPECT_TRUE(opens("x.y.z")) << "a bad token is no worse than none";
  Request service = upgrade_request({});
  service.headers.emplace_back("Cf-Access-Client-Id", "x");
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(service)));
  EXPECT_TRUE(audit().empty());
}

TEST_F(SitePolicy, BypassStillSignsMetadata) {
  make_site(with_policies({bypass()}));
  Request request = browser_->request("HEAD", "https://vm.localhost:8443/");
  request.headers.emplace_back("Cf-Access-Metadata-Request", "true");
  const Answer answer = browser_->send(request);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(header_of(answer, "Cf-Access-Metadata"), "");
}

TEST_F(SitePolicy, BypassIsNotForPagesOfOthers) {
  make_site(with_policies({bypass()}));
  Request request = upgrade_request({});
  request.headers.emplace_back("Origin", "https://evil.test");
  const auto verdict = site_->router().upgrade(request);
  ASSERT_TRUE(std::holds_alternative<Answer>(verdict)) << "it would use the visitor's address";
  EXPECT_EQ(std::get<Answer>(verdict).status, 403);
  request.headers.back().second = "https://vm.localhost:8443";
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request)));
}

TEST_F(SitePolicy, BypassBringsNoTokenAndSoNoCertificate) {
  make_site(
      with_policies({bypass(), {"ann", Decision::allow, {{Rule::Kind::email, "ann@example.com"}}, {}, {}}}));
  const auth::TransferReceiver receiver;
  const Answer denied = browser_->sign_in(cli_url(receiver.public_key()), "eve@evil.test");
  EXPECT_EQ(denied.status, 403);
  EXPECT_NE(header_of(denied, "Cfpipe-Reason").find("no policy matches"), std::string::npos);
  program_login("ann@example.com");
  make_site(with_policies({bypass()}));
  const Answer anonymous = browser_->get(cli_url(receiver.public_key()));
  EXPECT_EQ(anonymous.status, 403) << "not the sign-in page, which would lead nowhere";
}

TEST_F(SitePolicy, BypassByAddressAsksTheOthersToSignIn) {
  const Rule office{Rule::Kind::ip, "192.0.2.0/24", parse_ip_range("192.0.2.0/24").value()};
  make_site(with_policies({{"office", Decision::bypass, {office}, {}, {}},
                           {"all", Decision::allow, {{Rule::Kind::everyone}}, {}, {}}}));
  Request request = upgrade_request({});
  request.peer = "192.0.2.77";
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request)));
  request.peer = "198.51.100.1";
  EXPECT_EQ(std::get<Answer>(site_->router().upgrade(request)).status, 302);
  request.peer = "";
  EXPECT_EQ(std::get<Answer>(site_->router().upgrade(request)).status, 302);
}

}  // namespace
}  // namespace cfpipe::edge
