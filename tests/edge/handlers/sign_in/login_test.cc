#include "auth/discovery/application.h"
#include "auth/ssh/key_type_claim.h"
#include "auth/token/jwks.h"
#include "edge/api/operations.h"
#include "edge/edge_fixture.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {
namespace {

using Login = SiteTest;

TEST_F(Login, WalksFromTheGateToBothTokens) {
  const auth::TransferReceiver receiver;
  const std::string url = cli_url(receiver.public_key());
  const Answer gate = browser_->get(url);
  EXPECT_EQ(gate.status, 302);
  const std::string aud = store_->keys().audience("vm.localhost").value();
  EXPECT_EQ(header_of(gate, "CF-Access-Domain"), "vm.localhost");
  EXPECT_EQ(header_of(gate, "CF-Access-Aud"), aud);
  const std::string login = header_of(gate, "Location");
  EXPECT_TRUE(login.starts_with("https://auth.localhost:8443/cdn-cgi/access/login/vm.localhost?kid=" + aud))
      << login;

  const Answer page = browser_->get(login);
  ASSERT_EQ(page.status, 200);
  EXPECT_EQ(header_of(page, "CF-Access-Domain"), "vm.localhost");
  EXPECT_NE(page.body.find("name=\"email\""), std::string::npos);
  EXPECT_NE(page.body.find("value=\"ann@example.com\""), std::string::npos);
  EXPECT_NE(page.body.find("A program on a computer is waiting"), std::string::npos);

  const Answer posted = browser_->post_form(page, "ann@example.com");
  ASSERT_EQ(posted.status, 302);
  const std::string authorized = header_of(posted, "Location");
  EXPECT_TRUE(authorized.starts_with("https://vm.localhost:8443/cdn-cgi/access/authorized?code="))
      << authorized;
  const Answer back = browser_->get(authorized);
  ASSERT_EQ(back.status, 302);
  EXPECT_EQ(header_of(back, "Location"), url);
  EXPECT_FALSE(browser_->cookie("vm.localhost", "CF_Authorization").empty());

  EXPECT_EQ(browser_->get(url).status, 200);
  const Answer box = browser_->get("https://auth.localhost:8443/transfer/" + receiver.public_key());
  ASSERT_EQ(box.status, 200);
  const auto tokens = receiver.open(box.body, header_of(box, "Service-Public-Key"));
  ASSERT_TRUE(tokens);
  const auto app = auth::parse_jwt(tokens->app_token.reveal());
  const auto org = auth::parse_jwt(tokens->org_token.reveal());
  ASSERT_TRUE(app && org);
  EXPECT_EQ(app->text("type"), "app");
  EXPECT_EQ(app->text("iss"), "https://auth.localhost:8443");
  EXPECT_EQ(app->text("email"), "ann@example.com");
  EXPECT_EQ(app->audience(), std::vector<std::string>{aud});
  EXPECT_EQ(app->number("exp"), now_ + 24 * 3600);
  EXPECT_EQ(org->text("type"), "org");
  EXPECT_NE(org->audience(), app->audience());

  const Answer certs = browser_->get("https://auth.localhost:8443/cdn-cgi/access/certs");
  const auto keys = auth::KeySet::parse(certs.body);
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->verifies(*app));
  EXPECT_NE(certs.body.find("BEGIN CERTIFICATE"), std::string::npos);
  ASSERT_EQ(audit().size(), 1u);
  EXPECT_EQ(audit()[0].kind, "login");
}

TEST_F(Login, SignsMetadataWhateverTheStatus) {
  for (const char* path : {"/", "/cdn-cgi/access/authorized", "/cdn-cgi/none"}) {
    Request request = browser_->request("HEAD", std::string("https://vm.localhost:8443") + path);
    request.headers.emplace_back("Cf-Access-Metadata-Request", "true");
    const auto metadata = auth::parse_jwt(header_of(browser_->send(request), "Cf-Access-Metadata"));
    ASSERT_TRUE(metadata) << path;
    auth::TrustedDomains trusted;
    trusted.add("auth.localhost");
    const auto keys =
        auth::KeySet::parse(browser_->get("https://vm.localhost:8443/cdn-cgi/access/certs").body);
    const auto app =
        auth::verify_metadata(*metadata, *keys, *transport::parse_url("vm.localhost"), trusted, now_);
    ASSERT_TRUE(app) << app.error().detail;
    EXPECT_EQ(app->auth_domain, "auth.localhost:8443");
    EXPECT_EQ(app->aud, store_->keys().audience("vm.localhost").value());
    EXPECT_EQ(app->app_hostname, "vm.localhost");
  }
}

