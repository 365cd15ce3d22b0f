// What stands between a request and a page, a cookie or a certificate when everything else is right.
#include <sqlite3.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "edge/ca/ssh_ca.h"
#include "edge/edge_fixture.h"
#include "edge/http/responses.h"
#include "edge/identity/service_tokens.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kGatedPage = "https://vm.localhost:8443/";
constexpr const char* kOther = "https://b.localhost:8443/";

class GateCloses : public SiteTest {
 protected:
  template <class Change>
  void configure(Change change) {
    Config config = two_applications(dir_ / "state");
    change(config);
    make_site(std::move(config));
  }
  /// Keeps the cookies of a browser over another configuration of the same edge.
  template <class Change>
  void reconfigure(Change change) {
    Config config = two_applications(dir_ / "state");
    change(config);
    ASSERT_TRUE(site_->configure(std::move(config)));
  }
  /// Changes the database behind the edge's back.
  void sql(const char* statement) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((dir_ / "state/edge.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, statement, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  static Policy bypass() { return {"open", Decision::bypass, {{Rule::Kind::everyone}}, {}, {}}; }
};

TEST_F(GateCloses, WhereTheRevocationsCannotBeRead) {
  const auto tokens = program_login();
  ASSERT_EQ(browser_->sign_in(kGatedPage, "ann@example.com").status, 200);
  Request tunnel = browser_->request("GET", kGatedPage);
  tunnel.headers = {{"Cf-Access-Token", std::string(tokens.app_token.reveal())}};
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(tunnel)));
  Request list = browser_->request("GET", "https://auth.localhost:8443/cdn-cgi/access/applications");
  list.headers = {{"Cf-Access-Token", std::string(tokens.org_token.reveal())}};
  ASSERT_EQ(browser_->send(list).status, 200);
  for (const char* table : {"revoked_people", "revoked_sessions"}) {
    sql((std::string("ALTER TABLE ") + table + " RENAME TO away").c_str());
    EXPECT_EQ(browser_->send(list).status, 401) << table;
    EXPECT_TRUE(std::holds_alternative<Answer>(site_->router().upgrade(tunnel))) << table;
    EXPECT_NE(browser_->get(kGatedPage).status, 200) << table;
    sql((std::string("ALTER TABLE away RENAME TO ") + table).c_str());
    EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(tunnel))) << table;
  }
}

TEST_F(GateCloses, TheBuiltInSignInWherePeopleSignInAtAProvider) {
  browser_->sign_in(kGatedPage, "ann@example.com");
  const auth::TransferReceiver receiver;
  const Answer confirm = browser_->follow(cli_url(receiver.public_key()));
  ASSERT_FALSE(Browser::hidden_state(confirm).empty());
  reconfigure([](Config& config) {
    config.identity_provider = IdentityProvider::oidc;
    config.providers.emplace_back();
    config.providers.back().issuer = "https://127.0.0.1:1";
    config.providers.back().client_id = "cfpipe";
  });
  const Answer answer = browser_->post_form(confirm, "mallory@example.org");
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(header_of(answer, "Set-Cookie").empty());
}

TEST_F(GateCloses, TheTerminalsPageToThosePolicyKeepsOutOfABypassedApplication) {
  const auto with = [](std::vector<Policy> policies) {
    return [policies](Config& config) {
      config.applications[0].browser_terminal = true;
      config.applications[0].policies = policies;
    };
  };
  const Policy everybody{"all", Decision::allow, {{Rule::Kind::everyone}}, {}, {}};
  const Policy others{"others", Decision::allow, {{Rule::Kind::email, "bob@example.com"}}, {}, {}};
  configure(with({everybody}));
  EXPECT_NE(browser_->sign_in(kGatedPage, "ann@example.com").body.find("data-user"), std::string::npos);
  reconfigure(with({everybody, bypass()}));
  EXPECT_NE(browser_->get(kGatedPage).body.find("data-user"), std::string::npos);
  reconfigure(with({others, bypass()}));
  const Answer page = browser_->get(kGatedPage);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body.find("data-user"), std::string::npos) << page.body;
}

TEST_F(GateCloses, CertificatesToAServiceTokenThatPassesByBypassAlone) {
  const auto with = [](bool named) {
    return [named](Config& config) {
      const Policy ci{"ci", Decision::service_auth, {{Rule::Kind::service_token, "deploy"}}, {}, {}};
      config.applications[0].policies = named ? std::vector{ci, bypass()} : std::vector{bypass()};
    };
  };
  configure(with(true));
  const auto made =
      ServiceTokens(store_->service_tokens()).create("deploy", std::chrono::seconds(1000), now_);
  const auto ask = [&, this] {
    Request request = browser_->request("GET", kGatedPage);
    request.headers = {{"CF-Access-Client-Id", (*made)->client_id},
                       {"CF-Access-Client-Secret", std::string((*made)->secret.reveal())}};
    return browser_->send(request);
  };
  EXPECT_TRUE(header_of(ask(), "Set-Cookie").starts_with("CF_Authorization="));
  reconfigure(with(false));
  const Answer answer = ask();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(header_of(answer, "Set-Cookie").empty()) << header_of(answer, "Set-Cookie");
}

TEST_F(GateCloses, ASignInOfOneApplicationToTheLoginOfAnother) {
  const std::string url = header_of(browser_->get(kGatedPage), "Location");
  const std::string meta = url.substr(url.find("&meta="));
  const auto login_of = [&](const std::string& host) {
    return browser_->get("https://auth.localhost:8443/cdn-cgi/access/login/" + host +
                         "?kid=" + store_->keys().audience(host).value() + "&redirect_url=%2F" + meta);
  };
  EXPECT_EQ(login_of("vm.localhost").status, 200);
  const Answer other = login_of("b.localhost");
  EXPECT_EQ(other.status, 302);
  EXPECT_EQ(header_of(other, "Location"), kOther);
}

