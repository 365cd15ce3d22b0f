// The dashboard and its API: who may do what, and what becomes of it.
#include "edge/dashboard_fixture.h"
#include "edge/http/web_files.h"

namespace cfpipe::edge {
namespace {

TEST_F(DashboardTest, IsForUsersSignedInAtTheAuthDomain) {
  const Answer first = browser_->get(std::string(kAuth) + "/");
  EXPECT_EQ(first.status, 302);
  EXPECT_EQ(ask("GET", "me").status, 401);
  sign_in("eve@elsewhere.org");
  const Answer page = browser_->get(std::string(kAuth) + "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("data-administrator=\"\""), std::string::npos);
  const auto me = ask("GET", "me");
  EXPECT_EQ(me.status, 200);
  EXPECT_EQ(me.body.at("email").as_string(), "eve@elsewhere.org");
  EXPECT_FALSE(me.body.at("administrator").as_bool());
  sign_in("root@example.com");
  EXPECT_TRUE(ask("GET", "me").body.at("administrator").as_bool());
  EXPECT_NE(browser_->get(std::string(kAuth) + "/").body.find("data-administrator=\"yes\""),
            std::string::npos);
}

TEST_F(DashboardTest, DoesNotSignUsersInToAnApplication) {
  sign_in("eve@elsewhere.org");
  EXPECT_EQ(browser_->follow("https://vm.localhost:8443/").status, 403);
}

TEST_F(DashboardTest, AllowsItsOwnFilesAndNothingElse) {
  sign_in("root@example.com");
  const std::string policy = header_of(browser_->get(std::string(kAuth) + "/"), "Content-Security-Policy");
  EXPECT_EQ(
      policy,
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri "
      "'none'; form-action 'none'; frame-ancestors 'none'");
  std::size_t scripts = 0;
  for (const auto& [file, content] : web_files()) {
    if (!file.starts_with("dashboard") || file.ends_with(".html")) continue;
    EXPECT_EQ(browser_->get(std::string(kAuth) + "/cdn-cgi/access/" + std::string(file)).status, 200) << file;
    ++scripts;
  }
  EXPECT_GT(scripts, 10u);
}

TEST_F(DashboardTest, LeavesTheRestToAdministrators) {
  sign_in("ann@example.com");
  for (const char* path : {"applications", "applications/vm.localhost/ca", "host-keys", "service-tokens",
                           "connectors", "tunnels", "sessions", "audit"})
    EXPECT_EQ(ask("GET", path).status, 403) << path;
  for (const char* path :
       {"applications/vm.localhost/ca/rotate", "applications/vm.localhost/ca/cancel",
        "applications/vm.localhost/certificates/revoke", "service-tokens", "connectors", "revocations"})
    EXPECT_EQ(ask("POST", path).status, 403) << path;
  for (const char* path :
       {"service-tokens/x", "connectors/x", "tunnels/1", "applications/vm.localhost/host-keys"})
    EXPECT_EQ(ask("DELETE", path).status, 403) << path;
  EXPECT_EQ(message("GET", "audit"), "ann@example.com is not an administrator of this edge");
  EXPECT_EQ(ask("GET", "me/sessions").status, 200);
  EXPECT_EQ(ask("GET", "nothing").status, 404);
  EXPECT_EQ(ask("POST", "me").status, 405);
}

TEST_F(DashboardTest, ChangesNothingForAnotherPage) {
  sign_in("root@example.com");
  const json::object body{{"name", "deploy"}};
  for (const char* missing : {"Origin", "Cfpipe-Request", "Content-Type"}) {
    Request asked = request("POST", "service-tokens", body);
    std::erase_if(asked.headers, [&](const auto& header) { return header.first == missing; });
    EXPECT_EQ(browser_->send(asked).status, 403) << missing;
  }
  for (const auto& [name, value] : {std::pair{"Origin", "https://vm.localhost:8443"},
                                    std::pair{"Origin", "null"}, std::pair{"Content-Type", "text/plain"}}) {
    Request asked = request("POST", "service-tokens", body);
    for (auto& header : asked.headers)
      if (header.first == name) header.second = value;
    EXPECT_EQ(browser_->send(asked).status, 403) << value;
  }
  Request anonymous = request("POST", "service-tokens", body);
  std::erase_if(anonymous.headers, [](const auto& header) { return header.first == "Cookie"; });
  EXPECT_EQ(browser_->send(anonymous).status, 401);
  EXPECT_TRUE(store_->service_tokens().list().value().empty());
  EXPECT_EQ(ask("POST", "service-tokens", body).status, 201);
  EXPECT_EQ(store_->service_tokens().list().value().size(), 1u);
}

TEST_F(DashboardTest, ShowsApplicationsAndTheirKeys) {
  sign_in("root@example.com");
  const auto all = ask("GET", "applications").body.at("applications").as_array();
  ASSERT_EQ(all.size(), 2u);
  const auto& app = all[0].as_object();
  EXPECT_EQ(app.at("hostname").as_string(), "vm.localhost");
  EXPECT_EQ(app.at("protocol").as_string(), "ssh");
  EXPECT_EQ(app.at("policies").as_array()[0].as_object().at("exclude").as_array()[0].as_string(),
            "email mallory@example.com");
  const auto ca = ask("GET", "applications/vm.localhost/ca").body;
  ASSERT_EQ(ca.at("lines").as_array().size(), 1u);
  EXPECT_EQ(ca.at("lines").as_array()[0].as_string(),
            SshCa(store_->keys(), store_->serials()).public_lines("vm.localhost").value()[0]);
  EXPECT_EQ(ca.at("sshd_config").as_string(), "TrustedUserCAKeys /etc/ssh/cfpipe_user_ca_keys");
  EXPECT_EQ(ask("POST", "applications/vm.localhost/ca/generate").status, 409) << "it has one";
  EXPECT_EQ(ask("POST", "applications/vm.localhost/ca/retire").status, 409) << "none waits";
  const auto rotated = ask("POST", "applications/vm.localhost/ca/rotate").body.at("lines").as_array();
  ASSERT_EQ(rotated.size(), 2u);
  EXPECT_EQ(rotated[0], ca.at("lines").as_array()[0]);
  EXPECT_EQ(ask("POST", "applications/vm.localhost/ca/cancel").body.at("lines"), ca.at("lines"));
  EXPECT_EQ(ask("POST", "applications/vm.localhost/ca/cancel").status, 409) << "none waits any more";
  EXPECT_EQ(rows_of("ca_cancel")[0].reason, "by root@example.com");
  const auto again = ask("POST", "applications/vm.localhost/ca/rotate").body.at("lines").as_array();
  const auto retired = ask("POST", "applications/vm.localhost/ca/retire").body.at("lines").as_array();
  ASSERT_EQ(retired.size(), 1u);
  const auto key_of = [](const json::value& line) {
    return auth::parse_public_key_line(std::string(line.as_string())).value().blob;
  };
  EXPECT_EQ(key_of(retired[0]), key_of(again[1]));
  EXPECT_EQ(ask("GET", "applications/other.localhost/ca").status, 404);
  ASSERT_EQ(rows_of("ca_rotate").size(), 2u);
  EXPECT_EQ(rows_of("ca_rotate")[0].reason, "by root@example.com");
  EXPECT_EQ(rows_of("ca_rotate")[0].peer, "127.0.0.1");
}

TEST_F(DashboardTest, MakesServiceTokensAndShowsTheirSecretOnce) {
  sign_in("root@example.com");
  const auto made = ask("POST", "service-tokens", {{"name", "deploy"}, {"duration", "24h"}});
  ASSERT_EQ(made.status, 201);
  const std::string id(made.body.at("client_id").as_string());
  const std::string secret(made.body.at("client_secret").as_string());
  EXPECT_TRUE(ServiceTokens(store_->service_tokens()).check(id, secret, now_).token);
  const Answer listed = browser_->send(request("GET", "service-tokens"));
  EXPECT_NE(listed.body.find(id), std::string::npos);
  EXPECT_EQ(listed.body.find(secret), std::string::npos);
  EXPECT_EQ(ask("POST", "service-tokens", {{"name", "deploy"}}).status, 409);
  EXPECT_EQ(ask("POST", "service-tokens", {{"name", "a b"}}).status, 400);
  EXPECT_EQ(ask("POST", "service-tokens", {{"name", "x"}, {"duration", "1s"}}).status, 400);
  EXPECT_EQ(ask("DELETE", "service-tokens/deploy").status, 200);
  EXPECT_EQ(ask("DELETE", "service-tokens/deploy").status, 409);
  EXPECT_EQ(rows_of("service_token_create")[0].identity, "deploy");
  EXPECT_NE(rows_of("service_token_create")[0].reason.find("by root@example.com"), std::string::npos);
  for (const AuditRow& row : rows_of({})) EXPECT_EQ(row.reason.find(secret), std::string::npos);
}

TEST_F(DashboardTest, ListsTheApplicationsThatItsGateWouldAdmitOnePersonTo) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].browser_terminal = true;
  ApplicationConfig open = config.applications[0];
  open.hostname = "open.localhost";
  open.policies[0] = Policy{"open", Decision::bypass, {Rule{Rule::Kind::everyone}}, {}, {}};
  ApplicationConfig elsewhere = config.applications[1];
  elsewhere.hostname = "elsewhere.localhost";
  elsewhere.allowed_idps = {"partner"};
  ApplicationConfig many = config.applications[1];
  many.hostname = "*.many.localhost";
  ApplicationConfig database = config.applications[1];
  database.hostname = "db.localhost/team-a";
  database.ssh = false;
  database.origin_port = 5432;
  config.applications.insert(config.applications.end(), {open, elsewhere, many, database});
  make_site(std::move(config));
  const auto mine = [this] {
    std::map<std::string, json::object> out;
    const json::object answer = ask("GET", "me/applications").body;
    for (const json::value& one : answer.at("applications").as_array())
      out[std::string(one.at("hostname").as_string())] = one.as_object();
    return out;
  };

  sign_in("ann@example.com");
  auto anns = mine();
  ASSERT_EQ(anns.size(), 5u) << "no sign-in at partner";
  EXPECT_FALSE(anns.contains("elsewhere.localhost"));
  EXPECT_EQ(anns["vm.localhost"],
            (json::object{{"hostname", "vm.localhost"},
                          {"protocol", "ssh"},
                          {"terminal", true},
                          {"short_lived_certificates", true},
                          {"command", "ssh vm.localhost"},
                          {"setup",
                           "cfpipe access ssh-config --install --hostname vm.localhost:8443 "
                           "--short-lived-cert --auth-domain auth.localhost"}}));
  EXPECT_FALSE(anns["open.localhost"].at("terminal").as_bool()) << "bypass grants no terminal";
  EXPECT_FALSE(anns["*.many.localhost"].contains("command")) << "which host is meant?";
  EXPECT_EQ(anns["db.localhost/team-a"],
            (json::object{{"hostname", "db.localhost/team-a"},
                          {"protocol", "tcp"},
                          {"terminal", false},
                          {"command",
                           "cfpipe access tcp --hostname db.localhost:8443/team-a --url "
                           "127.0.0.1:5432 --auth-domain auth.localhost"},
                          {"local", "127.0.0.1:5432"}}));

  sign_in("mallory@example.com");
  auto mallorys = mine();
  ASSERT_EQ(mallorys.size(), 1u) << "the policies exclude her";
  EXPECT_TRUE(mallorys.contains("open.localhost"));
}

