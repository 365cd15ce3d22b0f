// What the site must not do.
#include "base/base64.h"
#include "edge/edge_fixture.h"
#include "edge/http/responses.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

using Refusal = SiteTest;

struct Target {
  const char* redirect_url;
  const char* target;  ///< null: refused
};
class RedirectTargets : public ::testing::TestWithParam<Target> {};

TEST_P(RedirectTargets, StayOnTheApplication) {
  const auto target = safe_target(GetParam().redirect_url, "vm.localhost:8443");
  if (GetParam().target == nullptr) {
    EXPECT_FALSE(target) << *target;
  } else {
    ASSERT_TRUE(target);
    EXPECT_EQ(*target, GetParam().target);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, RedirectTargets,
    ::testing::Values(
        Target{"", "/"}, Target{"/", "/"}, Target{"/a/b?c=d&e=%2F", "/a/b?c=d&e=%2F"},
        Target{"https://vm.localhost:8443", "/"}, Target{"https://vm.localhost:8443?aud=1", "/?aud=1"},
        Target{"HTTPS://VM.localhost:8443/x", "/x"},
        Target{"/redirect?to=https://evil.test/", "/redirect?to=https://evil.test/"},
        Target{"https://evil.test/", nullptr}, Target{"//evil.test/", nullptr},
        Target{"/\\evil.test", nullptr}, Target{"\\\\evil.test", nullptr}, Target{"///evil.test", nullptr},
        Target{"https:evil.test", nullptr}, Target{"https:/evil.test", nullptr},
        Target{"https:///evil.test", nullptr}, Target{"http://vm.localhost:8443/", nullptr},
        Target{"javascript:alert(1)", nullptr}, Target{"data:text/html,x", nullptr},
        Target{"evil.test", nullptr}, Target{"?x", nullptr}, Target{"https://vm.localhost/", nullptr},
        Target{"https://vm.localhost:8444/", nullptr},
        Target{"https://vm.localhost:8443@evil.test/", nullptr}, Target{"https://evil.test:8443/", nullptr},
        Target{"https://vm.localhost:8443.evil.test/", nullptr},
        Target{"https://user@vm.localhost:8443/", nullptr},
        Target{"https://evil.test/vm.localhost:8443/", nullptr},
        Target{"https://vm.localhost:8443//evil.test", nullptr},
        Target{"https://vm.localhost:8443\\@evil.test", nullptr},
        Target{"https://vm.localhost:8443#@evil.test/", nullptr}, Target{"/a\r\nSet-Cookie: x=y", nullptr},
        Target{"/a b", nullptr}, Target{" https://evil.test", nullptr}, Target{"/\tevil", nullptr},
        Target{"\x01//evil.test", nullptr}, Target{"/\xc3\xa9", nullptr}));

TEST_F(Refusal, LoginLeadsNowhereElse) {
  for (const char* hostile : {"https://evil.test/", "//evil.test", "https://vm.localhost:8443@evil.test/"}) {
    const Answer answer =
        browser_->get("https://auth.localhost:8443/cdn-cgi/access/login/vm.localhost?redirect_url=" +
                      transport::percent_encode(hostile));
    EXPECT_EQ(answer.status, 400) << hostile;
    EXPECT_EQ(answer.body.find("evil.test"), std::string::npos);
  }
}

TEST_F(Refusal, HostsItDoesNotServe) {
  for (const char* host : {"evil.test", "xvm.localhost", "vm.localhost.evil.test", "localhost", ""}) {
    Request request = browser_->request("GET", "https://vm.localhost:8443/");
    request.host = host;
    EXPECT_EQ(browser_->send(request).status, 421) << host;
    EXPECT_EQ(std::get<Answer>(site_->router().upgrade(request)).status, 421) << host;
  }
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/cdn-cgi/access/login/evil.test").status, 404);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/nothing").status, 404);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/cdn-cgi/access/nothing").status, 404);
}

TEST_F(Refusal, LoginOfAnotherKid) {
  const std::string other = store_->keys().audience("b.localhost").value();
  EXPECT_EQ(
      browser_->get("https://auth.localhost:8443/cdn-cgi/access/login/vm.localhost?kid=" + other).status,
      400);
}

