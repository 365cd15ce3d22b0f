// Applications that share a host, and hosts that share an application: tokens, cookies and tunnels are of
// one.
#include "auth/discovery/application.h"
#include "auth/token/jwks.h"
#include "edge/config_fixture.h"
#include "edge/edge_fixture.h"
#include "edge/http/cookies.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kPort = ":8443";

class SharedHosts : public SiteTest {
 protected:
  /// vm.localhost with two paths and a root, all hosts below wild.localhost, all below auth's own domain.
  void SetUp() override {
    SiteTest::SetUp();
    make_site(with(
        {"vm.localhost", "vm.localhost/team-a", "vm.localhost/team-b", "*.wild.localhost", "*.localhost"}));
  }
  Config with(const std::vector<std::string>& names) const {
    Config config = two_applications(dir_ / "state");
    const ApplicationConfig like = config.applications[0];
    config.applications.clear();
    std::uint16_t port = 2000;
    for (const std::string& name : names) {
      config.applications.push_back(like);
      config.applications.back().hostname = name;
      config.applications.back().origin_port = port++;
    }
    return config;
  }
  std::string aud(const std::string& name) { return store_->keys().audience(name).value(); }
  static std::string url(const std::string& host, const std::string& path = "/") {
    return "https://" + host + kPort + path;
  }
  /// A program's token of the application, by the exchange of an org token; empty: there was none.
  std::string token(const std::string& host, const std::string& path) {
    if (org_.empty()) org_ = program_login().org_token.reveal();
    Browser program(io_, *site_);
    std::string at = url(host, path);
    std::string session;
    for (int hop = 0; hop < 5; ++hop) {
      Request request = program.request("HEAD", at);
      request.headers.clear();
      const bool last = request.path == "/cdn-cgi/access/authorized";
      if (request.path.starts_with("/cdn-cgi/access/login"))
        request.headers.emplace_back("Cookie", "CF_Authorization=" + org_);
      if (last) request.headers.emplace_back("Cookie", "CF_AppSession=" + session);
      const Answer answer = program.send(request);
      if (last) return program.cookie(host, "CF_Authorization");
      if (answer.status != 302) return {};
      if (const std::string fresh = program.cookie(host, "CF_AppSession"); !fresh.empty()) session = fresh;
      at = header_of(answer, "Location");
    }
    return {};
  }
  /// The origin's port that a tunnel would lead to; 0: it was refused.
  int leads_to(const std::string& host, const std::string& path, const std::string& token) {
    Request request = browser_->request("GET", url(host, path));
    request.headers.clear();
    if (!token.empty()) request.headers.emplace_back("Cf-Access-Token", token);
    const auto answer = site_->router().upgrade(request);
    const auto* grant = std::get_if<TunnelGrant>(&answer);
    if (grant == nullptr) return 0;
    const std::string origin = grant->origin->text();
    return std::stoi(origin.substr(origin.rfind(':') + 1));
  }
  std::optional<auth::Jwt> metadata_of(const std::string& host, const std::string& path,
                                       const std::string& peer = "127.0.0.1") {
    Request request = browser_->request("HEAD", url(host, path));
    request.headers.emplace_back("Cf-Access-Metadata-Request", "true");
    request.peer = peer;
    const auto jwt = auth::parse_jwt(header_of(browser_->send(request), "Cf-Access-Metadata"));
    return jwt ? std::optional(*jwt) : std::nullopt;
  }

  std::string org_;
};

TEST_F(SharedHosts, EachPathLeadsToItsOwnOrigin) {
  const std::string root = token("vm.localhost", "/"), a = token("vm.localhost", "/team-a");
  EXPECT_EQ(leads_to("vm.localhost", "/", root), 2000);
  EXPECT_EQ(leads_to("vm.localhost", "/team-a", a), 2001);
  EXPECT_EQ(leads_to("vm.localhost", "/team-a/below", a), 2001);
  EXPECT_EQ(leads_to("vm.localhost", "/team%2da/", a), 2001);
  EXPECT_EQ(leads_to("vm.localhost", "/team-b", token("vm.localhost", "/team-b")), 2002);
}