TEST_F(Login, MetadataNamesTheKindOfKeyThatGoesWithTheAuthority) {
  const auto named = [this](const std::string& host) {
    Request request = browser_->request("HEAD", "https://" + host + ":8443/");
    request.headers.emplace_back("Cf-Access-Metadata-Request", "true");
    const auto metadata = auth::parse_jwt(header_of(browser_->send(request), "Cf-Access-Metadata"));
    return metadata ? metadata->text(auth::kKeyTypeClaim) : "no metadata";
  };
  Operations acts(*store_, now_);
  ASSERT_TRUE(acts.rotate_ca("b.localhost", nullptr, "ecdsa"));
  ASSERT_TRUE(acts.retire_ca("b.localhost", nullptr));
  EXPECT_EQ(named("vm.localhost"), "ssh-ed25519");
  EXPECT_EQ(named("b.localhost"), "ecdsa-sha2-nistp256");
  ASSERT_TRUE(acts.rotate_ca("vm.localhost", nullptr, "rsa"));
  ASSERT_TRUE(acts.retire_ca("vm.localhost", nullptr));
  EXPECT_EQ(named("vm.localhost"), "ssh-ed25519") << "the statement of these minutes";
  now_ += kMetadataSeconds;
  EXPECT_EQ(named("vm.localhost"), "ecdsa-sha2-nistp256");
}

TEST_F(Login, MetadataNeverGetsTooOld) {
  Request request = browser_->request("HEAD", "https://vm.localhost:8443/");
  request.headers.emplace_back("Cf-Access-Metadata-Request", "true");
  for (int hour = 0; hour < 60; ++hour) {
    const auto metadata = auth::parse_jwt(header_of(browser_->send(request), "Cf-Access-Metadata"));
    EXPECT_LE(now_ - metadata->number("iat"), kMetadataSeconds);
    now_ += 3600;
  }
}

TEST_F(Login, FollowsThePortThatIsListenedOn) {
  site_->set_public_port(443);
  const Answer gate = browser_->get("https://vm.localhost/");
  EXPECT_TRUE(header_of(gate, "Location").starts_with("https://auth.localhost/cdn-cgi/"))
      << header_of(gate, "Location");
  site_->set_public_port(12345);
  EXPECT_TRUE(header_of(browser_->get("https://vm.localhost:12345/"), "Location")
                  .starts_with("https://auth.localhost:12345/cdn-cgi/"));
}

TEST_F(Login, ExchangesAnOrgTokenForAnotherApplication) {
  const auto tokens = program_login();
  const std::string org(tokens.org_token.reveal());
  Browser client(io_, *site_);
  const std::string app = exchanged(client, org);
  const auto jwt = auth::parse_jwt(app);
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->audience(), std::vector<std::string>{store_->keys().audience("b.localhost").value()});
  EXPECT_EQ(jwt->text("type"), "app");
  EXPECT_EQ(exchanged(client, org, false), "");
  EXPECT_EQ(exchanged(client, std::string(tokens.app_token.reveal())), "") << "an app token is no org token";
  now_ += 24 * 3600;
  EXPECT_EQ(exchanged(client, org), "") << "expired";
}

TEST_F(Login, AsksASignedInPersonBeforeAProgramGetsTokens) {
  program_login();
  const auth::TransferReceiver stranger;
  const Answer page = browser_->follow(cli_url(stranger.public_key()));
  ASSERT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("Give access"), std::string::npos);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/transfer/" + stranger.public_key()).status, 202);
  const Answer posted = browser_->post_form(page, "");
  ASSERT_EQ(posted.status, 302);
  EXPECT_EQ(browser_->follow(header_of(posted, "Location")).status, 200);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/transfer/" + stranger.public_key()).status, 200);
}

TEST_F(Login, NoSecondSignInForASecondApplicationInABrowser) {
  EXPECT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  const Answer second = browser_->follow("https://b.localhost:8443/?y=1");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(browser_->visited().back(), "https://b.localhost:8443/?y=1");
}

TEST_F(Login, HandsABoxOutOnceAndForgetsIt) {
  const auth::TransferReceiver receiver;
  ASSERT_EQ(browser_->sign_in(cli_url(receiver.public_key()), "ann@example.com").status, 200);
  const std::string url = "https://auth.localhost:8443/transfer/" + receiver.public_key();
  EXPECT_EQ(browser_->get(url).status, 200);
  EXPECT_EQ(browser_->get(url).status, 202);
  const auth::TransferReceiver late;
  const Answer page = browser_->follow(cli_url(late.public_key()));
  ASSERT_EQ(browser_->follow(header_of(browser_->post_form(page, ""), "Location")).status, 200);
  now_ += kTransferSeconds;
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/transfer/" + late.public_key()).status, 202);
}

