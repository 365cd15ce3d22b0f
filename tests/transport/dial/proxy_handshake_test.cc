#include "transport/dial/proxy_handshake.h"

#include <gtest/gtest.h>

#include "support/hosts.h"
#include "transport/http/message_io.h"

namespace cfpipe::transport {
namespace {

using std::string_literals::operator""s;

Proxy proxy_at(const std::string& url) {
  auto proxy = parse_proxy(url, "--proxy");
  if (!proxy) throw std::runtime_error(proxy.error().detail);
  return std::move(*proxy);
}

struct Heard {
  std::string said;  // after the hello
  std::size_t used = 0;
  bool open = false;
  std::optional<Failure> failure;
};

// Hands `answer` over in pieces of that size, from the beginning of what was not used.
Heard hear(ProxyHandshake& handshake, const std::string& answer, std::size_t piece) {
  Heard out;
  while (!out.open && out.used < answer.size()) {
    auto step = handshake.hear(std::string_view(answer).substr(out.used, piece));
    if (!step) {
      out.failure = step.error();
      return out;
    }
    if (step->used == 0) throw std::runtime_error("it does not move");
    out.used += step->used;
    out.said += step->say.reveal();
    out.open = step->open;
  }
  return out;
}

// The same for every size of the pieces.
Heard handshake(const std::string& url, const std::string& answer,
                const std::string& host = "vm.example.com") {
  const Proxy proxy = proxy_at(url);
  Heard first;
  for (const std::size_t piece :
       {std::size_t{1 << 20}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
    auto asking = ask_proxy(proxy, transport::host_of(host), 443);
    asking->hello();
    Heard heard = hear(*asking, answer, piece);
    if (piece == 1 << 20) {
      first = std::move(heard);
      continue;
    }
    EXPECT_EQ(heard.said, first.said) << piece;
    EXPECT_EQ(heard.open, first.open) << piece;
    EXPECT_EQ(heard.failure.has_value(), first.failure.has_value()) << piece;
    if (heard.failure && first.failure) {
      EXPECT_EQ(heard.failure->cause, first.failure->cause) << piece;
    } else {
      EXPECT_EQ(heard.used, first.used) << piece;
    }
  }
  return first;
}

std::string hello(const std::string& url, const std::string& host = "vm.example.com") {
  const Proxy proxy = proxy_at(url);
  auto asking = ask_proxy(proxy, transport::host_of(host), 443);
  return std::string(asking->hello().reveal());
}

TEST(ProxyByConnect, AsksForTheHostAndLogsIn) {
  const auto plain = hello("http://p.example");
  EXPECT_TRUE(plain.starts_with("CONNECT vm.example.com:443 HTTP/1.1\r\nHost: vm.example.com:443\r\n"))
      << plain;
  EXPECT_TRUE(plain.ends_with("\r\n\r\n"));
  EXPECT_EQ(plain.find("Authorization"), std::string::npos);
  // RFC 7617 2: the example.
  const auto login = hello("http://Aladdin:open%20sesame@p.example");
  EXPECT_NE(login.find("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), std::string::npos);
  EXPECT_TRUE(hello("http://p.example", "2001:db8::1").starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"));
}

TEST(ProxyByConnect, TheWayIsOpenAfterTheHeaderAndNoByteLater) {
  for (const std::string answer :
       {"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200 OK\r\nVia: x\r\n\r\n",
        "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}) {
    const auto heard = handshake("http://p.example", answer + "\x16\x03\x01 what is not the proxy's");
    ASSERT_FALSE(heard.failure) << answer;
    EXPECT_TRUE(heard.open) << answer;
    EXPECT_EQ(heard.used, answer.size()) << answer;
    EXPECT_EQ(heard.said, "");
  }
}

TEST(ProxyByConnect, InterimAnswersAreBounded) {
  std::string answers;
  for (int i = 0; i < kMaxInterimAnswers; ++i) answers += "HTTP/1.1 102 Processing\r\n\r\n";
  EXPECT_TRUE(handshake("http://p.example", answers + "HTTP/1.1 200 OK\r\n\r\n").open);
  answers += "HTTP/1.1 100 Continue\r\n\r\n";
  const auto heard = handshake("http://p.example", answers + "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_FALSE(heard.open);
  ASSERT_TRUE(heard.failure);
  EXPECT_EQ(heard.failure->cause, Cause::proxy_failed);
  EXPECT_EQ(heard.failure->detail, "interim answers without a final one");
}

TEST(ProxyByConnect, RefusalsHaveTheirStatus) {
  struct Row {
    int status;
    Cause cause;
  };
  for (const auto& [status, cause] :
       {Row{407, Cause::proxy_login_needed}, Row{401, Cause::proxy_login_needed},
        Row{403, Cause::proxy_refused}, Row{502, Cause::proxy_refused}, Row{301, Cause::proxy_refused},
        Row{101, Cause::proxy_refused}}) {
    const auto heard = handshake(
        "http://p.example", "HTTP/1.1 " + std::to_string(status) + " No\r\nContent-Length: 3\r\n\r\nno!");
    ASSERT_TRUE(heard.failure) << status;
    EXPECT_EQ(heard.failure->stage, Stage::proxy);
    EXPECT_EQ(heard.failure->cause, cause) << status;
    EXPECT_EQ(heard.failure->http_status, status);
  }
}

TEST(ProxyByConnect, WhatIsNoAnswerIsToldApart) {
  for (const std::string& answer :
       {"SSH-2.0-OpenSSH_9.2\r\n"s, "\x05\x00 and more of it"s, "HTTP/2 200\r\n\r\n"s,
        "HTTP/1.1 twohundred OK\r\n\r\n"s, "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nX: "s + std::string(kMaxProxyAnswerBytes, 'a')}) {
    const auto heard = handshake("http://p.example", answer);
    ASSERT_TRUE(heard.failure) << answer.substr(0, 60);
    EXPECT_EQ(heard.failure->cause, Cause::proxy_failed) << answer.substr(0, 60);
  }
  EXPECT_FALSE(handshake("http://p.example", "HTTP/1.1 200 OK\r\n").open);
}

const std::string kOpenV4 = "\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2"s;

TEST(ProxyBySocks, OffersOnlyWhatItCanDo) {
  EXPECT_EQ(hello("socks5h://p.example"), "\x05\x01\x00"s);
  EXPECT_EQ(hello("socks5h://u:p@p.example"), "\x05\x02\x00\x02"s);
}

TEST(ProxyBySocks, AsksForTheNameOrTheAddress) {
  const std::string name = "\x05\x01\x00\x03\x0evm.example.com\x01\xbb"s;
  const auto heard = handshake("socks5h://p.example", "\x05\x00"s + kOpenV4 + "more");
  EXPECT_TRUE(heard.open);
  EXPECT_EQ(heard.said, name);
  EXPECT_EQ(heard.used, 2 + kOpenV4.size());
  EXPECT_EQ(handshake("socks5h://p.example", "\x05\x00"s, "192.0.2.1").said,
            "\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"s);
  EXPECT_EQ(handshake("socks5h://p.example", "\x05\x00"s, "2001:db8::1").said,
            "\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb"s);
}

TEST(ProxyBySocks, EveryKindOfAddressInTheReplyIsReadToItsEnd) {
  for (const std::string& reply :
       {kOpenV4, "\x05\x00\x00\x03\x05proxy\x04\xd2"s, "\x05\x00\x00\x03\x00\x04\xd2"s,
        "\x05\x00\x00\x04"s + std::string(16, '\1') + "\x04\xd2"s}) {
    const auto heard = handshake("socks5h://p.example", "\x05\x00"s + reply + "\x16\x03\x01");
    ASSERT_FALSE(heard.failure);
    EXPECT_TRUE(heard.open);
    EXPECT_EQ(heard.used, 2 + reply.size());
  }
}

TEST(ProxyBySocks, LogsInWhenAsked) {
  const auto heard = handshake("socks5h://ann:hush@p.example", "\x05\x02\x01\x00"s + kOpenV4);
  EXPECT_TRUE(heard.open);
  EXPECT_TRUE(heard.said.starts_with("\x01\x03"s + "ann" + "\x04" + "hush" + "\x05\x01\x00\x03"s));
  EXPECT_TRUE(handshake("socks5h://ann:hush@p.example", "\x05\x00"s + kOpenV4).open);  // it does not insist
}

TEST(ProxyBySocks, RefusalsAreToldApart) {
  struct Row {
    std::string answer;
    Cause cause;
    std::string says;
  };
  for (const auto& [answer, cause, says] :
       std::vector<Row>{{"\x05\xff"s, Cause::proxy_login_needed, ""},
                        {"\x05\x02\x01\x01"s, Cause::proxy_login_needed, ""},
                        {"\x05\x00\x05\x02\x00\x01"s, Cause::proxy_refused, "not allowed by its rules"},
                        {"\x05\x00\x05\x04\x00\x01"s, Cause::proxy_refused, "host unreachable"},
                        {"\x05\x00\x05\x05\x00\x01"s, Cause::proxy_refused, "connection refused"},
                        {"\x05\x00\x05\x08\x00\x01"s, Cause::proxy_refused, "kind of address not known"},
                        {"\x05\x00\x05\x09\x00\x01"s, Cause::proxy_refused, "code 9"},
                        {"\x05\x00\x05\xff\x00\x01"s, Cause::proxy_refused, "code 255"},
                        {"\x05\x01"s, Cause::proxy_failed, "not offered"},
                        {"\x04\x00"s, Cause::proxy_failed, "not SOCKS 5"},
                        {"HTTP/1.1 400 Bad Request\r\n\r\n"s, Cause::proxy_failed, "not SOCKS 5"},
                        {"\x05\x02\x05\x00"s, Cause::proxy_failed, "RFC 1929"},
                        {"\x05\x00\x04\x00\x00\x01"s, Cause::proxy_failed, "not SOCKS 5"},
                        {"\x05\x00\x05\x00\x00\x07"s, Cause::proxy_failed, "an address"}}) {
    const auto heard = handshake("socks5h://u:p@p.example", answer);
    ASSERT_TRUE(heard.failure) << ::testing::PrintToString(answer);
    EXPECT_EQ(heard.failure->stage, Stage::proxy);
    EXPECT_EQ(heard.failure->cause, cause) << ::testing::PrintToString(answer);
    EXPECT_NE(heard.failure->detail.find(says), std::string::npos) << heard.failure->detail;
  }
  // A password that was not offered cannot be asked for.
  EXPECT_EQ(handshake("socks5h://p.example", "\x05\x02"s).failure->cause, Cause::proxy_failed);
}

}  // namespace
}  // namespace cfpipe::transport