TEST_F(SharedHosts, ATokenIsGoodForItsApplicationAlone) {
  const std::string root = token("vm.localhost", "/"), a = token("vm.localhost", "/team-a"),
                    wild = token("x.wild.localhost", "/");
  ASSERT_FALSE(root.empty() || a.empty() || wild.empty());
  EXPECT_EQ(auth::parse_jwt(a)->audience(), std::vector<std::string>{aud("vm.localhost/team-a")});
  EXPECT_EQ(leads_to("vm.localhost", "/team-b", a), 0);
  EXPECT_EQ(leads_to("vm.localhost", "/", a), 0);
  EXPECT_EQ(leads_to("vm.localhost", "/team-a", root), 0);
  EXPECT_EQ(leads_to("x.wild.localhost", "/", a), 0);
  EXPECT_EQ(leads_to("vm.localhost", "/", wild), 0);
  EXPECT_EQ(leads_to("y.wild.localhost", "/", wild), 2003) << "the same application";
  EXPECT_EQ(leads_to("z.localhost", "/", wild), 0) << "another one, though its name covers more";
  EXPECT_EQ(leads_to("a.b.wild.localhost", "/", wild), 0) << "a * is one label";
}

TEST_F(SharedHosts, AServiceWithAStarLeadsEachHostToItsOwn) {
  const std::string wild = token("x.wild.localhost", "/");
  Config config = with({"vm.localhost", "*.wild.localhost"});
  config.applications[1].origin_host = Host::parse("*.internal", Wildcards::allowed).value();
  make_site(std::move(config));
  const auto asked = [&](const std::string& host) {
    Request request = browser_->request("GET", url(host));
    request.headers.clear();
    request.headers.emplace_back("Cf-Access-Token", wild);
    return site_->router().upgrade(request);
  };
  const auto granted = asked("web.wild.localhost");
  const auto* grant = std::get_if<TunnelGrant>(&granted);
  ASSERT_NE(grant, nullptr) << std::get<Answer>(granted).body;
  EXPECT_EQ(grant->origin->text(), "web.internal:2001");
  EXPECT_TRUE(grant->origin->chosen_by_client());
  for (const char* host : {"a_b.wild.localhost", "_.wild.localhost"}) {
    const auto answer = asked(host);
    ASSERT_TRUE(std::holds_alternative<Answer>(answer)) << host;
    EXPECT_EQ(std::get<Answer>(answer).status, 404) << host;
    EXPECT_NE(header_of(std::get<Answer>(answer), "Cfpipe-Reason").find("leads to no server"),
              std::string::npos);
  }
}

TEST_F(SharedHosts, NoSpellingOfAPathCarriesATokenOver) {
  const std::string root = token("vm.localhost", "/"), a = token("vm.localhost", "/team-a");
  for (const char* path : {"/team-a/../team-b", "/team-a/%2e%2e/team-b", "/team-a/..%2fteam-b", "//team-b",
                           "/./team-b", "/team-a/..", "/team-a//../team-b", "/team-b%2f..%2fteam-a",
                           "/team-a%5c..%5cteam-b", "/team-a%00", "/team-a/%"}) {
    for (const std::string& shown : {root, a}) EXPECT_EQ(leads_to("vm.localhost", path, shown), 0) << path;
    EXPECT_EQ(browser_->get(url("vm.localhost", path)).status, 400) << path;
  }
  // These are other paths, and of the application that has all of the host.
  for (const char* path : {"/Team-A", "/TEAM-B", "/team-b;a", "/team-bb", "/x/team-b", "/team%252db"}) {
    EXPECT_EQ(leads_to("vm.localhost", path, root), 2000) << path;
    EXPECT_EQ(leads_to("vm.localhost", path, a), 0) << path;
  }
}

TEST_F(SharedHosts, APathThatNoApplicationHasIsNotFound) {
  ASSERT_FALSE(token("vm.localhost", "/").empty());
  make_site(with({"vm.localhost/team-a"}));
  EXPECT_EQ(browser_->get(url("vm.localhost", "/team-a")).status, 302);
  for (const char* path : {"/", "/team-ab", "/team"}) {
    EXPECT_EQ(browser_->get(url("vm.localhost", path)).status, 404) << path;
    EXPECT_EQ(leads_to("vm.localhost", path, token("vm.localhost", "/team-a")), 0) << path;
    EXPECT_FALSE(metadata_of("vm.localhost", path)) << path;
  }
  EXPECT_EQ(browser_->get(url("other.localhost")).status, 421);
}

TEST_F(SharedHosts, TheAuthDomainIsNoApplication) {
  EXPECT_EQ(header_of(browser_->get(url("auth.localhost")), "CF-Access-Aud"), aud("auth.localhost"))
      << "the dashboard, though *.localhost covers it";
  EXPECT_FALSE(metadata_of("auth.localhost", "/"));
  EXPECT_EQ(leads_to("auth.localhost", "/", token("x.localhost", "/")), 0);
  EXPECT_EQ(
      browser_->get(url("auth.localhost", "/cdn-cgi/access/login/auth.localhost?kid=" + aud("*.localhost")))
          .status,
      400);
}

