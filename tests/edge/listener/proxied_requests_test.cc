// Requests that proxies pass on which end TLS: their headers say who the client is.
#include <gmock/gmock.h>

#include "edge/http/client_source.h"
#include "edge/mirror_site.h"
#include "edge/raw_client.h"
#include "support/h2_frames.h"

namespace cfpipe::edge {
namespace {
namespace net = boost::asio;
using ::testing::HasSubstr;

/// Answers every request with the address that it is from.
class AddressEcho final : public MirrorSite {
 public:
  net::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.body = "from " + request.peer + " for " + request.authority + ".";
    co_return answer;
  }
  std::variant<AttachGrant, Answer> attach(const Request& request) override {
    Answer answer;
    answer.status = 403;
    answer.body = "no connector from " + request.peer + ".";
    return answer;
  }
};

class ProxiedRequests : public RawEdgeTest {
 protected:
  ProxiedRequests() : RawEdgeTest(mirror_) {
    options_.encrypted = false;
    options_.proxies = {{parse_ip_range("127.0.0.1").value()}, false};
  }
  static std::string request(const std::string& more, const char* method = "GET") {
    return std::string(method) + " /a?b=c HTTP/1.1\r\nHost: vm.localhost:8443\r\n" + more + "\r\n";
  }
  std::string ask(const std::string& text) {
    RawClient client(port());
    client.say(text);
    return client.hear().value_or("no end");
  }

  AddressEcho mirror_;
};

TEST_F(ProxiedRequests, AreTheClients) {
  start();
  EXPECT_THAT(ask(request("Connection: close\r\nX-Forwarded-For: 192.0.2.7\r\n")),
              HasSubstr("from 192.0.2.7 for vm.localhost:8443."));
  EXPECT_THAT(ask(request("Connection: close\r\nForwarded: for=\"[2001:db8::7]\";proto=https\r\n")),
              HasSubstr("from 2001:db8::7 for"));
  EXPECT_THAT(ask(request("Connection: close\r\n")), HasSubstr("from 127.0.0.1 for"));
}

TEST_F(ProxiedRequests, OfOneConnectionAreOfManyClients) {
  start();
  const auto heard = ask(request("X-Forwarded-For: 192.0.2.7\r\n") +
                         request("X-Forwarded-For: 192.0.2.8\r\n") + request("Connection: close\r\n"));
  EXPECT_THAT(heard, HasSubstr("from 192.0.2.7 for"));
  EXPECT_THAT(heard, HasSubstr("from 192.0.2.8 for"));
  EXPECT_THAT(heard, HasSubstr("from 127.0.0.1 for"));
}

TEST_F(ProxiedRequests, ForTunnelsAreTheClientsToo) {
  start();
  const std::string upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
      "AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  EXPECT_THAT(ask(request(upgrade + "X-Forwarded-For: 192.0.2.7\r\n")),
              HasSubstr("no tunnel from 192.0.2.7."));
}

TEST_F(ProxiedRequests, ToAttachAreTheConnectors) {
  start();
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: cfpipe-connector/1\r\n";
  const auto heard = ask(request(upgrade + "X-Forwarded-For: 192.0.2.7\r\n"));
  EXPECT_THAT(heard, HasSubstr("HTTP/1.1 403 "));
  EXPECT_THAT(heard, HasSubstr("no connector from 192.0.2.7."));
  EXPECT_THAT(ask(request(upgrade + "X-Forwarded-Proto: http\r\n")), HasSubstr("HTTP/1.1 308 "))
      << "the proxy has it in the clear";
}

/// A request for / over HTTP/2 that a proxy passes on for a client.
std::string http2_request(const std::string& client) {
  const auto literal = [](const std::string& text) { return static_cast<char>(text.size()) + text; };
  const std::string authority = "\x41" + literal("vm.localhost");
  const std::string forwarded = std::string(1, '\0') + literal("x-forwarded-for") + literal(client);
  const auto flags = testing::kEndHeaders | testing::kEndStream;
  const std::string head = "\x82\x87\x84" + authority + forwarded;  // GET, https, / (RFC 7541 A)
  return testing::frame(testing::kSettings, 0, 0, "") +
         testing::frame(testing::kHeaders, static_cast<std::uint8_t>(flags), 1, head);
}

TEST_F(ProxiedRequests, MayComeOverHttp2WithPriorKnowledge) {
  start();
  const std::string all = testing::kMagic + http2_request("192.0.2.7");
  for (const std::size_t cut : {std::size_t{1}, std::size_t{23}, std::size_t{24}, all.size() - 1}) {
    RawClient client(port());
    client.say(all.substr(0, cut));
    client.say(all.substr(cut));
    EXPECT_THAT(client.hear_until("for vm.localhost."), HasSubstr("from 192.0.2.7 for vm.localhost."));
  }
}

