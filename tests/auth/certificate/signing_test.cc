#include "auth/certificate/signing.h"

#include <gtest/gtest.h>

namespace cfpipe::auth {
namespace {

using transport::HttpAnswer;

constexpr std::int64_t kSigningTime = 1'800'000'000;

HttpAnswer sign_answer(int status, std::string body) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

class SignAnswer : public ::testing::Test {
 protected:
  HttpAnswer signed_for(const SshKey& key, std::int64_t after, std::int64_t before) {
    CertFields fields;
    fields.key_id = "ann@example.com";
    fields.principals = {"ann"};
    fields.valid_after = static_cast<std::uint64_t>(after);
    fields.valid_before = static_cast<std::uint64_t>(before);
    fields.extensions = default_extensions();
    const auto line = make_user_certificate(key.public_blob(), fields, ca_);
    EXPECT_TRUE(line);
    return sign_answer(200,
                       R"({"id":"1","certificate":")" + *line + R"(","expires_at":"2027-01-15T08:00:00Z"})");
  }
  SshKey key_ = SshKey::generate(KeyType::ecdsa_p256);
  SshKey ca_ = SshKey::generate(KeyType::ed25519);
};

TEST_F(SignAnswer, ACertificateOverOurKeyIsTaken) {
  const auto certificate = read_sign_answer(signed_for(key_, kSigningTime - 60, kSigningTime + 240),
                                            key_.public_blob(), kSigningTime);
  ASSERT_TRUE(certificate) << certificate.error().detail;
  EXPECT_EQ(certificate->fields.principals, std::vector<std::string>{"ann"});
}

TEST_F(SignAnswer, ACertificateOverAnotherKeyIsNot) {
  const auto other = SshKey::generate(KeyType::ecdsa_p256);
  const auto certificate = read_sign_answer(signed_for(other, kSigningTime - 60, kSigningTime + 240),
                                            key_.public_blob(), kSigningTime);
  ASSERT_FALSE(certificate);
  EXPECT_EQ(certificate.error().cause, Cause::certificate_invalid);
}

TEST_F(SignAnswer, ACertificateMustBeValidNow) {
  EXPECT_FALSE(
      read_sign_answer(signed_for(key_, kSigningTime - 300, kSigningTime), key_.public_blob(), kSigningTime));
  EXPECT_FALSE(read_sign_answer(signed_for(key_, kSigningTime + kCertMaxSkew + 1, kSigningTime + 900),
                                key_.public_blob(), kSigningTime));
  EXPECT_TRUE(read_sign_answer(signed_for(key_, kSigningTime + kCertMaxSkew, kSigningTime + 900),
                               key_.public_blob(), kSigningTime));
}

TEST_F(SignAnswer, ItIsTheDateOfTheAnswerThatCounts) {
  const auto dated = [&](std::int64_t after, std::int64_t before, const char* date) {
    HttpAnswer answer = signed_for(key_, after, before);
    answer.headers.emplace_back("Date", date);
    return read_sign_answer(answer, key_.public_blob(), kSigningTime);
  };
  // kSigningTime is Fri, 15 Jan 2027 08:00:00 GMT.
  const char* an_hour_later = "Fri, 15 Jan 2027 09:00:00 GMT";
  const auto ahead = dated(kSigningTime + 3540, kSigningTime + 3840, an_hour_later);
  ASSERT_TRUE(ahead) << ahead.error().detail;
  EXPECT_EQ(ahead->clock_offset, 3600);
  EXPECT_FALSE(valid_at(ahead->fields, kSigningTime));
  const auto behind = dated(kSigningTime - 3660, kSigningTime - 3360, "Fri, 15 Jan 2027 07:00:00 GMT");
  ASSERT_TRUE(behind) << behind.error().detail;
  EXPECT_EQ(behind->clock_offset, -3600);
  EXPECT_FALSE(dated(kSigningTime - 60, kSigningTime + 240, an_hour_later))
      << "expired by the clock of its maker";
  EXPECT_FALSE(dated(kSigningTime + 3600 + kCertMaxSkew + 1, kSigningTime + 9000, an_hour_later));
  const auto right = dated(kSigningTime - 60, kSigningTime + 240, "Fri, 15 Jan 2027 08:00:30 GMT");
  ASSERT_TRUE(right);
  EXPECT_EQ(right->clock_offset, 0);
}

TEST_F(SignAnswer, PlainTextIsShownAndNoParserComplains) {
  const auto certificate =
      read_sign_answer(sign_answer(401, "unauthorized\ntoken is expired"), key_.public_blob(), kSigningTime);
  ASSERT_FALSE(certificate);
  EXPECT_EQ(certificate.error().cause, Cause::sign_refused);
  EXPECT_EQ(certificate.error().http_status, 401);
  EXPECT_TRUE(certificate.error().detail.starts_with("unauthorized"));
  EXPECT_EQ(certificate.error().detail.find('\n'), std::string::npos);
}

TEST_F(SignAnswer, AnEdgeThatCannotSignNowHasNotRefused) {
  const std::pair<int, Cause> rows[] = {{403, Cause::sign_refused},      {404, Cause::sign_refused},
                                        {429, Cause::too_many_requests}, {500, Cause::edge_unavailable},
                                        {501, Cause::sign_refused},      {503, Cause::edge_unavailable}};
  for (const auto& [status, cause] : rows) {
    const auto certificate = read_sign_answer(sign_answer(status, "why"), key_.public_blob(), kSigningTime);
    ASSERT_FALSE(certificate) << status;
    EXPECT_EQ(certificate.error().cause, cause) << status;
    EXPECT_EQ(certificate.error().detail, "why");
  }
}

TEST_F(SignAnswer, TheMessageOfAJsonErrorIsShown) {
  const auto certificate = read_sign_answer(sign_answer(400, R"({"status":400,"message":"no CA"})"),
                                            key_.public_blob(), kSigningTime);
  ASSERT_FALSE(certificate);
  EXPECT_EQ(certificate.error().detail, "no CA");
}

TEST_F(SignAnswer, A200WithoutACertificateIsNamed) {
  for (const char* body :
       {"", "ok", "{}", R"({"certificate":7})", R"({"certificate":"ssh-rsa AAAA"})", "[1]"}) {
    const auto certificate = read_sign_answer(sign_answer(200, body), key_.public_blob(), kSigningTime);
    ASSERT_FALSE(certificate) << body;
    EXPECT_EQ(certificate.error().cause, Cause::certificate_invalid) << body;
  }
}

TEST(SignFailure, AnotherTokenHelpsOnlyWhereTheTokenWasRefused) {
  const auto with_status = [](int status) {
    Failure failure(Stage::certificate, Cause::sign_refused);
    failure.http_status = status;
    return failure;
  };
  for (const int status : {400, 401, 403}) EXPECT_TRUE(token_was_refused(with_status(status))) << status;
  for (const int status : {404, 429, 500, 503})
    EXPECT_FALSE(token_was_refused(with_status(status))) << status;
  EXPECT_TRUE(token_was_refused(Failure(Stage::upgrade, Cause::token_rejected)));
  EXPECT_FALSE(token_was_refused(Failure(Stage::upgrade, Cause::denied)));
  EXPECT_FALSE(token_was_refused(Failure(Stage::login, Cause::service_token_rejected)));
}

}  // namespace
}  // namespace cfpipe::auth