TEST_F(DashboardTest, CertifiesHostsAndTellsServersAndClients) {
  sign_in("root@example.com");
  const std::string key = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  const std::string path = "applications/vm.localhost/";
  EXPECT_EQ(ask("GET", path + "known-hosts").status, 409) << "no host was ever certified";
  const auto made =
      ask("POST", path + "host-certificates", {{"public_key", key}, {"hostnames", {"vm.localhost"}}});
  ASSERT_EQ(made.status, 201);
  EXPECT_TRUE(made.body.at("certificate").as_string().starts_with("ssh-ed25519-cert-v01@openssh.com "));
  EXPECT_EQ(ask("POST", path + "host-certificates", {{"public_key", "x"}}).status, 400);
  EXPECT_EQ(ask("POST", path + "host-certificates", {{"public_key", key}, {"hostnames", {"a b"}}}).status,
            400);
  EXPECT_TRUE(
      ask("GET", path + "known-hosts").body.at("known_hosts").as_string().starts_with("@cert-authority "));
  EXPECT_TRUE(ask("GET", path + "krl").body.at("revoked_keys").as_string().starts_with("U1NIS1JM"))
      << "SSHKRL";
  const auto passes = ask("POST", path + "policy-test", {{"email", "ann@example.com"}}).body;
  EXPECT_TRUE(passes.at("allowed").as_bool());
  const auto denied = ask("POST", path + "policy-test", {{"email", "mallory@example.com"}}).body;
  EXPECT_FALSE(denied.at("allowed").as_bool());
  EXPECT_EQ(denied.at("reason").as_string(), "policy 'all' excludes email mallory@example.com");
  EXPECT_EQ(ask("POST", path + "policy-test", {{"ip", "x"}}).status, 400);
}

