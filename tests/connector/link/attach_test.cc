#include "connector/link/attach.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/base64.h"
#include "base/clock.h"
#include "base/text.h"

namespace cfpipe::connector {
namespace {

using Step = AttachHandshake::Step;
using Headers = std::map<std::string, std::string, std::less<>>;

AttachAnswer answer(int status, Headers headers = {}, bool http11 = true) {
  return {status, http11, [headers = std::move(headers)](std::string_view name) {
            const auto found = headers.find(name);
            return found == headers.end() ? std::string() : found->second;
          }};
}

const Headers kSwitch{{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "cfpipe-connector/1"}};

class AttachTest : public ::testing::Test {
 protected:
  static Enrolment made() {
    Enrolment out;
    out.id = "abcdefghijklmnop";
    out.name = "office";
    out.edge = Authority::parse("auth.example.com").value();
    out.key = std::make_shared<const auth::ConnectorKey>(auth::ConnectorKey::generate());
    return out;
  }
  static std::string value(const std::string& request, const std::string& name) {
    const auto at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto from = at + name.size() + 4;
    return request.substr(from, request.find("\r\n", from) - from);
  }
  Cause refused(const AttachAnswer& what) {
    const auto step = handshake_.answered(what);
    EXPECT_FALSE(step);
    return step ? Cause::internal : step.error().cause;
  }

  Enrolment enrolment_ = made();
  AttachHandshake handshake_{enrolment_, {enrolment_.id, "0123456789abcdef", "1.0"}};
};

TEST_F(AttachTest, SignsTheChallengeForTheEdgesName) {
  const std::string first = handshake_.request();
  EXPECT_TRUE(first.starts_with("GET /cdn-cgi/cfpipe/connector HTTP/1.1\r\nHost: auth.example.com\r\n"));
  EXPECT_EQ(value(first, "Upgrade"), "cfpipe-connector/1");
  EXPECT_EQ(value(first, "Cfpipe-Connector"), enrolment_.id);
  EXPECT_EQ(value(first, "Cfpipe-Signature"), "");
  ASSERT_EQ(*handshake_.answered(answer(401, {{"Cfpipe-Challenge", "once.only"}})), Step::ask_again);
  const std::string second = handshake_.request();
  EXPECT_EQ(value(second, "Cfpipe-Nonce"), "once.only");
  const auto signature = decode_base64url(value(second, "Cfpipe-Signature"));
  ASSERT_TRUE(signature);
  const auth::AttachClaim claim{enrolment_.id, "0123456789abcdef", "1.0"};
  const std::string key = enrolment_.key->public_key();
  EXPECT_TRUE(auth::signed_by_connector(key, auth::attach_message("auth.example.com", claim, "once.only"),
                                        *signature));
  EXPECT_FALSE(auth::signed_by_connector(key, auth::attach_message("evil.example.com", claim, "once.only"),
                                         *signature));
  EXPECT_EQ(*handshake_.answered(answer(101, kSwitch)), Step::attached);
}

TEST_F(AttachTest, TakesNoUpgradeThatWasNotSignedFor) {
  EXPECT_EQ(refused(answer(101, kSwitch)), Cause::bad_accept);
}

TEST_F(AttachTest, TakesNoOtherUpgrade) {
  ASSERT_TRUE(handshake_.answered(answer(401, {{"Cfpipe-Challenge", "n"}})));
  EXPECT_EQ(refused(answer(101, {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}})), Cause::bad_accept);
  EXPECT_EQ(refused(answer(101, {{"Upgrade", "cfpipe-connector/1"}})), Cause::bad_accept);
  EXPECT_EQ(refused(answer(101, kSwitch, false)), Cause::bad_accept);
}

TEST_F(AttachTest, SignsNoChallengeThatIsNone) {
  for (const std::string& challenge : {std::string(), std::string("a b"), std::string("a\tb"),
                                       std::string("\xc3\xa4"), std::string(kMaxChallengeBytes + 1, 'a')})
    EXPECT_EQ(refused(answer(401, {{"Cfpipe-Challenge", challenge}})), Cause::unexpected_status) << challenge;
}

TEST_F(AttachTest, SignsOnce) {
  ASSERT_TRUE(handshake_.answered(answer(401, {{"Cfpipe-Challenge", "n"}})));
  EXPECT_EQ(refused(answer(401, {{"Cfpipe-Challenge", "n"}})), Cause::unexpected_status);
}

TEST_F(AttachTest, KnowsARefusalFromAnEdgeThatIsBusy) {
  EXPECT_EQ(refused(answer(403, {{"Cfpipe-Reason", "revoked"}})), Cause::denied);
  EXPECT_EQ(refused(answer(429)), Cause::too_many_requests);
  EXPECT_EQ(refused(answer(503)), Cause::edge_unavailable);
  EXPECT_EQ(refused(answer(404)), Cause::unexpected_status);
  EXPECT_EQ(refused(answer(200)), Cause::unexpected_status);
  const auto told = handshake_.answered(
      answer(403, {{"Cfpipe-Reason", std::string("no\x1b[31m") + std::string(500, 'x')}}));
  EXPECT_LE(told.error().detail.size(), 203U);  // … with three bytes
  EXPECT_EQ(told.error().detail.find('\x1b'), std::string::npos);
}

TEST_F(AttachTest, WaitsAsLongAsTheEdgeAsksWithinABound) {
  using std::chrono::seconds;
  const auto wait = [this](int status, const std::string& text) {
    AttachHandshake one(enrolment_, {enrolment_.id, "0123456789abcdef", "1.0"});
    EXPECT_FALSE(one.answered(answer(status, {{"Retry-After", text}})));
    return one.retry_after();
  };
  EXPECT_EQ(handshake_.retry_after(), seconds(0));
  EXPECT_EQ(wait(429, "7"), seconds(7));
  EXPECT_EQ(wait(503, "7"), seconds(7));
  EXPECT_EQ(wait(503, "61"), kLongestRetryAfter);
  EXPECT_EQ(wait(503, "99999999999999999999999"), kLongestRetryAfter);
  EXPECT_EQ(wait(503, http_date(unix_now() + 3600)), kLongestRetryAfter);
  EXPECT_GT(wait(503, http_date(unix_now() + 30)), seconds(20));
  for (const char* none : {"", "0", "-7", "+7", "7s", "soon", "Thu, 01 Jan 1970 00:00:01 GMT"})
    EXPECT_EQ(wait(503, none), seconds(0)) << none;
  EXPECT_EQ(wait(403, "7"), seconds(0));
  EXPECT_EQ(wait(404, "7"), seconds(0));
}

}  // namespace
}  // namespace cfpipe::connector
