// The end of a server whose timers are due.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ctime>
#include <thread>

#include "edge/listener/server.h"
#include "edge/mirror_site.h"
#include "edge/process/dev_tls.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {
using namespace std::chrono_literals;

// They are in the loop's queue, all at once, when the first of them takes the server away.
TEST(ServerEnd, FindsTimersThatAreDueWithoutIt) {
  const TempDir dir;
  const auto tls = prepare_dev_tls(dir / "state", {"vm.localhost"}, std::time(nullptr)).value();
  MirrorSite mirror;
  net::io_context loop{1};
  ControlPlane site{loop.get_executor(), mirror, mirror};
  ServerOptions options;
  options.listen = {net::ip::address_v4::loopback(), 0};
  options.certificate_file = tls.certificate_file;
  options.key_file = tls.key_file;
  options.threads = 2;
  options.memory = std::make_shared<MemoryBudget>();
  auto server = Server::open(loop.get_executor(), options, site).value();
  net::co_spawn(loop, server->run(), net::detached);
  loop.poll();
  net::steady_timer first(loop, net::steady_timer::time_point());
  bool ended = false;
  first.async_wait([&](const boost::system::error_code&) {
    server.reset();
    ended = true;
  });
  server->stop(-1h);  // both of its timers are due as well
  while (!ended) loop.poll();
  loop.restart();
  loop.poll();
  EXPECT_EQ(server, nullptr);
}

}  // namespace
}  // namespace cfpipe::edge
