#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <set>

#include "auth/ssh/certificate.h"
#include "auth/ssh/key.h"
#include "base/platform/files.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

class CertSign : public SiteTest {
 protected:
  void SetUp() override {
    SiteTest::SetUp();
    const auto tokens = program_login();
    app_token_ = tokens.app_token.reveal();
    org_token_ = tokens.org_token.reveal();
  }
  Answer post(const std::string& body, const std::string& type = "application/json") {
    Request request = browser_->request("POST", "https://auth.localhost:8443/cdn-cgi/access/cert_sign");
    request.headers.clear();
    request.headers.emplace_back("Content-Type", type);
    request.body = body;
    return browser_->send(request);
  }
  Answer sign(const std::string& key, const std::string& token,
              const std::string& issuer = "https://auth.localhost:8443") {
    return post(
        boost::json::serialize(boost::json::object{{"public_key", key}, {"jwt", token}, {"issuer", issuer}}));
  }
  static boost::json::object json(const Answer& answer) {
    boost::system::error_code error;
    const auto value = boost::json::parse(answer.body, error);
    EXPECT_FALSE(error) << answer.body;
    return value.is_object() ? value.get_object() : boost::json::object();
  }
  static std::string run(const std::string& command) {
    std::string out;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen((command + " 2>&1").c_str(), "r"), &::pclose);
    for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get()))
      out.push_back(static_cast<char>(c));
    return out;
  }
  std::string key_ = auth::SshKey::generate(auth::KeyType::ecdsa_p256).authorized_key();
  std::string app_token_;
  std::string org_token_;
};

TEST_F(CertSign, GivesACertificateThatSshKeygenReads) {
  const Answer answer = sign(key_ + "\n", app_token_);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto content = json(answer);
  EXPECT_EQ(text_of(content, "expires_at"), rfc3339(now_ + 240));
  const std::string line = text_of(content, "certificate");
  EXPECT_EQ(line.find('\n'), std::string::npos);
  ASSERT_TRUE(replace_file(dir_ / "cert.pub", line + "\n", 0600));
  const std::string said = run("TZ=UTC ssh-keygen -L -f " + dir_ / "cert.pub");
  EXPECT_NE(said.find("ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate"), std::string::npos)
      << said;
  EXPECT_NE(said.find("Key ID: \"ann@example.com/1\""), std::string::npos) << said;
  EXPECT_NE(said.find("Serial: 1"), std::string::npos);
  EXPECT_NE(said.find("Principals: \n                ann\n"), std::string::npos) << said;
  EXPECT_NE(said.find("permit-pty"), std::string::npos);
  EXPECT_NE(said.find("Critical Options: (none)"), std::string::npos);
  const auto ca = auth::parse_public_key_line(
      SshCa(store_->keys(), store_->serials()).public_lines("vm.localhost").value().at(0));
  EXPECT_NE(said.find("Signing CA: ED25519 " + auth::fingerprint(ca->blob)), std::string::npos) << said;

  const auto parsed = auth::parse_certificate(line);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->fields.valid_after, static_cast<std::uint64_t>(now_ - 60));
  EXPECT_EQ(parsed->fields.valid_before, static_cast<std::uint64_t>(now_ + 240));
  EXPECT_EQ(parsed->ca_blob, ca->blob);
  const auto rows = audit();
  EXPECT_EQ(rows.back().kind, "certificate");
  EXPECT_EQ(rows.back().serial, 1u);
  EXPECT_EQ(rows.back().key_id, parsed->fields.key_id);
  EXPECT_EQ(rows.back().application, "vm.localhost");
}

TEST_F(CertSign, EveryApplicationHasItsOwnCaAndAllShareTheSerials) {
  const std::string first = text_of(json(sign(key_, app_token_)), "certificate");
  ASSERT_EQ(browser_->follow("https://b.localhost:8443/").status, 200);
  const std::string second =
      text_of(json(sign(key_, browser_->cookie("b.localhost", "CF_Authorization"))), "certificate");
  const auto a = auth::parse_certificate(first);
  const auto b = auth::parse_certificate(second);
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->ca_blob, b->ca_blob);
  EXPECT_EQ(a->fields.serial + 1, b->fields.serial);
}

TEST_F(CertSign, KeepsCaAndSerialsOverARestart) {
  std::set<std::uint64_t> serials;
  std::set<std::string> cas;
  for (int start = 0; start < 3; ++start) {
    const auto cert = auth::parse_certificate(text_of(json(sign(key_, app_token_)), "certificate"));
    ASSERT_TRUE(cert);
    EXPECT_TRUE(serials.insert(cert->fields.serial).second);
    cas.insert(cert->ca_blob);
    browser_.reset();
    site_.reset();
    store_ = open_sqlite_store(dir_ / "state").value();
    make_site(two_applications(dir_ / "state"));
  }
  EXPECT_EQ(cas.size(), 1u);
}

TEST_F(CertSign, TakesConfiguredPrincipals) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].certificates->email_prefix = false;
  config.applications[0].certificates->literals = {"deploy", "backup"};
  make_site(config);
  const auto cert = auth::parse_certificate(text_of(json(sign(key_, app_token_)), "certificate"));
  ASSERT_TRUE(cert);
  EXPECT_EQ(cert->fields.principals, (std::vector<std::string>{"deploy", "backup"}));
}