TEST_F(Refusal, LoginWithoutASessionStartsAtTheApplication) {
  const Answer answer = browser_->get(
      "https://auth.localhost:8443/cdn-cgi/access/login/vm.localhost?redirect_url=%2Fx&meta=forged");
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(header_of(answer, "Location"), "https://vm.localhost:8443/x");
}

TEST_F(Refusal, FormFromAnotherSite) {
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  Request request = browser_->form(page, "ann@example.com");
  for (auto& [name, value] : request.headers)
    if (name == "Origin") value = "https://evil.test";
  EXPECT_EQ(browser_->send(request).status, 403);
  EXPECT_TRUE(audit().empty());
}

TEST_F(Refusal, FormWithoutItsCookieOrState) {
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  Browser victim(io_, *site_);
  EXPECT_EQ(victim.post_form(page, "ann@example.com").status, 400)
      << "an attacker's state in a victim's browser";
  victim.follow("https://vm.localhost:8443/");
  EXPECT_EQ(victim.post_form(page, "ann@example.com").status, 400) << "even with a cookie of their own";
  Request bare = browser_->form(page, "ann@example.com");
  bare.body = "email=ann%40example.com";
  EXPECT_EQ(browser_->send(bare).status, 400);
  now_ += kLoginSeconds;
  EXPECT_EQ(browser_->post_form(page, "ann@example.com").status, 400) << "too old";
  EXPECT_TRUE(audit().empty());
}

TEST_F(Refusal, AddressesThatAreNone) {
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  for (const char* email :
       {"ann", "@example.com", "ann@", "a b@example.com", "ann@example.com\n", "a@b@example.com",
        "ann,root@example.com", "<b>@example.com", "-oProxyCommand@example.com", "\xc3\xa9@example.com"}) {
    const Answer answer = browser_->post_form(page, email);
    if (std::string_view(email) == "ann@example.com\n") {
      EXPECT_EQ(answer.status, 302) << "blanks around it are taken off";
    } else {
      EXPECT_EQ(answer.status, 400) << email;
    }
  }
}

TEST_F(Refusal, PeopleWhomNoPolicyAllows) {
  for (const char* email : {"eve@evil.test", "mallory@example.com", "Mallory@Example.com"})
    EXPECT_EQ(browser_->sign_in("https://vm.localhost:8443/", email).status, 403) << email;
  const auto rows = audit();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].kind, "denial");
  EXPECT_EQ(rows[0].identity, "eve@evil.test");
  EXPECT_EQ(rows[0].ray, "ray-1");
}

TEST_F(Refusal, PeopleWhomAPolicyAllowedOnce) {
  const auto tokens = program_login();
  Config config = two_applications(dir_ / "state");
  for (ApplicationConfig& app : config.applications)
    app.policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  make_site(config);
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  request.headers.emplace_back("Cf-Access-Token", std::string(tokens.app_token.reveal()));
  EXPECT_EQ(std::get<Answer>(site_->router().upgrade(request)).status, 403);
  EXPECT_EQ(browser_->send(request).status, 403);
}

TEST_F(Refusal, CodesOfAnotherBrowserOrASecondTime) {
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  const std::string url = header_of(browser_->post_form(page, "ann@example.com"), "Location");
  Browser thief(io_, *site_);
  EXPECT_EQ(thief.get(url).status, 400);
  EXPECT_EQ(browser_->get(url).status, 400) << "the attempt has used it up";

  const std::string second = header_of(browser_->post_form(page, "ann@example.com"), "Location");
  EXPECT_EQ(browser_->get(second).status, 302);
  EXPECT_EQ(browser_->get(second).status, 400);

  std::string elsewhere = header_of(browser_->post_form(page, "ann@example.com"), "Location");
  elsewhere.replace(elsewhere.find("vm."), 3, "b.");
  for (const char* name : {"CF_AppSession", "__Host-CF_AppSession"})
    browser_->set_cookie("b.localhost", name, browser_->cookie("vm.localhost", name));
  EXPECT_EQ(browser_->get(elsewhere).status, 400);

  const std::string late = header_of(browser_->post_form(page, "ann@example.com"), "Location");
  now_ += kCodeSeconds;
  EXPECT_EQ(browser_->get(late).status, 400);
  EXPECT_EQ(browser_->get("https://vm.localhost:8443/cdn-cgi/access/authorized").status, 400);
}

