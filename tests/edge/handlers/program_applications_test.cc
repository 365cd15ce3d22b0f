// The list of applications that people's programs may ask for: by which token, and what it says.
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <functional>

#include "base/x509.h"
#include "edge/edge_fixture.h"
#include "edge/identity/service_tokens.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

constexpr const char* kList = "https://auth.localhost:8443/cdn-cgi/access/applications";
constexpr const char* kBrowserCookie = "__Host-CF_Authorization";

class ProgramApplications : public SiteTest {
 protected:
  void SetUp() override {
    SiteTest::SetUp();
    org_ = program_login().org_token.reveal();
  }
  Answer ask(std::vector<std::pair<std::string, std::string>> headers,
             const std::string& peer = "127.0.0.1") {
    Browser program(io_, *site_);
    Request request = program.request("GET", kList);
    request.headers = std::move(headers);
    request.peer = peer;
    return program.send(request);
  }
  Answer show(const std::string& token, const std::string& peer = "127.0.0.1") {
    return ask({{"Cf-Access-Token", token}}, peer);
  }
  static std::vector<std::string> names(const Answer& answer) {
    std::vector<std::string> out;
    const json::value said = json::parse(answer.body);
    for (const json::value& one : said.at("applications").as_array())
      out.emplace_back(one.at("hostname").as_string());
    return out;
  }
  /// The org token with other claims, signed by the edge's own key.
  std::string resigned(const std::function<void(json::object&)>& change) {
    auto jwt = auth::parse_jwt(org_).value();
    const auto pem = store_->keys().find("token-signing").value();
    const PKey key = private_key_from_pem(pem->reveal());
    change(jwt.claims);
    return auth::sign_rs256(jwt.claims, jwt.kid(), key.get());
  }

  std::string org_;
};

TEST_F(ProgramApplications, AreThoseOfTheDashboardsApi) {
  const Answer answer = show(org_);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(header_of(answer, "Cache-Control"), "no-store");
  EXPECT_EQ(names(answer), (std::vector<std::string>{"vm.localhost", "b.localhost"}));
  Browser browser(io_, *site_);
  ASSERT_EQ(browser.sign_in("https://auth.localhost:8443/", "ann@example.com").status, 200);
  EXPECT_EQ(browser.get("https://auth.localhost:8443/cdn-cgi/access/api/v1/me/applications").body,
            answer.body);
}

TEST_F(ProgramApplications, AreForTheOrgTokenOfAProgramAlone) {
  const auto tokens = program_login();
  const std::string app(tokens.app_token.reveal());
  const std::string browser = browser_->cookie("auth.localhost", kBrowserCookie);
  ASSERT_FALSE(browser.empty());
  EXPECT_EQ(ask({}).status, 401);
  EXPECT_EQ(show("").status, 401);
  EXPECT_EQ(show("a.b.c").status, 401);
  EXPECT_EQ(show(app).status, 401) << "an application's token";
  EXPECT_EQ(show(browser).status, 401) << "a browser's token";
  EXPECT_EQ(show(resigned([](json::object& claims) { claims["use"] = "browser"; })).status, 401);
  EXPECT_EQ(show(resigned([](json::object& claims) { claims["iss"] = "https://other.example"; })).status,
            401);
  EXPECT_EQ(show(org_.substr(0, org_.size() - 8) + "AAAAAAAA").status, 401) << "another signature";
  EXPECT_EQ(show(org_).status, 200);
}

TEST_F(ProgramApplications, AreNotForWhatABrowserSendsOfItsOwnAccord) {
  for (const std::string name : {"CF_Authorization", kBrowserCookie})
    EXPECT_EQ(ask({{"Cookie", name + "=" + org_}}).status, 401) << name;
  Browser page(io_, *site_);
  Request preflight = page.request("OPTIONS", kList);
  preflight.headers = {{"Origin", "https://evil.example"},
                       {"Access-Control-Request-Headers", "cf-access-token"}};
  const Answer answer = page.send(preflight);
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(header_of(answer, "Access-Control-Allow-Origin"), "");
}

TEST_F(ProgramApplications, AreNotForServiceTokens) {
  const auto made = ServiceTokens(store_->service_tokens()).create("ci", std::chrono::hours(1), now_).value();
  ASSERT_TRUE(made);
  EXPECT_EQ(ask({{"Cf-Access-Client-Id", made->client_id},
                 {"Cf-Access-Client-Secret", std::string(made->secret.reveal())}})
                .status,
            401);
  const auto of_a_service = [](json::object& claims) {
    claims.erase("email");
    claims["common_name"] = "id.access";
  };
  EXPECT_EQ(show(resigned(of_a_service)).status, 401);
}

TEST_F(ProgramApplications, AreNotForATokenThatHasExpired) {
  now_ = auth::parse_jwt(org_)->number("exp") - 1;
  EXPECT_EQ(show(org_).status, 200);
  ++now_;
  EXPECT_EQ(show(org_).status, 401);
}

TEST_F(ProgramApplications, AreNotForWhoHasBeenRevoked) {
  const std::string other(program_login("bob@example.com").org_token.reveal());
  ASSERT_TRUE(store_->revocations().revoke_person("ann@example.com", now_));
  EXPECT_EQ(show(org_).status, 401);
  EXPECT_EQ(show(other).status, 200);
  const std::string session = auth::parse_jwt(other)->text("identity_nonce");
  ASSERT_FALSE(session.empty());
  ASSERT_TRUE(store_->revocations().revoke_session(session, now_ + 3600));
  EXPECT_EQ(show(other).status, 401);
}

TEST_F(ProgramApplications, AreThoseThatThePoliciesAdmitThePersonToFromThatAddress) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].policies[0].require.push_back(
      {Rule::Kind::ip, "192.0.2.0/24", parse_ip_range("192.0.2.0/24").value()});
  make_site(std::move(config));
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(show(org_, "192.0.2.7")), (Names{"vm.localhost", "b.localhost"}));
  EXPECT_EQ(names(show(org_, "198.51.100.7")), (Names{"b.localhost"}));
  Config without = two_applications(dir_ / "state");
  for (auto& app : without.applications)
    app.policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  make_site(std::move(without));
  EXPECT_EQ(names(show(org_)), Names{});
}

TEST_F(ProgramApplications, HaveALimitForEachPerson) {
  const std::string other(program_login("bob@example.com").org_token.reveal());
  for (std::size_t i = 0; i < kListsPerMinute; ++i)
    ASSERT_EQ(show(org_, "192.0.2." + std::to_string(i)).status, 200) << i;
  const Answer refused = show(org_);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header_of(refused, "Retry-After"), "1");
  EXPECT_EQ(show(other).status, 200) << "another person";
  now_ += 1;
  EXPECT_EQ(show(org_).status, 200);
}

}  // namespace
}  // namespace cfpipe::edge