TEST_F(DashboardTest, TestsPoliciesWithTheProvidersThatAnApplicationTakes) {
  Config config = two_applications(dir_ / "state");
  config.administrators.emplace();
  config.administrators->include.push_back({Rule::Kind::email, "root@example.com"});
  config.applications[0].allowed_idps = {"dev", "corp"};
  make_site(std::move(config));
  sign_in("root@example.com");
  const auto test = [this](const char* method) {
    return ask("POST", "applications/vm.localhost/policy-test",
               {{"email", "ann@example.com"}, {"login_method", method}})
        .body;
  };
  EXPECT_TRUE(test("corp").at("allowed").as_bool());
  EXPECT_TRUE(test("").at("allowed").as_bool()) << "any that counts";
  EXPECT_FALSE(test("partner").at("allowed").as_bool());
  EXPECT_EQ(test("partner").at("reason").as_string(), "allowed_idps does not name 'partner'");
}

TEST_F(DashboardTest, SearchesTheAuditAPageAtATime) {
  sign_in("root@example.com");
  for (int i = 4; i >= 0; --i) {
    AuditRow row;
    row.time = now_ - 3600 * i;
    row.kind = "denial";
    row.identity = "Mallory@example.com";
    row.application = "vm.localhost";
    ASSERT_TRUE(store_->audit().insert(row));
  }
  const auto count = [this](const std::string& query) {
    return ask("GET", "audit?" + query).body.at("rows").as_array().size();
  };
  EXPECT_EQ(count("kind=denial"), 5u);
  EXPECT_EQ(count("kind=denial&identity=mallory%40example.com"), 5u);
  EXPECT_EQ(count("identity=absent%40example.com"), 0u);
  EXPECT_EQ(count("kind=denial&since=90m"), 2u);
  const auto first = ask("GET", "audit?kind=denial&limit=3").body;
  ASSERT_EQ(first.at("rows").as_array().size(), 3u);
  const auto rest =
      ask("GET", "audit?kind=denial&before=" + std::to_string(first.at("next").as_int64())).body;
  EXPECT_EQ(rest.at("rows").as_array().size(), 2u);
  EXPECT_EQ(rest.at("next").as_int64(), 0);
  for (const char* bad : {"since=yesterday", "limit=0", "limit=1001", "limit=x", "before=-1"})
    EXPECT_EQ(ask("GET", std::string("audit?") + bad).status, 400) << bad;
}

TEST_F(DashboardTest, AnswersWhateverItIsAsked) {
  sign_in("root@example.com");
  for (const char* body : {"", "[]", "{", "7", "{\"name\":7}", "{\"name\":null,\"duration\":[]}"}) {
    Request asked = request("POST", "service-tokens");
    asked.body = body;
    EXPECT_EQ(browser_->send(asked).status, 400) << body;
  }
  for (const char* path : {"", "/", "applications//ca", "applications/%zz/ca", "..", "me/../audit"})
    EXPECT_EQ(ask("GET", path).status, 404) << path;
}

}  // namespace
}  // namespace cfpipe::edge
