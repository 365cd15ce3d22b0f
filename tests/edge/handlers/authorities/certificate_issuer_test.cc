#include "edge/handlers/certificate_issuer.h"

#include <utility>

#include "auth/ssh/key.h"
#include "edge/context_fixture.h"

namespace cfpipe::edge {
namespace {

class Issuer : public ContextTest {
 protected:
  Result<IssuedCertificate> certify(const std::string& email = "ann@example.com") {
    return run(issuer_.certify(request_, *app().config, who_ = person(email), key_));
  }
  const std::string key_ = auth::SshKey::generate(auth::KeyType::ed25519).authorized_key();
  const Request request_ = request("/");
  Identity who_;
  CertificateIssuer issuer_{*context_, ssh_ca_};
};

TEST_F(Issuer, RecordsEachCertificateItHandsOut) {
  const auto issued = certify();
  ASSERT_TRUE(issued) << issued.error().detail;
  ASSERT_EQ(rows("certificate").size(), 1u);
  EXPECT_EQ(rows("certificate")[0].serial, issued->serial);
  EXPECT_EQ(rows("certificate")[0].identity, "ann@example.com");
  EXPECT_EQ(rows("certificate")[0].ray, "ray-1");
}

TEST_F(Issuer, HandsOutNoneWithoutARecord) {
  fill_disk();
  for (int i = 0; i < 2; ++i) {
    const auto issued = certify();
    ASSERT_FALSE(issued);
    EXPECT_EQ(issued.error().detail, kUnrecordable);
  }
}

TEST_F(Issuer, CountsForEachPerson) {
  issuer_.set_limit(2);
  EXPECT_TRUE(certify());
  EXPECT_TRUE(certify());
  const auto third = certify();
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().cause, Cause::too_many_requests);
  EXPECT_TRUE(certify("bob@example.com"));
}

TEST_F(Issuer, AnswersTheHolderOfAnApplicationToken) {
  Authenticator credentials(*context_);
  Request post =
      with_header(request("/cdn-cgi/access/cert_sign", "auth.localhost"), "Content-Type", "application/json");
  const auto ask = [&](const std::string& token) {
    post.body = R"({"jwt":")" + token + R"(","public_key":")" + key_ + "\"}";
    return run(issuer_.answer(post, credentials, applications_)).status;
  };
  EXPECT_EQ(ask(app_token(person())), 200);
  EXPECT_EQ(ask(org_token(person(), Holder::program)), 401);
  EXPECT_EQ(ask(app_token(person("mallory@example.com"))), 403);
}

}  // namespace
}  // namespace cfpipe::edge
