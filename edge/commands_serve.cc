#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>

#include "edge/access_site.h"
#include "edge/capacity.h"
#include "edge/commands.h"
#include "edge/server.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// How long open tunnels may go on after SIGTERM.
constexpr std::chrono::milliseconds kDrain{30'000};
constexpr std::chrono::milliseconds kDevDrain{500};
/// And how long they get to say so once they are cut.
constexpr std::chrono::milliseconds kLastWords{2'000};

std::int64_t wall_clock() {
  return std::time(nullptr);
}

/// Ends the event loop once nothing is left to serve: after SIGTERM or SIGINT tunnels may finish, for a
/// while. A second signal ends them at once.
class Ending {
 public:
  Ending(net::io_context& io, Server& server, AccessSite& site, std::chrono::milliseconds drain)
      : io_(io), server_(server), site_(site), drain_(drain), signals_(io, SIGTERM, SIGINT), deadline_(io) {
    site_.on_idle([this] { end_if_idle(); });
    wait();
  }
  ~Ending() { site_.on_idle({}); }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  /// The listener takes no more connections.
  void listener_ended() {
    ended_ = true;
    deadline_.expires_after(drain_ + kLastWords);
    deadline_.async_wait([this](const boost::system::error_code& error) {
      if (!error) io_.stop();
    });
    end_if_idle();
  }

 private:
  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      spdlog::info("stopping: {}", number == SIGINT ? "interrupted" : "asked to end");
      if (ended_) return io_.stop();
      server_.stop(drain_);
      wait();
    });
  }
  /// Polls of the transfer store may wait on: nobody is there to be answered.
  void end_if_idle() {
    if (ended_ && site_.open_tunnels() == 0) net::post(io_, [this] { io_.stop(); });
  }

  net::io_context& io_;
  Server& server_;
  AccessSite& site_;
  std::chrono::milliseconds drain_;
  net::signal_set signals_;
  net::steady_timer deadline_;
  bool ended_ = false;
};

/// Looks regularly for what other processes have revoked, and for tunnels whose time is up.
class Watch {
 public:
  Watch(net::io_context& io, AccessSite& site) : timer_(io), site_(site) { wait(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void wait() {
    timer_.expires_after(kRevocationPoll);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      site_.end_tunnels_that_must();
      wait();
    });
  }
  net::steady_timer timer_;
  AccessSite& site_;
};

std::size_t affordable_connections() {
  const std::size_t descriptors = raise_descriptor_limit();
  const std::size_t fit = connections_for(descriptors);
  if (fit < kMaxConnections) {
    spdlog::warn(
        "{} open files are allowed: no more than {} tunnels at once; {} need a limit of {} (LimitNOFILE, "
        "ulimit -n)",
        descriptors, fit, kMaxConnections, kMaxConnections * kDescriptorsPerTunnel + kOwnDescriptors);
  }
  return fit;
}

/// The key may be shared with root or a group that renews certificates, and belongs to nobody else.
void look_at_private_key(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IRWXO) != 0)
    spdlog::warn("{}: everybody on this machine can use this private key; chmod o= it, and get another",
                 path);
}

void announce(const Config& config, const AccessSite& site, std::uint16_t port, bool dev) {
  const bool v6 = config.listen_address.find(':') != std::string::npos;
  const std::string address = v6 ? "[" + config.listen_address + "]" : config.listen_address;
  for (const ApplicationConfig& app : config.applications)
    spdlog::info("serving {} from {}:{}", app.hostname, app.origin_host, app.origin_port);
  spdlog::info("listening on {}:{}, sign-in at https://{}", address, port, site.auth_authority());
  if (dev) {
    spdlog::info("clients need: --auth-domain {} --ca-file {}/tls-ca.pem", config.auth_host,
                 config.state_dir);
    spdlog::info("anybody on this machine can sign in with any address of the same domain as {}",
                 config.dev_email);
  }
  std::printf("ready %s:%u\n", address.c_str(), static_cast<unsigned>(port));
  std::fflush(stdout);
}

}  // namespace

int serve(const Config& config, bool dev) {
  std::signal(SIGPIPE, SIG_IGN);
  net::io_context io(1);
  auto state = open_sqlite_state(config.state_dir);
  if (!state) return complain(state.error());
  auto site = AccessSite::make(io.get_executor(), config, **state, &wall_clock);
  if (!site) return complain(site.error());
  look_at_private_key(config.key_file);
  ServerOptions options;
  options.listen = {net::ip::make_address(config.listen_address), config.listen_port};
  options.certificate_file = config.certificate_file;
  options.key_file = config.key_file;
  options.max_connections = affordable_connections();
  options.threads = config.threads > 0 ? config.threads : usable_processors();
  SiteLoop site_loop(io.get_executor(), **site);
  auto server = Server::open(io.get_executor(), options, site_loop);
  if (!server) return complain(server.error());
  if (dev || config.listen_port == 0) (*site)->set_public_port((*server)->port());
  Ending ending(io, **server, **site, dev ? kDevDrain : kDrain);
  Watch watch(io, **site);
  int status = kOk;
  net::co_spawn(io, (*server)->run(), [&](const std::exception_ptr& error) {
    if (error) {
      spdlog::critical("the listener failed");
      status = kUnavailable;
    }
    ending.listener_ended();
  });
  announce(config, **site, (*server)->port(), dev);
  // What is wrong with the provider is for the log: it may well come up after the edge.
  net::co_spawn(io, (*site)->look_at_provider(), [](const std::exception_ptr& error) {
    if (error) spdlog::error("the identity provider could not be looked at");
  });
  io.run();
  // The tunnels that were cut are told to the site's loop, which takes note of them before it goes itself.
  server->reset();
  do io.restart();
  while (io.poll() > 0);
  spdlog::info("ended");
  return status;
}

}  // namespace cfpipe::edge