TEST_F(SharedHosts, MetadataNameTheApplicationOfEachPathAndHost) {
  const auto keys = auth::KeySet::parse(browser_->get(url("vm.localhost", "/cdn-cgi/access/certs")).body);
  auth::TrustedDomains trusted;
  trusted.add("auth.localhost");
  for (const auto& [host, path, name] : {std::tuple("vm.localhost", "/", "vm.localhost"),
                                         std::tuple("vm.localhost", "/team-a/x", "vm.localhost/team-a"),
                                         std::tuple("a.wild.localhost", "/", "*.wild.localhost"),
                                         std::tuple("b.wild.localhost", "/", "*.wild.localhost"),
                                         std::tuple("c.localhost", "/", "*.localhost")}) {
    const auto jwt = metadata_of(host, path);
    ASSERT_TRUE(jwt) << host << path;
    const auto app =
        auth::verify_metadata(*jwt, *keys, *transport::parse_url(std::string(host) + path), trusted, now_);
    ASSERT_TRUE(app) << host << path << ": " << app.error().detail;
    EXPECT_EQ(app->app_hostname, name);
    EXPECT_EQ(app->aud, aud(name));
  }
}

TEST_F(SharedHosts, ABrowserHasATokenOfEachPathAtOnce) {
  EXPECT_EQ(browser_->sign_in(url("vm.localhost", "/team-a"), "ann@example.com").status, 200);
  EXPECT_EQ(browser_->follow(url("vm.localhost", "/team-b")).status, 200);
  EXPECT_EQ(browser_->follow(url("vm.localhost")).status, 200);
  // A browser of today, which says so, shows the host-bound ones alone.
  for (const char* path : {"/team-a", "/team-b", "/"}) {
    Request request = browser_->request("GET", url("vm.localhost", path));
    request.headers.emplace_back("Sec-Fetch-Site", "none");
    EXPECT_EQ(browser_->send(request).status, 200) << path;
  }
  for (const char* name : {"vm.localhost/team-a", "vm.localhost/team-b"})
    EXPECT_FALSE(
        browser_->cookie("vm.localhost", "__Host-CF_Authorization-" + aud(name).substr(0, 16)).empty());
}

TEST_F(SharedHosts, TokensOfManyPathsStayWithinOneHead) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back("vm.localhost/p" + std::to_string(i));
  make_site(with(names));
  browser_->sign_in(url("vm.localhost", "/p0"), "ann@example.com");
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(browser_->follow(url("vm.localhost", "/p" + std::to_string(i))).status, 200) << i;
    EXPECT_LE(path_token_cookies(browser_->request("GET", url("vm.localhost"))).size(), kMaxPathTokens);
  }
}

TEST_F(SharedHosts, SigningOutEndsAllOfTheHost) {
  browser_->sign_in(url("vm.localhost", "/team-a"), "ann@example.com");
  browser_->follow(url("vm.localhost", "/team-b"));
  const std::string a =
      browser_->cookie("vm.localhost", "__Host-CF_Authorization-" + aud("vm.localhost/team-a").substr(0, 16));
  EXPECT_NE(leads_to("vm.localhost", "/team-a", a), 0);
  EXPECT_EQ(browser_->follow(url("vm.localhost", "/cdn-cgi/access/logout")).status, 200);
  EXPECT_EQ(leads_to("vm.localhost", "/team-a", a), 0);
  EXPECT_TRUE(path_token_cookies(browser_->request("GET", url("vm.localhost"))).empty());
  EXPECT_EQ(browser_->get(url("vm.localhost", "/cdn-cgi/access/get-identity")).status, 401);
}

TEST_F(SharedHosts, TheCookieOfAPathGoesToItAlone) {
  browser_->sign_in(url("vm.localhost"), "ann@example.com");
  const Answer login = browser_->get(header_of(browser_->get(url("vm.localhost", "/team-a")), "Location"));
  const Answer back = browser_->get(header_of(login, "Location"));
  EXPECT_NE(header_of(back, "Set-Cookie").find("; Path=/team-a;"), std::string::npos)
      << header_of(back, "Set-Cookie");
}

TEST_F(SharedHosts, ACodeIsGoodAtTheHostItWasMadeFor) {
  browser_->sign_in(url("a.wild.localhost"), "ann@example.com");
  const Answer login = browser_->get(header_of(browser_->get(url("b.wild.localhost")), "Location"));
  const std::string there = header_of(login, "Location");
  const std::string mark = "https://b.wild.localhost:8443";
  ASSERT_TRUE(there.starts_with(mark + "/cdn-cgi/access/authorized?code=")) << there;
  browser_->set_cookie("a.wild.localhost", "__Host-CF_AppSession",
                       browser_->cookie("b.wild.localhost", "__Host-CF_AppSession"));
  EXPECT_EQ(browser_->get("https://a.wild.localhost:8443" + there.substr(mark.size())).status, 400);
}

