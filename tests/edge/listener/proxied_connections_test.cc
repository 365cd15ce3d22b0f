// Connections that come through trusted proxies: their header of the PROXY protocol says who the client is.
#include <gmock/gmock.h>

#include "edge/http/proxy_header.h"
#include "edge/mirror_site.h"
#include "edge/raw_client.h"

namespace cfpipe::edge {
namespace {
namespace net = boost::asio;
using namespace std::chrono_literals;

constexpr const char* kProxiedRequest = "GET / HTTP/1.1\r\nHost: vm.localhost\r\nConnection: close\r\n\r\n";
const std::string kLine = "PROXY TCP4 192.0.2.7 198.51.100.9 50000 443\r\n";

class ProxiedConnections : public RawEdgeTest {
 protected:
  ProxiedConnections() : RawEdgeTest(mirror_) { trust("127.0.0.1"); }
  void trust(const char* range) { options_.proxies = {{parse_ip_range(range).value()}, true}; }
  /// All that the edge says in plain text.
  static std::string ask(RawClient& client) {
    if (!client.handshake("http/1.1")) return "no TLS";
    client.say(kProxiedRequest);
    return client.hear().value_or("no end");
  }
  std::string ask_behind(std::string_view header, std::size_t step = 1000) {
    RawClient client(port());
    for (; !header.empty(); header.remove_prefix(std::min(step, header.size())))
      client.say(header.substr(0, step));
    return ask(client);
  }

  MirrorSite mirror_;
};

using ::testing::HasSubstr;

TEST_F(ProxiedConnections, AreTheClients) {
  start();
  EXPECT_THAT(ask_behind(kLine), HasSubstr("from 192.0.2.7."));
  EXPECT_THAT(ask_behind(kLine, 1), HasSubstr("from 192.0.2.7.")) << "byte by byte";
  const auto v6 = net::ip::make_address("2001:db8::7");
  EXPECT_THAT(ask_behind(proxy_header({{v6, 1}, {v6, 2}})), HasSubstr("from 2001:db8::7."));
}

TEST_F(ProxiedConnections, AreTheProxysWhereItNamesNoClient) {
  start();
  EXPECT_THAT(ask_behind("PROXY UNKNOWN\r\n"), HasSubstr("from 127.0.0.1."));
  EXPECT_THAT(ask_behind(proxy_header({})), HasSubstr("from 127.0.0.1."));
}

TEST_F(ProxiedConnections, AreClosedWithoutAHeader) {
  start();
  EXPECT_EQ(ask_behind(""), "no TLS");
  RawClient plain(port());
  plain.say(kProxiedRequest);
  EXPECT_EQ(plain.hear(), "");
}

TEST_F(ProxiedConnections, AreClosedWhenTheHeaderDoesNotCome) {
  options_.timeouts.proxy_header = 100ms;
  start();
  EXPECT_EQ(RawClient(port()).hear(), "");
  RawClient half(port());
  half.say(kLine.substr(0, 20));
  EXPECT_EQ(half.hear(), "");
}

TEST_F(ProxiedConnections, MayComeAndGoAtOnce) {
  start();
  for (int i = 0; i < 3; ++i) {
    const RawClient gone(port());
  }
  EXPECT_THAT(ask_behind(kLine), HasSubstr("from 192.0.2.7."));
}

TEST_F(ProxiedConnections, AreOfTrustedProxiesAlone) {
  trust("192.0.2.0/24");
  start();
  EXPECT_EQ(ask_behind(kLine), "no TLS") << "its own address is no better for being claimed";
  EXPECT_THAT(ask_behind(""), HasSubstr("from 127.0.0.1."));
}

TEST_F(ProxiedConnections, CountForTheClientsAddress) {
  options_.max_connections_per_address = 1;
  start();
  RawClient first(port());
  first.say(kLine);
  ASSERT_TRUE(first.handshake("http/1.1"));
  EXPECT_EQ(ask_behind(kLine), "no TLS");
  EXPECT_EQ(server_->refused_connections(), 1u);
  EXPECT_THAT(ask_behind("PROXY TCP4 192.0.2.8 198.51.100.9 50000 443\r\n"), HasSubstr("from 192.0.2.8."));
}

TEST_F(ProxiedConnections, FollowAnotherConfiguration) {
  start();
  EXPECT_THAT(ask_behind(kLine), HasSubstr("from 192.0.2.7."));
  server_->trust({});
  // What the server's thread takes in the same batch as the connection before goes by what was before.
  std::string said = ask_behind("");
  for (int again = 0; again < 100 && said == "no TLS"; ++again) said = ask_behind("");
  EXPECT_THAT(said, HasSubstr("from 127.0.0.1."));
}

}  // namespace
}  // namespace cfpipe::edge
