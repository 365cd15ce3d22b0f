// Who may stand in front of the edge, as a configuration says it.
#include "edge/config/config.h"
#include "edge/config_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kListen = "listen: 10.0.0.2:443\n";
constexpr const char* kTls = "tls: {certificate: /etc/cert.pem, key: /etc/key.pem}\n";
constexpr const char* kRest = R"(auth_domain: auth.example.com
state: /var/lib/cfpipe
identity_provider: {type: oidc, issuer: https://idp.example.com, client_id: cfpipe}
applications:
  - hostname: vm.example.com
    service: ssh://10.0.0.5
    policies: [{name: staff, decision: allow, include: [{email_domain: example.com}]}]
)";

LoadedConfig with(const std::string& lines, const char* listen = kListen, const char* tls = kTls) {
  return parse_config(listen + lines + tls + kRest);
}

TrustedProxies good(const std::string& lines) {
  const LoadedConfig loaded = with(lines);
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.front();
  return loaded.config.proxies;
}

TEST(ConfigProxies, AreThoseThatItNames) {
  EXPECT_TRUE(good("").ranges.empty());
  EXPECT_FALSE(good("").proxy_protocol);
  const TrustedProxies proxies = good("trusted_proxies: [10.0.0.5, '2001:db8:1::/48']\n");
  EXPECT_TRUE(proxies.proxy_protocol) << "how else would they name a client in front of TLS?";
  EXPECT_TRUE(proxies.contains(parse_ip("10.0.0.5").value()));
  EXPECT_TRUE(proxies.contains(boost::asio::ip::make_address("::ffff:10.0.0.5")));
  EXPECT_TRUE(proxies.contains(parse_ip("2001:db8:1::9").value()));
  EXPECT_FALSE(proxies.contains(parse_ip("10.0.0.6").value()));
  EXPECT_FALSE(good("trusted_proxies: [10.0.0.5]\nproxy_protocol: false\n").proxy_protocol);
  EXPECT_TRUE(good("trusted_proxies: []\n").ranges.empty());
}

TEST(ConfigProxies, MayEndTls) {
  const LoadedConfig loaded = with("trusted_proxies: [10.0.0.5]\n", "listen: http://10.0.0.2:8080\n", "");
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.front();
  EXPECT_TRUE(loaded.config.plain_http);
  EXPECT_EQ(loaded.config.listen->port(), 8080);
  EXPECT_FALSE(loaded.config.proxies.proxy_protocol) << "requests have headers";
  EXPECT_TRUE(
      with("trusted_proxies: [10.0.0.5]\nproxy_protocol: true\n", "listen: http://10.0.0.2:8080\n", "")
          .config.proxies.proxy_protocol);
}

TEST(ConfigProxies, ThatAreNotNamedAreWarnedOfWherePlainHttpIsLoopbacks) {
  const LoadedConfig loaded = with("", "listen: http://127.0.0.1:8080\n");
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  ASSERT_EQ(loaded.warnings.size(), 2u);
  EXPECT_NE(loaded.warnings[0].find("every client has the address of the proxy"), std::string::npos);
  EXPECT_NE(loaded.warnings[1].find("'tls' is not used"), std::string::npos);
  EXPECT_TRUE(loaded.config.certificate_file.empty());
}

TEST(ConfigProxies, MayConnectToAUnixDomainSocket) {
  const LoadedConfig loaded = with("trusted_proxies: [unix, 10.0.0.5]\nlisten_group: www-data\n",
                                   "listen: unix:/run/edge/http.sock\n", "");
  EXPECT_TRUE(loaded.faults.empty()) << loaded.faults.front().text;
  EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings.front();
  EXPECT_TRUE(loaded.config.plain_http);
  EXPECT_EQ(loaded.config.listen, Listener::at_path("/run/edge/http.sock", "www-data"));
  EXPECT_TRUE(loaded.config.proxies.unix_socket);
  EXPECT_FALSE(loaded.config.proxies.proxy_protocol);
  EXPECT_TRUE(loaded.config.proxies.contains(parse_ip("10.0.0.5").value()));
}

