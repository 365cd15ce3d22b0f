#include "edge/tunnel/origin.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>

#include "support/hosts.h"

namespace {

// What answers for this name says that it is the edge's own machine.
constexpr const char* kRebindingName = "rebinds.test";
std::string last_asked;

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** list) {
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string asked = name == nullptr ? "" : name;
  const bool rebinds = asked == kRebindingName || asked == std::string(kRebindingName) + ".";
  if (rebinds) last_asked = asked;
  return real(rebinds ? "127.0.0.1" : name, service, hints, list);
}

namespace cfpipe::edge {
namespace {

namespace net = boost::asio;

class NamedOrigin : public ::testing::Test {
 protected:
  /// The status of the answer, or 0 for a connection.
  int dial(const std::string& host, NamedBy named_by) {
    const TcpOrigin origin("vm.localhost", transport::host_of(host), listener_.local_endpoint().port(),
                           named_by);
    std::optional<std::variant<OriginSocket, Answer>> out;
    const auto run = [&]() -> net::awaitable<void> { out.emplace(co_await origin.dial(grant_, ends_)); };
    net::co_spawn(loop_, run, net::detached);
    loop_.restart();
    loop_.run();
    const auto* answer = std::get_if<Answer>(&*out);
    if (answer != nullptr) said_ = answer->body;
    return answer == nullptr ? 0 : answer->status;
  }

  net::io_context loop_;
  net::ip::tcp::acceptor listener_{loop_, {net::ip::address_v4::loopback(), 0}};
  const TunnelGrant grant_;
  ConnectionEnds ends_{};
  std::string said_;
};

TEST_F(NamedOrigin, ANameThatAClientAskedForDoesNotLeadToLoopback) {
  EXPECT_EQ(dial(kRebindingName, NamedBy::destination), 502);
  EXPECT_NE(said_.find("leads to no address that it may"), std::string::npos) << said_;
}

TEST_F(NamedOrigin, NorDoesOneThatIsMadeOfTheHostThatAClientAskedFor) {
  EXPECT_EQ(dial(kRebindingName, NamedBy::pattern), 502);
  EXPECT_NE(said_.find("leads to no address that it may"), std::string::npos) << said_;
  EXPECT_EQ(last_asked, "rebinds.test.") << "search domains do not count";
  EXPECT_EQ(dial("vm.servers.localhost", NamedBy::pattern), 0) << "the configuration names localhost";
}

TEST_F(NamedOrigin, TheConfigurationsOwnNamesAndAddressesDo) {
  EXPECT_EQ(dial(kRebindingName, NamedBy::configuration), 0) << "an application's service";
  EXPECT_EQ(last_asked, kRebindingName);
  EXPECT_EQ(dial("127.0.0.1", NamedBy::destination), 0) << "an address that a range allows";
  EXPECT_EQ(dial("db.localhost", NamedBy::destination), 0) << "a listed name that means loopback";
}

}  // namespace
}  // namespace cfpipe::edge
