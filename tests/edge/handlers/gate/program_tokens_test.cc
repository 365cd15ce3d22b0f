// What a program is given at its login, and what that opens.
#include <functional>

#include "base/x509.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kAuth = "https://auth.localhost:8443";
constexpr const char* kApplicationCookie = "__Host-CF_Authorization";

class ProgramTokens : public SiteTest {
 protected:
  void SetUp() override {
    SiteTest::SetUp();
    Config config = two_applications(dir_ / "state");
    config.administrators.emplace();
    config.administrators->include.push_back({Rule::Kind::email, "ann@example.com"});
    make_site(std::move(config));
  }
  /// As any script can write it, headers that browsers keep to themselves included.
  Answer api(const std::string& method, const std::string& path, const std::string& cookie) {
    Browser thief(io_, *site_);
    Request request = thief.request(method, std::string(kAuth) + "/cdn-cgi/access/api/v1/" + path);
    request.headers = {
        {"Cookie", cookie}, {"Origin", kAuth}, {"Cfpipe-Request", "1"}, {"Content-Type", "application/json"}};
    if (method == "POST") request.body = R"({"name":"ci","duration":"24h"})";
    return thief.send(request);
  }
  /// That org token with other claims, signed by the edge's own key.
  std::string resigned(const std::string& org, const std::function<void(boost::json::object&)>& change) {
    auto jwt = auth::parse_jwt(org).value();
    const auto pem = store_->keys().find("token-signing").value();
    const PKey key = private_key_from_pem(pem->reveal());
    change(jwt.claims);
    return auth::sign_rs256(jwt.claims, jwt.kid(), key.get());
  }
};

TEST_F(ProgramTokens, OpenNeitherDashboardNorApi) {
  const auto tokens = program_login();
  const std::string org(tokens.org_token.reveal());
  const std::string app(tokens.app_token.reveal());
  const std::string browser = browser_->cookie("auth.localhost", kApplicationCookie);
  ASSERT_FALSE(browser.empty());
  EXPECT_EQ(api("GET", "me", std::string(kApplicationCookie) + "=" + browser).status, 200);
  for (const std::string& cookie :
       {"CF_Authorization=" + org, std::string(kApplicationCookie) + "=" + org,
        "CF_Authorization=" + org + "; " + kApplicationCookie + "=" + org, "CF_Authorization=" + browser,
        "CF_Authorization=" + app, std::string(kApplicationCookie) + "=" + app}) {
    EXPECT_EQ(api("GET", "me", cookie).status, 401) << cookie.substr(0, 30);
    EXPECT_EQ(api("POST", "service-tokens", cookie).status, 401) << cookie.substr(0, 30);
    Browser thief(io_, *site_);
    Request page = thief.request("GET", std::string(kAuth) + "/");
    page.headers = {{"Cookie", cookie}};
    EXPECT_EQ(thief.send(page).status, 302) << cookie.substr(0, 30);
  }
  EXPECT_TRUE(store_->service_tokens().list()->empty());
}

TEST_F(ProgramTokens, WithoutAMarkAreAProgramsToo) {
  const auto tokens = program_login();
  const std::string org(tokens.org_token.reveal());
  EXPECT_EQ(auth::parse_jwt(org)->text("use"), "program");
  const std::string bound = std::string(kApplicationCookie) + "=";
  for (const char* use : {"", "Browser", "browser ", "programs"}) {
    const auto with = [&](boost::json::object& claims) { claims["use"] = use; };
    EXPECT_EQ(api("GET", "me", bound + resigned(org, with)).status, 401) << use;
  }
  const std::string unmarked = resigned(org, [](boost::json::object& claims) { claims.erase("use"); });
  EXPECT_EQ(api("GET", "me", bound + unmarked).status, 401);
  Browser client(io_, *site_);
  EXPECT_NE(exchanged(client, unmarked), "") << "a login of before goes on";
  const auto marked = [](boost::json::object& claims) { claims["use"] = "browser"; };
  EXPECT_EQ(api("GET", "me", bound + resigned(org, marked)).status, 200) << "the mark is what decides";
}

TEST_F(ProgramTokens, LetNoOtherProgramIn) {
  const auto tokens = program_login();
  const std::string org(tokens.org_token.reveal());
  Browser thief(io_, *site_);
  for (const char* name : {"CF_Authorization", kApplicationCookie})
    thief.set_cookie("auth.localhost", name, org);
  const auth::TransferReceiver receiver;
  const Answer page = thief.follow(cli_url(receiver.public_key()));
  EXPECT_EQ(page.body.find("Give access"), std::string::npos) << "they sign in first";
  EXPECT_NE(page.body.find("name=\"email\""), std::string::npos);
}

TEST_F(ProgramTokens, DoNotSignUsersInInABrowser) {
  const auto tokens = program_login("bob@example.com");
  Browser victim(io_, *site_);
  victim.set_cookie("auth.localhost", "CF_Authorization", std::string(tokens.org_token.reveal()));
  const Answer page = victim.follow("https://vm.localhost:8443/");
  EXPECT_NE(page.body.find("name=\"email\""), std::string::npos);
}

}  // namespace
}  // namespace cfpipe::edge