TEST_F(ProxiedRequests, ThatBeginAlmostAsHttp2AreNone) {
  options_.timeouts.request = std::chrono::milliseconds(500);
  start();
  EXPECT_THAT(ask("PRI * HTTP/2.0\r\n\r\nSMALL\r\n\r\n"), HasSubstr("HTTP/1.1 400 "));
  EXPECT_EQ(ask("PRI * HTTP/2.0\r\n\r\nSM"), "") << "it is closed after the time of a request";
  EXPECT_EQ(ask(""), "");
}

TEST_F(ProxiedRequests, OverHttp2FromElsewhereSpeakForThemselves) {
  options_.proxies = {};
  start();
  RawClient client(port());
  client.say(testing::kMagic + http2_request("192.0.2.7"));
  EXPECT_THAT(client.hear_until("for vm.localhost."), HasSubstr("from 127.0.0.1 for vm.localhost."));
}

TEST_F(ProxiedRequests, WithHeadersThatHideTheClientAreRefused) {
  start();
  EXPECT_THAT(ask(request("Forwarded: for=\"\r\n")), HasSubstr("HTTP/1.1 400 "));
  EXPECT_THAT(ask(request("X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.8\r\n")),
              HasSubstr("name different clients"));
}

TEST_F(ProxiedRequests, ThatCameInTheClearAreSentToHttps) {
  start();
  const std::string clear = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n";
  const auto heard = ask(request(clear));
  EXPECT_THAT(heard, HasSubstr("HTTP/1.1 308 "));
  EXPECT_THAT(heard, HasSubstr("Location: https://vm.localhost:8443/a?b=c\r\n"));
  EXPECT_THAT(ask(request(clear + "Content-Length: 0\r\n", "POST")), HasSubstr("HTTP/1.1 403 "));
}

TEST_F(ProxiedRequests, InEarlyDataAreAskedForAgain) {
  start();
  EXPECT_THAT(ask(request("Early-Data: 1\r\n")), HasSubstr("HTTP/1.1 425 "));
}

TEST_F(ProxiedRequests, FromElsewhereSpeakForThemselves) {
  options_.proxies = {{parse_ip_range("192.0.2.0/24").value()}, false};
  start();
  EXPECT_THAT(ask(request("Connection: close\r\nX-Forwarded-For: 192.0.2.7\r\nForwarded: for=\"\r\n")),
              HasSubstr("from 127.0.0.1 for"));
}

TEST_F(ProxiedRequests, MayFollowAHeaderOfTheProxyProtocol) {
  options_.proxies.proxy_protocol = true;
  start();
  const std::string header = "PROXY TCP4 192.0.2.7 198.51.100.9 50000 443\r\n";
  EXPECT_THAT(ask(header + request("Connection: close\r\nX-Forwarded-For: 192.0.2.9\r\n")),
              HasSubstr("from 192.0.2.7 for"))
      << "the header says it, not the client";
  EXPECT_EQ(ask(request("X-Forwarded-For: 192.0.2.9\r\n")), "");
}

TEST_F(ProxiedRequests, MayBeEncryptedAgain) {
  options_.encrypted = true;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  client.say(request("Connection: close\r\nX-Forwarded-For: 192.0.2.7\r\n"));
  EXPECT_THAT(client.hear().value_or(""), HasSubstr("from 192.0.2.7 for"));
}

TEST(PlainRequests, AreOfProxiesAndOfThisMachine) {
  const auto answer_to = [](const char* from) {
    OccasionalLine faults;
    Request request;
    ClientSource source;
    source.ends.client = {net::ip::make_address(from), 5000};
    source.encrypted = false;
    const auto refusal = name_client(request, source, faults);
    EXPECT_EQ(request.peer, from);
    return refusal ? refusal->status : 0;
  };
  EXPECT_EQ(answer_to("127.0.0.2"), 0);
  EXPECT_EQ(answer_to("::1"), 0);
  EXPECT_EQ(answer_to("192.0.2.7"), 403);
}

TEST(ClientSource, TellsAnOriginOfTheClientThatWasNamed) {
  ClientSource source;
  source.ends = {{net::ip::make_address("192.0.2.1"), 5000}, {net::ip::make_address("192.0.2.2"), 8080}};
  Request request;
  request.peer = "192.0.2.1";
  EXPECT_EQ(ends_for(request, source), source.ends);
  request.peer = "2001:db8::7";
  EXPECT_EQ(ends_for(request, source).client.address().to_string(), "2001:db8::7");
  EXPECT_EQ(ends_for(request, source).client.port(), 0);
  EXPECT_EQ(ends_for(request, source).edge, source.ends.edge);
}

}  // namespace
}  // namespace cfpipe::edge