TEST_F(Refusal, TokensOfAnotherKind) {
  const auto tokens = program_login();
  const std::string app(tokens.app_token.reveal());
  const std::string org(tokens.org_token.reveal());
  Request metadata = browser_->request("HEAD", "https://vm.localhost:8443/");
  metadata.headers.emplace_back("Cf-Access-Metadata-Request", "true");
  const std::string match = header_of(browser_->send(metadata), "Cf-Access-Metadata");
  std::string unsigned_token = app.substr(0, app.rfind('.') + 1);
  const auto upgraded = [&](const std::string& host, const std::string& token) {
    Request request = browser_->request("GET", "https://" + host + ":8443/");
    request.headers.clear();
    request.headers.emplace_back("Cf-Access-Token", token);
    return std::holds_alternative<TunnelGrant>(site_->router().upgrade(request));
  };
  EXPECT_TRUE(upgraded("vm.localhost", app));
  EXPECT_FALSE(upgraded("b.localhost", app)) << "another audience";
  EXPECT_FALSE(upgraded("vm.localhost", org)) << "another type";
  EXPECT_FALSE(upgraded("vm.localhost", match)) << "metadata";
  EXPECT_FALSE(upgraded("vm.localhost", unsigned_token));
  EXPECT_FALSE(upgraded("vm.localhost", "x.y.z"));
  std::string bent = app;
  bent[app.size() / 2] = bent[app.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(upgraded("vm.localhost", bent));
  site_->set_public_port(9443);
  EXPECT_FALSE(upgraded("vm.localhost", app)) << "another issuer";
  site_->set_public_port(8443);
  now_ += 24 * 3600;
  EXPECT_FALSE(upgraded("vm.localhost", app)) << "expired";
}

TEST_F(Refusal, UpgradeWithoutATokenIsSentToTheLogin) {
  const auto answer = site_->router().upgrade(browser_->request("GET", "https://vm.localhost:8443/"));
  ASSERT_TRUE(std::holds_alternative<Answer>(answer));
  EXPECT_EQ(std::get<Answer>(answer).status, 302);
  EXPECT_NE(header_of(std::get<Answer>(answer), "Location").find("/cdn-cgi/access/login/"),
            std::string::npos);
}

TEST_F(Refusal, TunnelsThatForeignPagesOpenWithACookie) {
  ASSERT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request)));
  request.headers.emplace_back("Origin", "https://vm.localhost:8443");
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request)));
  request.headers.back().second = "https://b.localhost:8443";
  EXPECT_EQ(std::get<Answer>(site_->router().upgrade(request)).status, 403);
}

TEST_F(Refusal, ABadTokenHeaderIsNotMendedByACookie) {
  ASSERT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  request.headers.emplace_back("Cf-Access-Token", "x.y.z");
  EXPECT_TRUE(std::holds_alternative<Answer>(site_->router().upgrade(request)));
}

TEST_F(Refusal, DestinationsThatAreNotConfigured) {
  const auto tokens = program_login();
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  request.headers.emplace_back("Cf-Access-Token", std::string(tokens.app_token.reveal()));
  request.headers.emplace_back("Cf-Access-Jump-Destination", "10.0.0.1:22");
  EXPECT_EQ(std::get<Answer>(site_->router().upgrade(request)).status, 403);
}

TEST_F(Refusal, AGrantForOneProgramServesNoOther) {
  const auth::TransferReceiver mine;
  const Answer page = browser_->follow(cli_url(mine.public_key()));
  const std::string authorized = header_of(browser_->post_form(page, "ann@example.com"), "Location");
  ASSERT_EQ(browser_->get(authorized).status, 302);
  const auth::TransferReceiver stranger;
  EXPECT_EQ(browser_->get(cli_url(stranger.public_key())).status, 302);
  EXPECT_EQ(browser_->get(cli_url(mine.public_key())).status, 200);
}

