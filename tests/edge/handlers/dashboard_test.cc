#include "edge/handlers/dashboard.h"

#include "edge/context_fixture.h"
#include "edge/http/cookies.h"

namespace cfpipe::edge {
namespace {

class DashboardAlone : public HandlersTest {
 protected:
  Request signed_in(const std::string& path, Holder holder = Holder::browser) {
    return with_header(request(path, "auth.localhost"), "Cookie",
                       std::string(kBrowserTokenCookie) + "=" + org_token(person(), holder));
  }
  ConnectorAuthority connectors_{*context_};
  Dashboard dashboard_{*context_, credentials_, gate_, tunnels_, connectors_};
};

TEST_F(DashboardAlone, IsForABrowserThatHasSignedIn) {
  const Application& own = *applications_.dashboard();
  EXPECT_EQ(dashboard_.page(request("/", "auth.localhost"), own).status, 302);
  EXPECT_EQ(dashboard_.page(signed_in("/", Holder::program), own).status, 302);
  const Answer page = dashboard_.page(signed_in("/"), own);
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("ann@example.com"), std::string::npos);
}

TEST_F(DashboardAlone, LetsAdministratorsAloneSeeTheAudit) {
  const std::string path = "/cdn-cgi/access/api/v1/audit";
  EXPECT_EQ(dashboard_.api(request(path, "auth.localhost")).status, 401);
  EXPECT_EQ(dashboard_.api(signed_in(path)).status, 403);
  Config config = two_applications(dir_ / "state");
  config.administrators.emplace();
  config.administrators->include.push_back({Rule::Kind::email, "ann@example.com"});
  use(config);
  EXPECT_EQ(dashboard_.api(signed_in(path)).status, 200);
}

TEST_F(DashboardAlone, EndsTheTunnelsOfWhatItRevokes) {
  const auto end = std::make_shared<TunnelHandle>(io_.get_executor());
  std::string told;
  end->on_dismissed([&told](const std::string& why) { told = why; });
  const Request ask = with_header(request("/"), "Cf-Access-Token", app_token(person()));
  tunnels_.opened(std::get<TunnelGrant>(tunnels_.grant(ask, app())), ask, end);
  Request revoke =
      with_header(signed_in("/cdn-cgi/access/api/v1/revocations"), "Origin", "https://auth.localhost:8443");
  revoke.method = "POST";
  revoke.headers.emplace_back("Content-Type", "application/json");
  revoke.headers.emplace_back("Cfpipe-Request", "1");
  revoke.body = R"({"email":"ann@example.com"})";
  Config config = two_applications(dir_ / "state");
  config.administrators.emplace();
  config.administrators->include.push_back({Rule::Kind::email, "ann@example.com"});
  use(config);
  const Answer answer = dashboard_.api(revoke);
  EXPECT_EQ(answer.status, 200) << answer.body;
  io_.restart();
  io_.poll();
  EXPECT_EQ(told, "access was revoked");
}

}  // namespace
}  // namespace cfpipe::edge
