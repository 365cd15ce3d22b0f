#include "transport/dial/dialer.h"

#include <dlfcn.h>
#include <netdb.h>

#include <condition_variable>
#include <mutex>

#include "loopback.h"
#include "support/hosts.h"
#include "transport/net/resolve.h"

namespace {

// A resolver that hangs on one name until it is let go; all others are asked of the system.
constexpr const char* kHangingName = "hangs.test";
std::mutex hanging_mutex;
std::condition_variable hanging_change;
bool let_go = false;
int returned = 0;
int asked_in_vain = 0;

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** list) {
  if (name != nullptr && std::string_view(name) == kHangingName) {
    std::unique_lock lock(hanging_mutex);
    hanging_change.wait(lock, [] { return let_go; });
    ++returned;
    hanging_change.notify_all();
    return EAI_NONAME;
  }
  if (name != nullptr && std::string_view(name) == "unknown.test") return EAI_NONAME;
  if (name != nullptr && std::string_view(name) == "later.test") return EAI_AGAIN;
  if (name != nullptr && std::string_view(name).ends_with(".invalid")) ++asked_in_vain;
  using Real = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, list);
}

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using namespace std::chrono_literals;

class DialerTest : public testing::LoopbackTest {
 protected:
  // Empty: connected.
  static net::awaitable<std::string> failure_of(Url where, DialOptions how) {
    const auto socket = co_await dial_tcp(where, how);
    co_return socket ? std::string() : socket.error().detail;
  }
};

TEST_F(DialerTest, TheDeadlineOfALookupHoldsAlthoughTheSystemHangs) {
  const auto found = *run(resolve(transport::host_of(kHangingName), 443, 30ms));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().stage, Stage::dns);
  EXPECT_EQ(found.error().cause, Cause::timed_out);
  // Another lookup does not wait behind it.
  const auto unknown = *run(resolve(transport::host_of("unknown.test"), 443, 20s));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().cause, Cause::name_not_found);
  std::unique_lock lock(hanging_mutex);
  let_go = true;
  hanging_change.notify_all();
  EXPECT_TRUE(hanging_change.wait_for(lock, 20s, [] { return returned == 1; }));
}

TEST_F(DialerTest, TellsNamesThatAreNotThereFromAResolverThatIsNot) {
  const auto cause_of = [this](std::string_view name) {
    return run(resolve(transport::host_of(name), 443, 20s))->error().cause;
  };
  EXPECT_EQ(cause_of("unknown.test"), Cause::name_not_found);
  EXPECT_EQ(cause_of("later.test"), Cause::lookup_failed);
  EXPECT_EQ(cause_of("never.invalid"), Cause::name_not_found);
  EXPECT_EQ(asked_in_vain, 0);
}

TEST_F(DialerTest, NeedsNoResolverForLiteralsAndLocalhost) {
  const auto local = *run(resolve(transport::host_of("a.b.localhost"), 8443, 1s));
  ASSERT_TRUE(local);
  for (const auto& endpoint : *local) {
    EXPECT_TRUE(endpoint.address().is_loopback());
    EXPECT_EQ(endpoint.port(), 8443);
  }
  const auto literal = *run(resolve(transport::host_of("2001:db8::1"), 22, 1s));
  ASSERT_TRUE(literal);
  EXPECT_EQ(literal->size(), 1U);
  EXPECT_TRUE(literal->front().address().is_v6());
}

TEST_F(DialerTest, ConnectToKeepsThePortOfTheUrlWhereItNamesNone) {
  auto where = url();
  where.host = transport::host_of("unknown.invalid");
  for (const std::string& to : {std::string("127.0.0.1"), "127.0.0.1:" + std::to_string(where.port)}) {
    options.connect_to = *Authority::parse(to);
    EXPECT_EQ(*run(failure_of(where, options)), "") << to;
  }
  options.connect_to = *Authority::parse("[::1]");
  const auto refused = *run(failure_of(where, options));
  EXPECT_NE(refused.find("[::1]:" + std::to_string(where.port)), std::string::npos) << refused;
}

}  // namespace
}  // namespace cfpipe::transport
