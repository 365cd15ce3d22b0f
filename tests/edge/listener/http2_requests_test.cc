// Requests over HTTP/2 that the RFCs have a server refuse, one stream each.
#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>
#include <string>
#include <vector>

#include "edge/fake_site.h"
#include "edge/raw_client.h"
#include "support/h2_frames.h"
#include "support/hosts.h"
#include "transport/dial/dialer.h"
#include "transport/http2/connection.h"
#include "transport/tls/channel.h"
#include "transport/tls/context.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

class Length final : public FakeSite {
 public:
  net::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.headers.emplace_back("X-Length", std::to_string(request.body.size()));
    co_return answer;
  }
  std::variant<TunnelGrant, Answer> upgrade(const Request&) override {
    Answer answer;
    answer.status = 403;
    return answer;
  }
};

Length& length() {
  static Length made;
  return made;
}

class H2Requests : public RawEdgeTest {
 protected:
  using Connection = std::shared_ptr<transport::H2Connection>;
  using Stream = std::unique_ptr<transport::H2Stream>;

  H2Requests() : RawEdgeTest(length()) { start(); }

  net::awaitable<void> connect() {
    transport::DialOptions options;
    options.ca_file = tls_.ca_file;
    options.alpn = transport::Alpn::http2_or_http1;
    transport::Url url;
    url.host = transport::host_of("vm.localhost");
    url.port = port();
    auto channel = co_await transport::dial_tls(url, options);
    connection_ = transport::H2Connection::start(std::move(*channel), transport::H2Role::client);
    co_await connection_->settled(soon());
  }
  net::awaitable<Stream> ask(transport::H2Head head, bool ends) {
    if (!connection_) co_await connect();
    auto stream = connection_->open(head, ends);
    co_await stream->headed(soon());
    co_return stream;
  }
  static transport::H2Connection::Clock::time_point soon() {
    return transport::H2Connection::Clock::now() + kRawDeadline;
  }
  template <class T>
  T run(net::awaitable<T> what) {
    auto result = net::co_spawn(client_, std::move(what), net::use_future);
    client_.restart();
    while (result.wait_for(std::chrono::seconds(0)) != std::future_status::ready) client_.run_one();
    return result.get();
  }
  std::string status_of(const transport::H2Head& head, bool ends = true) {
    const Stream stream = run(ask(head, ends));
    return std::string(stream->field(":status"));
  }

  net::io_context client_;
  Connection connection_;
};

transport::H2Head request(const std::string& method, const transport::H2Head& more = {}) {
  transport::H2Head head = {
      {":method", method}, {":scheme", "https"}, {":authority", "vm.localhost"}, {":path", "/"}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

transport::H2Head connect_head(const std::string& protocol, const transport::H2Head& more = {}) {
  transport::H2Head head = {{":method", "CONNECT"},
                            {":protocol", protocol},
                            {":scheme", "https"},
                            {":authority", "vm.localhost"},
                            {":path", "/"}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

TEST_F(H2Requests, EachIsAnsweredAsItsRfcHasIt) {
  const std::string length = "content-length";
  const std::vector<std::tuple<const char*, transport::H2Head, const char*>> rows = {
      {"honest", request("GET"), "200"},
      {"a websocket", connect_head("websocket", {{"sec-websocket-version", "13"}}), "403"},
      {"another protocol", connect_head("connect-udp"), "501"},
      {"a protocol in upper case", connect_head("WEBSOCKET", {{"sec-websocket-version", "13"}}), "501"},
      {"an older version", connect_head("websocket", {{"sec-websocket-version", "8"}}), "400"},
      {"no version", connect_head("websocket"), "400"},
      {"CONNECT to a host", {{":method", "CONNECT"}, {":authority", "vm.localhost:22"}}, "501"},
      {"Host beside the authority", request("GET", {{"host", "VM.localhost"}}), "200"},
      {"another Host", request("GET", {{"host", "b.localhost"}}), "400"},
      {"an authority that is none",
       {{":method", "GET"}, {":scheme", "https"}, {":authority", "vm.localhost:x"}, {":path", "/"}},
       "400"},
      {"an asterisk",
       {{":method", "OPTIONS"}, {":scheme", "https"}, {":authority", "vm.localhost"}, {":path", "*"}},
       "400"},
      {"another expectation", request("GET", {{"expect", "200-ok"}}), "417"},
  };
  for (const auto& [name, head, status] : rows) EXPECT_EQ(status_of(head), status) << name;
  EXPECT_EQ(status_of(request("POST", {{length, "262145"}}), false), "413");
  EXPECT_EQ(status_of(request("POST", {{length, "99999999999"}}), false), "413");
  // nghttp2 resets the stream of some authorities by itself (RFC 9113 8.1.1), of user information from 1.60
  // on.
  for (const char* authority : {"vm.localhost/x", "ann@vm.localhost"}) {
    const auto status =
        status_of({{":method", "GET"}, {":scheme", "https"}, {":authority", authority}, {":path", "/"}});
    EXPECT_TRUE(status.empty() || status == "400") << authority << ": " << status;
  }
  EXPECT_FALSE(connection_->over()) << "each refusal ends its stream alone";
}

TEST_F(H2Requests, AWrongVersionIsToldTheRightOne) {
  const Stream stream = run(ask(connect_head("websocket", {{"sec-websocket-version", "8"}}), true));
  EXPECT_EQ(stream->field("sec-websocket-version"), "13");
}

TEST_F(H2Requests, AConnectorIsToldToAttachOverHttp1) {
  const Stream stream = run(ask(connect_head("cfpipe-connector/1"), true));
  EXPECT_EQ(stream->field(":status"), "400");
  EXPECT_TRUE(stream->field("cfpipe-reason").starts_with("a connector attaches over HTTP/1.1"));
}

TEST_F(H2Requests, AClientThatWaitsIsToldToGoOn) {
  // A client's session skips interim answers: the frames themselves show them.
  RawClient client(port());
  ASSERT_TRUE(client.handshake("h2"));
  using testing::frame;
  const std::string authority = std::string("\x41\x0c", 2) + "vm.localhost";
  const std::string expect = std::string("\x00\x06", 2) + "expect" + "\x0c" + "100-continue";
  const std::string head = "\x83\x87\x84" + authority + expect;  // POST, https, / (RFC 7541 A)
  ASSERT_TRUE(client.say(testing::kMagic + frame(testing::kSettings, 0, 0, "") +
                         frame(testing::kHeaders, testing::kEndHeaders, 1, head)));
  const std::string more_follows("\x01\x04\x00\x00\x00\x01", 6);  // HEADERS of stream 1, END_HEADERS
  const std::string last("\x01\x05\x00\x00\x00\x01", 6);          // and END_STREAM
  EXPECT_TRUE(client.hear_until(more_follows).ends_with(more_follows)) << "the interim answer";
  ASSERT_TRUE(client.say(frame(testing::kData, testing::kEndStream, 1, "abc")));
  EXPECT_TRUE(client.hear_until(last).ends_with(last)) << "the final one";
}

}  // namespace
}  // namespace cfpipe::edge