TEST_F(GateCloses, AConfirmationOfAUserWhomNoPolicyAllowsAnyMore) {
  browser_->sign_in(kGatedPage, "ann@example.com");
  const auth::TransferReceiver receiver;
  const Answer confirm = browser_->follow(cli_url(receiver.public_key()));
  ASSERT_FALSE(Browser::hidden_state(confirm).empty());
  reconfigure([](Config& config) {
    config.applications[0].policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  });
  EXPECT_EQ(browser_->post_form(confirm, "").status, 403);
}

TEST_F(GateCloses, ASessionThatTheEdgeDidNotMake) {
  const auto session = [this] { return browser_->cookie("vm.localhost", "__Host-CF_AppSession"); };
  for (const std::size_t size : {1U, 42U, 44U}) {
    const std::string chosen(size, 'x');
    browser_->set_cookie("vm.localhost", "__Host-CF_AppSession", chosen);
    browser_->get(kGatedPage);
    EXPECT_NE(session(), chosen);
    EXPECT_EQ(session().size(), 43U);
  }
  const std::string own = session();
  browser_->get(kGatedPage);
  EXPECT_EQ(session(), own) << "one for all tabs";
}

TEST_F(GateCloses, ARequestThatIsNoQuestionIsNotRepeatedAfterTheSignIn) {
  const auto target = [this](const char* method) {
    Request login;
    const std::string url =
        header_of(browser_->send(browser_->request(method, std::string(kGatedPage) + "act?x=1")), "Location");
    login.query = url.substr(url.find('?') + 1);
    return login.query_value("redirect_url");
  };
  EXPECT_EQ(target("GET"), "/act?x=1");
  EXPECT_EQ(target("HEAD"), "/act?x=1");
  for (const char* method : {"POST", "PUT", "DELETE", "get"}) EXPECT_EQ(target(method), "/") << method;
}

TEST_F(GateCloses, ATokenFromTheFuture) {
  Tokens tokens = Tokens::open(store_->keys()).value();
  tokens.set_issuer("https://auth.localhost:8443");
  tokens.set_providers({"dev"});
  Identity ann;
  ann.email = "ann@example.com";
  const std::string token = tokens.app_token(ann, "aud", now_, std::chrono::seconds(3600));
  EXPECT_TRUE(tokens.check_app(token, "aud", now_ - kTokenClockSkew));
  EXPECT_FALSE(tokens.check_app(token, "aud", now_ - kTokenClockSkew - 1));
}

TEST_F(GateCloses, ATokenOfAProviderThatThereIsNot) {
  Tokens tokens = Tokens::open(store_->keys()).value();
  tokens.set_issuer("https://auth.localhost:8443");
  const auto taken = [&](const std::string& provider) {
    Identity ann;
    ann.email = "ann@example.com";
    ann.provider = provider;
    const std::string token = tokens.app_token(ann, "aud", now_, std::chrono::seconds(3600));
    const auto identity = tokens.check_app(token, "aud", now_);
    return identity ? identity->provider : "none";
  };
  EXPECT_EQ(taken("corp"), "none");
  tokens.set_providers({"corp"});
  EXPECT_EQ(taken("corp"), "corp");
  EXPECT_EQ(taken("partner"), "none");
  EXPECT_EQ(taken(""), "corp") << "made before there were names";
  tokens.set_providers({"corp", "partner"});
  EXPECT_EQ(taken("partner"), "partner");
  EXPECT_EQ(taken(""), "none") << "whose it is cannot be known";
}

TEST_F(GateCloses, ASignInOfAProviderThatTheApplicationDoesNotTake) {
  browser_->sign_in(kGatedPage, "ann@example.com");
  EXPECT_EQ(browser_->get(kGatedPage).status, 200);
  configure([](Config& config) { config.applications[0].allowed_idps = {"corp"}; });
  EXPECT_EQ(browser_->get(kGatedPage).status, 302) << "to sign in there";
  EXPECT_EQ(browser_->get("https://vm.localhost:8443/cdn-cgi/access/get-identity").status, 401);
}

TEST_F(GateCloses, ACertificateToOtherAddressesThanItsSources) {
  configure([](Config& config) { config.applications[0].certificates->source_addresses = "192.0.2.0/24"; });
  browser_->sign_in(kGatedPage, "ann@example.com");
  Request request = browser_->request("POST", "https://auth.localhost:8443/cdn-cgi/access/cert_sign");
  request.headers = {{"Content-Type", "application/json"}};
  request.body = boost::json::serialize(
      boost::json::object{{"public_key", auth::SshKey::generate(auth::KeyType::ed25519).authorized_key()},
                          {"jwt", browser_->cookie("vm.localhost", "CF_Authorization")}});
  const auto answer = boost::json::parse(browser_->send(request).body).as_object();
  const auto cert = auth::parse_certificate(text_of(answer, "certificate"));
  ASSERT_TRUE(cert);
  ASSERT_EQ(cert->fields.critical_options.size(), 1u);
  EXPECT_EQ(cert->fields.critical_options[0].first, "source-address");
  EXPECT_EQ(cert->fields.critical_options[0].second, "192.0.2.0/24");
}

}  // namespace
}  // namespace cfpipe::edge