TEST_F(Refusal, CliWithoutAReceiver) {
  for (const char* query : {"", "?token=", "?token=abc", "?token=AAAA&aud=x"})
    EXPECT_EQ(browser_->get(std::string("https://vm.localhost:8443/cdn-cgi/access/cli") + query).status, 400)
        << query;
}

TEST_F(Refusal, TransferKeysThatAreNone) {
  for (const char* key : {"", "x", "../../etc/passwd", "%00", "AAAA", "%ZZ"})
    EXPECT_EQ(browser_->get(std::string("https://auth.localhost:8443/transfer/") + key).status, 404) << key;
  // As long as the text of a key, and one byte more or less when it is decoded.
  for (const std::size_t size : {31U, 33U}) {
    const std::string key = base64url_padded(std::string(size, 'x'));
    EXPECT_EQ(key.size(), 44U);
    EXPECT_EQ(browser_->get("https://auth.localhost:8443/transfer/" + key).status, 404) << size;
    EXPECT_EQ(browser_->get(cli_url(key)).status, 400) << size;
  }
  const auth::TransferReceiver receiver;
  EXPECT_EQ(
      browser_
          ->send(browser_->request("HEAD", "https://auth.localhost:8443/transfer/" + receiver.public_key()))
          .status,
      405);
}

TEST_F(Refusal, MethodsThatChangeNothing) {
  EXPECT_EQ(browser_->send(browser_->request("POST", "https://vm.localhost:8443/cdn-cgi/access/cli")).status,
            405);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/cdn-cgi/access/callback").status, 405);
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/cdn-cgi/access/cert_sign").status, 405);
}

TEST_F(Refusal, PagesAreEscapedAndLockedDown) {
  const Answer answer = message_page(200, "<i>", "a & <script>\"'", "");
  EXPECT_NE(answer.body.find("a &amp; &lt;script&gt;&quot;&#39;"), std::string::npos);
  EXPECT_EQ(answer.body.find("<script>"), std::string::npos);
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  const std::string policy = header_of(page, "Content-Security-Policy");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_NE(policy.find("form-action 'self' https://vm.localhost:8443"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(header_of(page, "X-Content-Type-Options"), "nosniff");
}

TEST_F(Refusal, OfPlainHttpIsAskedOfBrowsersUnlessThisIsDev) {
  const std::string name = "Strict-Transport-Security";
  EXPECT_EQ(header_of(browser_->get("https://vm.localhost:8443/"), name), "");
  Config config = two_applications(dir_ / "state");
  config.identity_provider = IdentityProvider::oidc;
  config.providers.emplace_back();
  config.providers.back().issuer = "http://127.0.0.1:1";
  config.providers.back().client_id = "cfpipe";
  make_site(config);
  for (const char* url : {"https://vm.localhost:8443/", "https://auth.localhost:8443/",
                          "https://auth.localhost:8443/cdn-cgi/access/certs"})
    EXPECT_EQ(header_of(browser_->get(url), name), "max-age=31536000") << url;
}

TEST_F(Refusal, CookiesAreLockedDown) {
  const auto check = [](const Answer& answer) {
    int cookies = 0;
    for (const auto& [name, value] : answer.headers) {
      if (name != "Set-Cookie") continue;
      ++cookies;
      for (const char* attribute : {"; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/"})
        EXPECT_NE(value.find(attribute), std::string::npos) << value;
      EXPECT_EQ(value.find("Domain="), std::string::npos);
    }
    EXPECT_GT(cookies, 0);
  };
  const Answer gate = browser_->get("https://vm.localhost:8443/");
  check(gate);
  const Answer page = browser_->get(header_of(gate, "Location"));
  check(page);
  const Answer posted = browser_->post_form(page, "ann@example.com");
  check(posted);
  check(browser_->get(header_of(posted, "Location")));
}

}  // namespace
}  // namespace cfpipe::edge
