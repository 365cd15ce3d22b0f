// Nothing is granted that cannot be recorded.
#include <sqlite3.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "auth/ssh/key.h"
#include "base/access_headers.h"
#include "edge/identity/service_tokens.h"
#include "edge/tunnels_fixture.h"

namespace cfpipe::edge {
namespace {

class Unrecordable : public TunnelsTest {
 protected:
  void SetUp() override {
    TunnelsTest::SetUp();
    token_ = program_login().app_token.reveal();
  }
  /// The database takes no rows of the audit from now on, and no spool does.
  void fill_disk() {
    sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'disk full'); END");
  }
  void make_room() {
    sql("DROP TRIGGER full");
    site_->context().audit.follow_up(now_);
  }
  void sql(const char* text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir_ / "state/edge.db").c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  Answer sign() {
    Request request = browser_->request("POST", "https://auth.localhost:8443/cdn-cgi/access/cert_sign");
    request.headers = {{"Content-Type", "application/json"}};
    const std::string key = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
    request.body = boost::json::serialize(boost::json::object{{"public_key", key}, {"jwt", token_}});
    return browser_->send(request);
  }
  int sign_in() {
    Browser other(io_, *site_);
    const Answer page = other.follow("https://vm.localhost:8443/");
    return other.post_form(page, "ann@example.com").status;
  }
  int upgrade() {
    const auto out = ask(token_);
    const auto* refused = std::get_if<Answer>(&out);
    if (refused == nullptr) return 101;
    EXPECT_NE(header_of(*refused, kReasonHeader).find("cannot keep its records"), std::string::npos);
    return refused->status;
  }

  std::string token_;
};

TEST_F(Unrecordable, CertificatesAreNotHandedOut) {
  fill_disk();
  const Answer answer = sign();
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("cannot keep its records"), std::string::npos) << answer.body;
  EXPECT_EQ(answer.body.find("cert-v01"), std::string::npos);
  EXPECT_EQ(sign().status, 503);
  make_room();
  EXPECT_EQ(sign().status, 200);
}

TEST_F(Unrecordable, SignInsAreRejected) {
  fill_disk();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(sign_in(), 503);
  make_room();
  EXPECT_EQ(sign_in(), 302);
}

TEST_F(Unrecordable, TunnelsAreRefusedAndThoseUnderWayEnd) {
  auto granted = ask(token_);
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(granted));
  fill_disk();
  Tunnel tunnel;
  open(std::get<TunnelGrant>(granted), tunnel);
  look();
  EXPECT_NE(tunnel.told.find("cannot keep its records"), std::string::npos) << tunnel.told;
  EXPECT_EQ(upgrade(), 503);
  EXPECT_FALSE(site_->context().grants());
  make_room();
  EXPECT_TRUE(site_->context().grants());
  EXPECT_EQ(upgrade(), 101);
}

TEST_F(Unrecordable, ServiceTokensGetNoCookie) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].policies.push_back(
      {"ci", Decision::service_auth, {{Rule::Kind::service_token, "deploy"}}, {}, {}});
  make_site(std::move(config));
  const auto made =
      ServiceTokens(store_->service_tokens()).create("deploy", std::chrono::hours(1), now_).value();
  Request request = browser_->request("GET", "https://vm.localhost:8443/");
  request.headers = {{"CF-Access-Client-Id", made->client_id},
                     {"CF-Access-Client-Secret", std::string(made->secret.reveal())}};
  fill_disk();
  EXPECT_EQ(sign().status, 503) << "by which the edge finds out";
  const Answer answer = browser_->send(request);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(header_of(answer, "Set-Cookie"), "");
  make_room();
  EXPECT_TRUE(header_of(browser_->send(request), "Set-Cookie").starts_with("CF_Authorization="));
}

TEST_F(Unrecordable, TunnelsThatAreOpenStay) {
  Tunnel tunnel;
  open(token_, tunnel);
  fill_disk();
  EXPECT_EQ(sign().status, 503);
  look();
  EXPECT_EQ(tunnel.told, "");
}

TEST_F(Unrecordable, WithASpoolAllIsGrantedAndFollows) {
  ASSERT_TRUE(site_->context().audit.use_spool(dir_ / "spool"));
  fill_disk();
  EXPECT_EQ(sign().status, 200);
  EXPECT_EQ(sign_in(), 302);
  Tunnel tunnel;
  open(token_, tunnel);
  look();
  EXPECT_EQ(tunnel.told, "");
  const auto before = audit().size();
  make_room();
  EXPECT_EQ(audit().size(), before + 3);
}

TEST_F(Unrecordable, GoesOnWhereTheConfigurationSaysSo) {
  Config config = two_applications(dir_ / "state");
  config.audit_continues = true;
  make_site(config);
  fill_disk();
  EXPECT_EQ(sign().status, 200);
  EXPECT_EQ(sign_in(), 302);
  Tunnel tunnel;
  open(token_, tunnel);
  look();
  EXPECT_EQ(tunnel.told, "");
  EXPECT_EQ(site_->context().audit.lost(), 3u);
}

}  // namespace
}  // namespace cfpipe::edge
