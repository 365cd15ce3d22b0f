#include "transport/dial/http_client.h"

#include "loopback.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using namespace std::chrono_literals;

class HttpClientTest : public testing::LoopbackTest {
 protected:
  HttpClient& client() {
    if (!client_) client_ = std::make_unique<HttpClient>(loop.get_executor(), options);
    return *client_;
  }
  Result<HttpAnswer> send(const std::string& method = "GET", std::string body = {},
                          std::chrono::milliseconds deadline = 15s) {
    HttpRequest request(method, url("/p?q=1"));
    request.headers.emplace_back("X-Mine", "yes");
    request.body = std::move(body);
    request.deadline = deadline;
    return *run(client().send(request));
  }
  /// Answers `answer` to every request, and closes after `requests` of them.
  void answer_with(std::string answer, int requests = 1000, bool polite = true) {
    auto handle = [this, answer, requests, polite](Channel& channel) -> net::awaitable<void> {
      for (int i = 0; i < requests; ++i) {
        last_request = co_await read_until(channel, "\r\n\r\n");
        if (last_request.empty()) co_return;
        ++answered;
        co_await say(channel, answer);
      }
      if (polite) channel.close_notify();
    };
    serve(handle);
  }
  std::string last_request;
  int answered = 0;

 private:
  std::unique_ptr<HttpClient> client_;
};

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi";

TEST_F(HttpClientTest, SendsARequestAndReadsItsAnswer) {
  answer_with(kOk);
  const auto answer = send("POST", "body");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hi");
  EXPECT_EQ(answer->header("x-a"), "b");
  EXPECT_TRUE(last_request.starts_with("POST /p?q=1 HTTP/1.1\r\nHost: " + url().authority() + "\r\n"))
      << last_request;
  EXPECT_NE(last_request.find("\r\nX-Mine: yes\r\n"), std::string::npos);
  EXPECT_NE(last_request.find("\r\nContent-Length: 4\r\n"), std::string::npos);
}

TEST_F(HttpClientTest, UsesOneConnectionForManyRequests) {
  answer_with(kOk);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(send());
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(answered, 3);
}

TEST_F(HttpClientTest, DialsAgainWhereTheIdleConnectionWasClosed) {
  for (const bool polite : {true, false}) {
    accepted = 0;
    if (polite) answer_with(kOk, 1);
    ASSERT_TRUE(send());
    const auto again = send();
    ASSERT_TRUE(again) << again.error().detail;
  }
}

TEST_F(HttpClientTest, TriesOnceMoreWhereTheIdleConnectionDiesUnderTheRequest) {
  int connection = 0;
  serve([&](Channel& channel) -> net::awaitable<void> {
    const bool first = connection++ == 0;
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, kOk);
    co_await read_until(channel, "\r\n\r\n");
    if (!first) co_await say(channel, kOk);
  });
  ASSERT_TRUE(send());
  EXPECT_TRUE(send()) << "the first connection closes once it has the second request";
  EXPECT_EQ(accepted, 2);
}

TEST_F(HttpClientTest, DoesNotTryAFreshConnectionAgain) {
  serve([](Channel& channel) -> net::awaitable<void> { co_await read_until(channel, "\r\n\r\n"); });
  const auto answer = send();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().cause, Cause::closed_early);
  EXPECT_EQ(accepted, 1);
}

TEST_F(HttpClientTest, ReadsNoBodyBehindTheAnswerToHead) {
  answer_with("HTTP/1.1 302 Found\r\nContent-Length: 500\r\nLocation: /x\r\n\r\n");
  const auto answer = send("HEAD");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(answer->header("Location"), "/x");
  EXPECT_TRUE(send("HEAD"));
  EXPECT_EQ(accepted, 1);
}

TEST_F(HttpClientTest, ReadsChunkedBodies) {
  answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n1\r\n!\r\n0\r\n\r\n");
  EXPECT_EQ(send()->body, "hi!");
}

TEST_F(HttpClientTest, BelievesABodyThatEndsWithItsConnectionOnlyWithCloseNotify) {
  bool polite = true;
  serve([&](Channel& channel) -> net::awaitable<void> {
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, "HTTP/1.1 200 OK\r\n\r\nall of it");
    if (polite) channel.close_notify();
  });
  const auto whole = send();
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->body, "all of it");
  polite = false;
  const auto cut = send();
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().cause, Cause::closed_early);
}

