#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "auth/token/jwt.h"
#include "edge/edge_fixture.h"
#include "edge/identity/service_tokens.h"

namespace cfpipe::edge {
namespace {

constexpr std::chrono::seconds kLife{1000};

class ServiceTokenTest : public SiteTest {
 protected:
  void SetUp() override {
    SiteTest::SetUp();
    make_site(config());
    auto made = ServiceTokens(store_->service_tokens()).create("deploy", kLife, now_);
    id_ = (*made)->client_id;
    secret_ = (*made)->secret.reveal();
  }
  Config config() {
    Config config = two_applications(dir_ / "state");
    ApplicationConfig& app = config.applications[0];
    app.policies.push_back({"ci", Decision::service_auth, {{Rule::Kind::service_token, "deploy"}}, {}, {}});
    app.certificates->service_principals["deploy"] = {"deploy", "backup"};
    return config;
  }
  Request request(const std::string& id, const std::string& secret,
                  const std::string& host = "vm.localhost") {
    Request out = browser_->request("HEAD", "https://" + host + ":8443/");
    out.headers.clear();
    if (!id.empty()) out.headers.emplace_back("CF-Access-Client-Id", id);
    if (!secret.empty()) out.headers.emplace_back("CF-Access-Client-Secret", secret);
    return out;
  }
  /// The application token that the edge answers the headers with.
  std::string app_token() {
    const Answer answer = browser_->send(request(id_, secret_));
    EXPECT_EQ(answer.status, 200) << answer.body;
    const std::string cookie = header_of(answer, "Set-Cookie");
    EXPECT_TRUE(cookie.starts_with("CF_Authorization=")) << cookie;
    return cookie.substr(17, cookie.find(';') - 17);
  }
  Answer refusal(const Request& request) {
    auto verdict = site_->router().upgrade(request);
    EXPECT_TRUE(std::holds_alternative<Answer>(verdict));
    return std::holds_alternative<Answer>(verdict) ? std::get<Answer>(verdict) : Answer();
  }
  bool opens(const std::string& token) {
    Request request = this->request({}, {});
    request.headers.emplace_back("Cf-Access-Token", token);
    return std::holds_alternative<TunnelGrant>(site_->router().upgrade(request));
  }
  Answer sign(const std::string& token) {
    Request request = browser_->request("POST", "https://auth.localhost:8443/cdn-cgi/access/cert_sign");
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = boost::json::serialize(boost::json::object{
        {"public_key", auth::SshKey::generate(auth::KeyType::ed25519).authorized_key()}, {"jwt", token}});
    return browser_->send(request);
  }
  std::string id_;
  std::string secret_;
};

TEST_F(ServiceTokenTest, IdAndSecretAreRandomAndOnlyADigestIsKept) {
  auto other = ServiceTokens(store_->service_tokens()).create("other", kLife, now_);
  EXPECT_EQ(id_.size(), 32u + std::string(".access").size());
  EXPECT_EQ(secret_.size(), 64u);
  EXPECT_NE((*other)->client_id, id_);
  EXPECT_NE((*other)->secret.reveal(), secret_);
  const auto row = store_->service_tokens().find(id_).value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->secret_hash, sha256(secret_));
  EXPECT_FALSE(ServiceTokens(store_->service_tokens()).create("deploy", kLife, now_).value())
      << "the name is taken";
}

TEST_F(ServiceTokenTest, OpensATunnelByItsHeaders) {
  auto verdict = site_->router().upgrade(request(id_, secret_));
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(verdict));
  EXPECT_EQ(std::get<TunnelGrant>(verdict).identity, "deploy");
  EXPECT_EQ(std::get<TunnelGrant>(verdict).expires, now_ + kLife.count());
  EXPECT_EQ(store_->service_tokens().find(id_).value()->last_used, now_);
}

TEST_F(ServiceTokenTest, BecomesAnApplicationTokenWithACommonName) {
  const auto jwt = auth::parse_jwt(app_token());
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->text("common_name"), id_);
  EXPECT_EQ(jwt->text("type"), "app");
  ASSERT_TRUE(jwt->claims.contains("sub"));
  EXPECT_EQ(jwt->text("sub"), "");
  EXPECT_FALSE(jwt->claims.contains("email"));
  EXPECT_EQ(jwt->number("exp"), now_ + kLife.count()) << "no longer than the service token";
  EXPECT_EQ(audit().back().kind, "login");
  EXPECT_EQ(audit().back().identity, "deploy");
  EXPECT_TRUE(opens(app_token()));
}