TEST_F(SharedHosts, ALinkToTheLoginNamesAnApplicationOfItsHost) {
  const std::string login = "/cdn-cgi/access/login/";
  const auto status = [&](const std::string& host, const std::string& name) {
    return browser_->get(url("auth.localhost", login + host + "?kid=" + aud(name))).status;
  };
  EXPECT_EQ(status("vm.localhost", "vm.localhost/team-a"), 302) << "back, to begin";
  EXPECT_EQ(status("vm.localhost", "*.wild.localhost"), 400);
  EXPECT_EQ(status("a.wild.localhost", "vm.localhost"), 400);
  EXPECT_EQ(status("auth.localhost", "vm.localhost"), 400);
  EXPECT_EQ(browser_->get(url("auth.localhost", login + "nowhere.org")).status, 404);
  // What another host's gate began does not go on here.
  const Answer gate = browser_->get(url("a.wild.localhost"));
  const std::string there = replaced(header_of(gate, "Location"), "login/a.", "login/b.");
  EXPECT_TRUE(header_of(browser_->get(there), "Location").starts_with("https://b.wild.localhost:8443/"));
}

TEST_F(SharedHosts, AProgramIsLetIntoTheApplicationThatItNames) {
  const auth::TransferReceiver receiver;
  const auto link = [&](const std::string& name) {
    return url("vm.localhost", "/cdn-cgi/access/cli?aud=" + aud(name) +
                                   "&token=" + Browser::transport_escape(receiver.public_key()));
  };
  const Answer page = browser_->follow(link("vm.localhost/team-a"));
  EXPECT_NE(page.body.find("vm.localhost/team-a"), std::string::npos);
  const Answer done = browser_->sign_in(link("vm.localhost/team-a"), "ann@example.com");
  ASSERT_EQ(done.status, 200) << done.body;
  const Answer box = browser_->get(url("auth.localhost", "/transfer/" + receiver.public_key()));
  const auto tokens = receiver.open(box.body, header_of(box, "Service-Public-Key"));
  ASSERT_TRUE(tokens);
  EXPECT_EQ(leads_to("vm.localhost", "/team-a", std::string(tokens->app_token.reveal())), 2001);
  // Agreed to for one, it is asked for again for another.
  EXPECT_NE(browser_->follow(link("vm.localhost/team-b")).body.find("Give access"), std::string::npos);
  EXPECT_EQ(browser_->get(link("*.wild.localhost")).status, 400) << "not of this host";
}

TEST_F(SharedHosts, StrangersMakeNoStateOfHosts) {
  for (std::size_t i = 0; i < 3 * kMaxMetadataHosts; ++i)
    EXPECT_TRUE(
        metadata_of("h" + std::to_string(i) + ".wild.localhost", "/", "10.0.0." + std::to_string(i % 200)));
  std::size_t signed_for_one = 0;
  for (std::size_t i = 0; i < kMetadataPerMinute + 50; ++i)
    signed_for_one +=
        metadata_of("x" + std::to_string(i) + ".wild.localhost", "/", "192.0.2.1").has_value() ? 1U : 0U;
  EXPECT_EQ(signed_for_one, kMetadataPerMinute);
  EXPECT_TRUE(metadata_of("vm.localhost", "/team-a", "192.0.2.1"))
      << "hosts of the configuration have no limit";
  const auto keys = store_->keys().list("ssh-ca/");
  EXPECT_EQ(keys->size(), 5u + 1u) << "one for each application, and b.localhost's of before";
}

TEST_F(SharedHosts, TheAuditNamesApplicationAndHost) {
  const std::string wild = token("x.wild.localhost", "/");
  Request request = browser_->request("GET", url("x.wild.localhost"));
  request.headers.clear();
  request.headers.emplace_back("Cf-Access-Token", wild);
  const auto granted = site_->router().upgrade(request);
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(granted));
  site_->tunnels().opened(std::get<TunnelGrant>(granted), request,
                          std::make_shared<TunnelHandle>(io_.get_executor()));
  EXPECT_EQ(audit().back().application, "*.wild.localhost");
  EXPECT_EQ(audit().back().reason, "at x.wild.localhost");
}

}  // namespace
}  // namespace cfpipe::edge