TEST_F(HttpClientTest, RefusesWhatIsTooLargeOrMalformed) {
  struct Row {
    std::string answer;
    Cause cause;
  };
  const std::string big(2 * kMaxAnswerBodyBytes, 'x');
  const std::vector<Row> rows = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", Cause::http_too_large},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1E8480\r\n" + big, Cause::http_too_large},
      {"HTTP/1.1 200 OK\r\n\r\n" + big, Cause::http_too_large},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(2 * kMaxAnswerHeaderBytes, 'h'), Cause::http_too_large},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + big, Cause::http_too_large},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: " + big, Cause::http_too_large},
      {"SSH-2.0-OpenSSH_9.2\r\n", Cause::http_malformed},
      {"HTTP/1.1 2x0 OK\r\n\r\n", Cause::http_malformed},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Cause::http_malformed},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", Cause::http_malformed},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Cause::http_malformed},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", Cause::closed_early},
      {"HTTP/1.1 200", Cause::closed_early},
  };
  std::size_t row = 0;
  serve([&](Channel& channel) -> net::awaitable<void> {
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, rows[row].answer);
    channel.close_notify();
  });
  for (; row < rows.size(); ++row) {
    const auto answer = send();
    ASSERT_FALSE(answer) << row;
    EXPECT_EQ(answer.error().stage, Stage::http) << row;
    EXPECT_EQ(answer.error().cause, rows[row].cause) << row << ": " << answer.error().detail;
    EXPECT_TRUE(answer.error().detail.starts_with(url().authority())) << answer.error().detail;
  }
}

// RFC 9110 15.2.
TEST_F(HttpClientTest, SkipsInterimAnswers) {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
  std::string before;
  serve([&](Channel& channel) -> net::awaitable<void> {
    for (;;) {
      const auto asked = co_await read_until(channel, "\r\n\r\n");
      if (asked.empty()) co_return;
      // In pieces, so that a status line is read in parts.
      const std::string all = before + kOk;
      const std::string first = all.substr(0, 11);
      const std::string rest = all.substr(11);
      co_await say(channel, first);
      co_await say(channel, rest);
    }
  });
  for (const std::string& interim : {std::string("HTTP/1.1 100 Continue\r\n\r\n"), early, early + early}) {
    before = interim;
    const auto answer = send();
    ASSERT_TRUE(answer) << interim << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hi");
  }
  EXPECT_EQ(accepted, 1) << "nothing is left on the connection";
  before.clear();
  for (int i = 0; i <= kMaxInterimAnswers; ++i) before += early;
  const auto endless = send();
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().cause, Cause::http_malformed);
}

TEST_F(HttpClientTest, DoesNotRepeatARequestThatHadAnInterimAnswer) {
  int connection = 0;
  serve([&](Channel& channel) -> net::awaitable<void> {
    ++connection;
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, kOk);
    co_await read_until(channel, "\r\n\r\n");
    co_await say(channel, "HTTP/1.1 102 Processing\r\n\r\n");
  });
  ASSERT_TRUE(send());
  const auto answer = send();
  ASSERT_FALSE(answer) << "the server has begun with it";
  EXPECT_EQ(answer.error().cause, Cause::closed_early);
  EXPECT_EQ(connection, 1);
}

TEST_F(HttpClientTest, GivesUpAtTheDeadline) {
  serve([](Channel& channel) -> net::awaitable<void> {
    co_await say(channel, "HTTP/1.1 200 OK\r\nX: ");
    co_await until_gone(channel);
  });
  const auto answer = send("GET", {}, 100ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().cause, Cause::timed_out);
}

TEST_F(HttpClientTest, NamesARefusedConnection) {
  const auto where = url();
  acceptor.close();
  HttpRequest request("GET", where);
  const auto answer = *run(client().send(request));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().stage, Stage::tcp);
  EXPECT_EQ(answer.error().cause, Cause::refused);
}

}  // namespace
}  // namespace cfpipe::transport