struct ProxyFaultCase {
  const char* name;
  const char* listen;
  const char* lines;
  int line;
  const char* says;
};
void PrintTo(const ProxyFaultCase& one, std::ostream* out) {
  *out << one.name;
}
class ConfigProxyFaults : public ::testing::TestWithParam<ProxyFaultCase> {};

TEST_P(ConfigProxyFaults, AreNamedWithTheirLine) {
  const ProxyFaultCase& test = GetParam();
  const LoadedConfig loaded = with(test.lines, test.listen);
  ASSERT_EQ(loaded.faults.size(), 1u);
  EXPECT_EQ(loaded.faults[0].line, test.line);
  EXPECT_NE(loaded.faults[0].text.find(test.says), std::string::npos) << loaded.faults[0].text;
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigProxyFaults,
    ::testing::Values(
        ProxyFaultCase{"Name", kListen, "trusted_proxies: [lb.example.com]\n", 2,
                       "ADDRESS or ADDRESSES/BITS"},
        ProxyFaultCase{"HostBits", kListen, "trusted_proxies: [10.0.0.5/24]\n", 2,
                       "ADDRESS or ADDRESSES/BITS"},
        ProxyFaultCase{"NoList", kListen, "trusted_proxies: 10.0.0.5\n", 2, "must be a list of at most 64"},
        ProxyFaultCase{"Everywhere", kListen, "trusted_proxies: [0.0.0.0/0]\n", 2,
                       "must not be all addresses"},
        ProxyFaultCase{"Everywhere6", kListen, "trusted_proxies: ['::/0']\n", 2, "must not be all addresses"},
        ProxyFaultCase{"NoFlag", kListen, "trusted_proxies: [10.0.0.5]\nproxy_protocol: v2\n", 3,
                       "must be true or false"},
        ProxyFaultCase{"ProxyProtocolOfNone", kListen, "proxy_protocol: true\n", 2,
                       "needs 'trusted_proxies'"},
        ProxyFaultCase{"PlainHttpForEverybody", "listen: http://0.0.0.0:8080\n", "", 1,
                       "needs 'trusted_proxies'"},
        ProxyFaultCase{"PlainHttpForEmptyList", "listen: http://0.0.0.0:8080\n", "trusted_proxies: []\n", 1,
                       "needs 'trusted_proxies'"},
        ProxyFaultCase{"PlainHttpWithoutAPort", "listen: http://127.0.0.1\n", "", 1,
                       "must be http://ADDRESS:PORT"},
        ProxyFaultCase{"PlainHttpOfAName", "listen: http://localhost:8080\n", "", 1,
                       "must be http://ADDRESS:PORT"},
        ProxyFaultCase{"PlainHttpWithAPath", "listen: http://127.0.0.1:8080/\n", "", 1,
                       "must be http://ADDRESS:PORT"},
        ProxyFaultCase{"SocketWithoutConsent", "listen: unix:/run/edge/http.sock\n", "", 1,
                       "needs 'trusted_proxies: [unix]'"},
        ProxyFaultCase{"SocketWithoutItsConsent", "listen: unix:/run/edge/http.sock\n",
                       "trusted_proxies: [127.0.0.1]\n", 1, "needs 'trusted_proxies: [unix]'"},
        ProxyFaultCase{"ConsentWithoutASocket", "listen: http://127.0.0.1:8080\n",
                       "trusted_proxies: [unix]\n", 2, "is for 'listen: unix:/PATH'"},
        ProxyFaultCase{"ConsentInFrontOfTls", kListen, "trusted_proxies: [unix]\n", 2,
                       "is for 'listen: unix:/PATH'"},
        ProxyFaultCase{"SocketWithoutAPath", "listen: 'unix:'\n", "trusted_proxies: [unix]\n", 1,
                       "must be unix: and an absolute path of at most 107"},
        ProxyFaultCase{"SocketOfARelativePath", "listen: unix:edge.sock\n", "trusted_proxies: [unix]\n", 1,
                       "must be unix: and an absolute path"},
        ProxyFaultCase{"GroupWithoutASocket", kListen, "listen_group: www-data\n", 2,
                       "is for 'listen: unix:/PATH'"},
        ProxyFaultCase{"OtherScheme", "listen: https://127.0.0.1:8443\n", "", 1, "must be ADDRESS:PORT"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace cfpipe::edge