TEST(Principals, OfPeopleAreLowerCaseAccountNames) {
  CertificateConfig config;
  config.claims = {"u"};
  const auto made = [&](const std::string& email, std::vector<std::string> values) {
    Identity identity;
    identity.email = email;
    identity.claims["u"] = std::move(values);
    return principals_of(config, identity);
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(made("John.Doe@Example.COM", {}), Names{"john.doe"});
  EXPECT_EQ(made("ann+x@example.com", {"Ann", "CORP\\Ann", "ann@Corp.example.com"}),
            (Names{"ann+x", "ann", "corp\\ann", "ann@corp.example.com"}));
  for (const char* email : {"*@example.com", "`id`@example.com", "a/../../b@example.com", "%@example.com",
                            "1ann@example.com", "a'b@example.com", "ann$@example.com", "+a@example.com"})
    EXPECT_EQ(made(email, {"two words", "1001", "a/b", "%h", "-x", ""}), Names{}) << email;
}

TEST(Principals, RootComesFromTheConfigurationAlone) {
  CertificateConfig config;
  config.claims = {"u"};
  Identity identity;
  identity.email = "Root@example.com";
  identity.claims["u"] = {"root", "ROOT"};
  EXPECT_TRUE(principals_of(config, identity).empty());
  EXPECT_NE(why_no_principals(config, identity).find("'Root', which 'principals' has to name"),
            std::string::npos)
      << why_no_principals(config, identity);
  config.root_by_email = true;
  EXPECT_EQ(principals_of(config, identity), std::vector<std::string>{"root"});
  config.root_by_email = false;
  config.literals = {"root"};
  EXPECT_EQ(principals_of(config, identity), std::vector<std::string>{"root"});
}

TEST(Principals, WhyThereAreNoneSaysWhatTheProviderSent) {
  CertificateConfig config;
  config.email_prefix = false;
  config.claims = {"upn", "uid", "nick"};
  Identity identity;
  identity.email = "ann@example.com";
  identity.claims = {{"upn", {"two words"}}, {"uid", {"1001"}}};
  const std::string why = why_no_principals(config, identity);
  EXPECT_NE(why.find("claim 'upn' is 'two words', which is no user name"), std::string::npos) << why;
  EXPECT_NE(why.find("claim 'uid' is '1001', which is no user name"), std::string::npos) << why;
  EXPECT_NE(why.find("claim 'nick' is missing"), std::string::npos) << why;
}

TEST_F(CertSign, RefusesTokensThatAreNotForAnApplication) {
  std::string bent = app_token_;
  bent[bent.size() / 2] = bent[bent.size() / 2] == 'A' ? 'B' : 'A';
  for (const std::string& token : {std::string(), std::string("x"), org_token_, bent}) {
    const Answer answer = sign(key_, token);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(number_of(json(answer), "status"), 401);
    EXPECT_FALSE(text_of(json(answer), "message").empty());
  }
  now_ += 24 * 3600;
  EXPECT_EQ(sign(key_, app_token_).status, 401);
}

TEST_F(CertSign, RefusesAnotherIssuer) {
  EXPECT_EQ(sign(key_, app_token_, "https://evil.test").status, 400);
}

TEST_F(CertSign, RefusesKeysThatAreNotFitAndSpendsNoSerial) {
  const auto cert = text_of(json(sign(key_, app_token_)), "certificate");
  for (const std::string& key : {std::string(), std::string("ssh-ed25519"), std::string("ssh-ed25519 AAAA"),
                                 "no-pty " + key_, key_ + "\n" + key_, cert, std::string(20'000, 'a')}) {
    EXPECT_EQ(sign(key, app_token_).status, 400) << key.substr(0, 60);
  }
  ASSERT_TRUE(replace_file(dir_ / "weak", "", 0600));
  run("rm -f " + (dir_ / "weak") + "; ssh-keygen -q -t rsa -b 1024 -N '' -f " + dir_ / "weak");
  const auto weak = read_file(dir_ / "weak.pub");
  ASSERT_TRUE(weak && *weak);
  EXPECT_EQ(sign(**weak, app_token_).status, 400);
  EXPECT_EQ(text_of(json(sign(key_, app_token_)), "id"), "2");
}

TEST_F(CertSign, RefusesBodiesThatAreNoRequest) {
  for (const char* body :
       {"", "{", "[]", "7", "{\"jwt\":7,\"public_key\":[]}", "\xff\xfe", "{\"jwt\":\"a\",\"jwt\":\"b\"}"}) {
    const int status = post(body).status;
    EXPECT_TRUE(status == 400 || status == 401) << body << status;
  }
  EXPECT_EQ(post(std::string(200'000, '[')).status, 413);
  EXPECT_EQ(post("{}", "text/plain").status, 415);
}

TEST_F(CertSign, RefusesApplicationsWithoutCertificates) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].certificates.reset();
  make_site(config);
  EXPECT_EQ(sign(key_, app_token_).status, 403);
}

TEST_F(CertSign, RefusesPeopleWhomThePoliciesDenyByNow) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  make_site(config);
  EXPECT_EQ(sign(key_, app_token_).status, 403);
  EXPECT_EQ(audit().back().kind, "denial");
}

}  // namespace
}  // namespace cfpipe::edge