TEST_F(ServiceTokenTest, BadOnesAreRefusedAndNeverSentToALogin) {
  std::string bent = secret_;
  bent.back() = bent.back() == '0' ? '1' : '0';
  auto other = ServiceTokens(store_->service_tokens()).create("other", kLife, now_);
  const std::string other_secret((*other)->secret.reveal());
  const std::vector<std::pair<std::string, std::string>> bad{{id_, bent},
                                                             {id_, secret_ + "0"},
                                                             {id_, secret_.substr(1)},
                                                             {id_, ""},
                                                             {"", secret_},
                                                             {"x.access", secret_},
                                                             {id_ + "x", secret_},
                                                             {id_, other_secret},
                                                             {secret_, id_},
                                                             {"' OR 1=1 --", "x"},
                                                             {std::string(9000, 'a'), "b"},
                                                             {"deploy", secret_},
                                                             {id_, std::string(9000, 'a')}};
  for (const auto& [id, secret] : bad) {
    const Answer answer = refusal(request(id, secret));
    EXPECT_EQ(answer.status, 403) << id;
    EXPECT_EQ(header_of(answer, "Location"), "");
    EXPECT_EQ(header_of(answer, "Set-Cookie"), "");
    const std::string reason = header_of(answer, "Cfpipe-Reason");
    EXPECT_NE(reason, "") << id;
    EXPECT_EQ(reason.find(secret_), std::string::npos);
    EXPECT_EQ(browser_->send(request(id, secret)).status, 403);
  }
  for (const AuditRow& row : audit()) {
    EXPECT_EQ(row.kind, "denial");
    EXPECT_EQ(row.reason.find(secret_), std::string::npos);
  }
}

TEST_F(ServiceTokenTest, ABadOneIsNotMendedByACookieOrAToken) {
  ASSERT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request)));
  request.headers.emplace_back("Cf-Access-Client-Id", id_);
  request.headers.emplace_back("Cf-Access-Client-Secret", "wrong");
  EXPECT_EQ(refusal(request).status, 403);
}

TEST_F(ServiceTokenTest, IsGoodForApplicationsWhosePoliciesSaySo) {
  const Answer answer = refusal(request(id_, secret_, "b.localhost"));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(header_of(answer, "Cfpipe-Reason"),
            "service token deploy may not reach b.localhost: no policy matches");
  EXPECT_EQ(audit().back().identity, "deploy");
}

TEST_F(ServiceTokenTest, RevocationIsEffectiveAtOnceAlsoForItsTokens) {
  const std::string token = app_token();
  ASSERT_TRUE(opens(token));
  ASSERT_EQ(sign(token).status, 200);
  ASSERT_TRUE(open_sqlite_store(dir_ / "state").value()->service_tokens().erase("deploy").value())
      << "by another process";
  EXPECT_EQ(refusal(request(id_, secret_)).status, 403);
  EXPECT_FALSE(opens(token));
  EXPECT_EQ(sign(token).status, 401);
  auto again = ServiceTokens(store_->service_tokens()).create("deploy", kLife, now_);
  ASSERT_TRUE(*again);
  EXPECT_FALSE(opens(token)) << "one of the same name is another";
}

TEST_F(ServiceTokenTest, Expires) {
  const std::string token = app_token();
  now_ += kLife.count() - 1;
  EXPECT_TRUE(opens(token));
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request(id_, secret_))));
  now_ += 1;
  EXPECT_FALSE(opens(token));
  EXPECT_EQ(header_of(refusal(request(id_, secret_)), "Cfpipe-Reason"),
            "service token deploy expired at " + rfc3339(now_));
}

TEST_F(ServiceTokenTest, GetsCertificatesForItsConfiguredPrincipals) {
  const Answer answer = sign(app_token());
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = boost::json::parse(answer.body).get_object();
  const auto certificate = auth::parse_certificate(text_of(body, "certificate"));
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->fields.principals, (std::vector<std::string>{"deploy", "backup"}));
  EXPECT_EQ(certificate->fields.key_id, "deploy/1");
  EXPECT_EQ(audit().back().kind, "certificate");
  EXPECT_EQ(audit().back().identity, "deploy");
}

TEST_F(ServiceTokenTest, GetsNoCertificateWithoutPrincipals) {
  Config without = config();
  without.applications[0].certificates->service_principals.clear();
  without.applications[0].certificates->literals = {"everyone-who-signs-in"};
  make_site(without);
  const Answer answer = sign(app_token());
  EXPECT_EQ(answer.status, 403);
  EXPECT_NE(answer.body.find("no principals are configured for service token deploy"), std::string::npos)
      << answer.body;
}

TEST_F(ServiceTokenTest, StrangersFillTheAuditNoFasterThanItsBound) {
  const auto most = static_cast<std::size_t>(rates_of(RowCause::service_token).each.most);
  for (std::size_t i = 0; i < most * 3; ++i) refusal(request("absent.access", "x"));
  EXPECT_EQ(audit().size(), most);
  now_ += 60;
  refusal(request("absent.access", "x"));
  ASSERT_EQ(audit().size(), most + 1);
  EXPECT_NE(audit().back().reason.find("(after " + std::to_string(2 * most) + " that are not recorded)"),
            std::string::npos)
      << audit().back().reason;
}

TEST_F(ServiceTokenTest, AnApplicationForThemAloneRedirectsToNoLogin) {
  Config only = config();
  only.applications[0].policies.erase(only.applications[0].policies.begin());
  make_site(only);
  const Answer answer = refusal(request({}, {}));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(header_of(answer, "Cfpipe-Reason"),
            "vm.localhost takes service tokens only, and the request has none");
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade(request(id_, secret_))));
  EXPECT_TRUE(audit().empty()) << "a request without credentials is no event";
}

}  // namespace
}  // namespace cfpipe::edge