TEST_F(Login, HandsABoxOutUnderTheNamesOfTheStoreToo) {
  Config config = two_applications(dir_ / "state");
  config.transfer_hosts = {"login.cloudflareaccess.org"};
  make_site(std::move(config));
  const auth::TransferReceiver receiver;
  ASSERT_EQ(browser_->sign_in(cli_url(receiver.public_key()), "ann@example.com").status, 200);
  const std::string store = "https://login.cloudflareaccess.org";
  const Answer box = browser_->get(store + "/transfer/" + receiver.public_key());
  ASSERT_EQ(box.status, 200);
  EXPECT_TRUE(receiver.open(box.body, header_of(box, "Service-Public-Key")));
  for (const char* path : {"/", "/cdn-cgi/access/certs", "/cdn-cgi/access/login/vm.localhost", "/transfer/x"})
    EXPECT_EQ(browser_->get(store + path).status, 404) << path;
  EXPECT_EQ(browser_->get("https://login.cloudflareaccess.com/transfer/" + receiver.public_key()).status,
            421);
}

TEST_F(Login, WakesAPollThatWaits) {
  Config config = two_applications(dir_ / "state");
  browser_.reset();
  site_ = Handlers::make(
              io_.get_executor(), config, *store_, [this] { return now_; }, std::chrono::hours(1))
              .value();
  browser_ = std::make_unique<Browser>(io_, *site_);
  const auth::TransferReceiver receiver;
  const Request poll =
      browser_->request("GET", "https://auth.localhost:8443/transfer/" + receiver.public_key());
  std::vector<int> done;
  for (int poller = 0; poller < 2; ++poller) {
    boost::asio::co_spawn(
        io_, site_->router().handle(poll),
        [&](const std::exception_ptr&, const Answer& answer) { done.push_back(answer.status); });
    io_.restart();
    io_.poll();
  }
  EXPECT_EQ(done, std::vector<int>{202}) << "a newer poll ends the older one";
  ASSERT_EQ(browser_->sign_in(cli_url(receiver.public_key()), "ann@example.com").status, 200);
  io_.restart();
  io_.poll();
  EXPECT_EQ(done, (std::vector<int>{202, 200}));
}

TEST_F(Login, GetIdentityAndLogout) {
  ASSERT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  for (const char* host : {"vm.localhost", "auth.localhost"}) {
    const Answer who = browser_->get("https://" + std::string(host) + ":8443/cdn-cgi/access/get-identity");
    EXPECT_EQ(who.status, 200);
    EXPECT_NE(who.body.find("\"email\":\"ann@example.com\""), std::string::npos);
  }
  EXPECT_EQ(browser_->follow("https://vm.localhost:8443/cdn-cgi/access/logout").status, 200);
  for (const char* host : {"vm.localhost", "auth.localhost"})
    EXPECT_EQ(browser_->get("https://" + std::string(host) + ":8443/cdn-cgi/access/get-identity").status,
              401);
}

TEST_F(Login, GrantsATunnelAndRecordsItsEnd) {
  const auto tokens = program_login();
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  request.headers.clear();
  request.headers.emplace_back("Cf-Access-Token", std::string(tokens.app_token.reveal()));
  const auto granted = site_->router().upgrade(request);
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(granted));
  const auto& grant = std::get<TunnelGrant>(granted);
  EXPECT_EQ(grant.identity, "ann@example.com");
  EXPECT_EQ(grant.origin->text(), "127.0.0.1:22");
  EXPECT_EQ(grant.expires, now_ + 24 * 3600);
  const auto end = std::make_shared<TunnelHandle>(io_.get_executor());
  const std::int64_t id = site_->tunnels().opened(grant, request, end);
  site_->tunnels().closed(id, 10, 20, "ended\nnormally");
  const auto rows = audit();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].kind, "tunnel_open");
  EXPECT_EQ(rows[1].id, id);
  EXPECT_EQ(rows[2].kind, "tunnel_close");
  EXPECT_EQ(rows[2].tunnel, id);
  EXPECT_EQ(rows[2].identity, "ann@example.com");
  EXPECT_EQ(rows[2].up_bytes, 10u);
  EXPECT_EQ(rows[2].down_bytes, 20u);
  EXPECT_EQ(rows[2].reason, "ended?normally");
}

TEST_F(Login, TokensOutliveARestartOfTheEdge) {
  const auto tokens = program_login();
  site_.reset();
  store_.reset();
  store_ = open_sqlite_store(dir_ / "state").value();
  make_site(two_applications(dir_ / "state"));
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  request.headers.emplace_back("Cf-Access-Token", std::string(tokens.app_token.reveal()));
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request)));
}

}  // namespace
}  // namespace cfpipe::edge
