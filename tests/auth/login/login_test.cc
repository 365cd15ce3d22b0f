#include "auth/login/login.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace cfpipe::auth {
namespace {

using transport::HttpAnswer;
using transport::parse_url;

HttpAnswer poll_answer(int status, std::string body) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

TEST(LoginPage, IsTheUrlThatEdgesKnow) {
  const auto app = *parse_url("https://vm.example.com");
  EXPECT_EQ(login_page(app, "abc", "k-_=", false),
            "https://vm.example.com/cdn-cgi/access/cli?aud=abc&edge_token_transfer=true"
            "&redirect_url=https%3A%2F%2Fvm.example.com%2F%3Faud%3Dabc%26token%3Dk-_%253D"
            "&send_org_token=true&token=k-_%3D");
}

TEST(LoginPage, RedirectsBackToThePathTheUserAskedFor) {
  const auto app = *parse_url("https://vm.localhost:8443/admin?x=y");
  const auto page = parse_url(login_page(app, "abc", "key", true));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->authority(), "vm.localhost:8443");
  EXPECT_EQ(page->path(), "/cdn-cgi/access/cli");
  EXPECT_EQ(page->query("redirect_url"), "https://vm.localhost:8443/admin?aud=abc&token=key");
  EXPECT_EQ(page->query("close_interstitial"), "true");
  EXPECT_EQ(page->query("token"), "key");
}

TEST(TransferStore, IsCloudflaresForCloudflareAndOwnForOthers) {
  EXPECT_EQ(transfer_url("team.cloudflareaccess.com", "k-_=", false),
            "https://login.cloudflareaccess.org/transfer/k-_=");
  EXPECT_EQ(transfer_url("team.cloudflareaccess.com", "k", true),
            "https://login.fed.cloudflareaccess.org/transfer/k");
  EXPECT_EQ(transfer_url("auth.localhost:8443", "k", false), "https://auth.localhost:8443/transfer/k");
  EXPECT_EQ(transfer_url("cloudflareaccess.com.evil.example", "k", false),
            "https://cloudflareaccess.com.evil.example/transfer/k");
}

TEST(TransferStore, AnswersBelow500MeanNotYet) {
  const TransferReceiver receiver;
  for (const int status : {102, 202, 204, 302, 400, 404, 408, 429}) {
    const auto tokens = read_transfer(poll_answer(status, "later"), receiver);
    ASSERT_TRUE(tokens) << status;
    EXPECT_FALSE(*tokens) << status;
  }
  const auto empty = read_transfer(poll_answer(200, ""), receiver);
  ASSERT_TRUE(empty);
  EXPECT_FALSE(*empty);
}

TEST(TransferStore, ServerErrorsEndTheLoginInOneLine) {
  const TransferReceiver receiver;
  auto failed = poll_answer(503, "down\nfor maintenance");
  failed.headers.emplace_back("Cf-Ray", "8f1");
  const auto tokens = read_transfer(failed, receiver);
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().cause, Cause::edge_unavailable);
  EXPECT_EQ(tokens.error().http_status, 503);
  EXPECT_EQ(tokens.error().ray, "8f1");
  EXPECT_EQ(tokens.error().detail.find('\n'), std::string::npos);
}

TEST(TransferStore, SealedTokensAreOpened) {
  const TransferReceiver receiver;
  const auto sealed = seal_transfer(receiver.public_key(), "app", "org");
  ASSERT_TRUE(sealed);
  auto answer = poll_answer(200, sealed->body);
  answer.headers.emplace_back("service-public-key", sealed->public_key);
  const auto tokens = read_transfer(answer, receiver);
  ASSERT_TRUE(tokens);
  ASSERT_TRUE(*tokens);
  EXPECT_EQ((*tokens)->app_token.reveal(), "app");
  EXPECT_EQ((*tokens)->org_token.reveal(), "org");
}

TEST(TransferStore, ASealedRefusalEndsTheLogin) {
  const TransferReceiver receiver;
  for (const bool declined : {false, true}) {
    const auto sealed = seal_refusal(receiver.public_key(), {declined, "mallory may not"});
    ASSERT_TRUE(sealed);
    auto answer = poll_answer(403, sealed->body);
    answer.headers.emplace_back("Service-Public-Key", sealed->public_key);
    const auto tokens = read_transfer(answer, receiver);
    ASSERT_FALSE(tokens);
    EXPECT_EQ(tokens.error().cause, declined ? Cause::login_failed : Cause::denied);
    EXPECT_EQ(tokens.error().detail, "mallory may not");
  }
}

TEST(TransferStore, ARefusalThatIsNotSealedForUsIsNone) {
  const TransferReceiver receiver;
  const TransferReceiver other;
  const auto strange = seal_refusal(other.public_key(), {false, "no"});
  const auto tokens = seal_transfer(receiver.public_key(), "app", "org");
  ASSERT_TRUE(strange && tokens);
  for (const auto* box : {&*strange, &*tokens}) {
    auto answer = poll_answer(403, box->body);
    answer.headers.emplace_back("Service-Public-Key", box->public_key);
    const auto read = read_transfer(answer, receiver);
    ASSERT_TRUE(read);
    EXPECT_FALSE(*read);
  }
}

TEST(TransferStore, ABoxForAnotherReceiverIsAFailedLogin) {
  const TransferReceiver receiver;
  const TransferReceiver other;
  const auto sealed = seal_transfer(other.public_key(), "app", "org");
  ASSERT_TRUE(sealed);
  auto answer = poll_answer(200, sealed->body);
  answer.headers.emplace_back("Service-Public-Key", sealed->public_key);
  const auto tokens = read_transfer(answer, receiver);
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().cause, Cause::login_failed);
}

TEST(ServiceToken, IsTwoHeadersOrNone) {
  transport::Headers headers;
  ServiceToken{}.add_to(headers);
  EXPECT_TRUE(headers.empty());
  ServiceToken{"id.access", Secret(std::string("hush"))}.add_to(headers);
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[0], (std::pair<std::string, std::string>("Cf-Access-Client-Id", "id.access")));
  EXPECT_EQ(headers[1], (std::pair<std::string, std::string>("Cf-Access-Client-Secret", "hush")));
}

}  // namespace
}  // namespace cfpipe::auth
