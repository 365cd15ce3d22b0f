// `run`: attaches, serves tunnels, until it is told to end.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/platform/descriptor_limit.h"
#include "base/platform/network_watch.h"
#include "base/platform/sandbox.h"
#include "base/platform/suspend_time.h"
#include "connector/command/commands.h"
#include "connector/command/metrics.h"
#include "connector/config/messages.h"
#include "connector/link/links.h"
#include "connector/tunnel/front.h"
#include "service/systemd.h"
#include "transport/http2/flow_control.h"

namespace cfpipe::connector {
namespace net = boost::asio;
namespace {

using std::chrono::milliseconds;

/// How often the loop says that it turns, and looks whether this machine was asleep.
constexpr milliseconds kTick{2'000};
/// A sleep that is noticed.
constexpr milliseconds kSleep{1'000};
/// Between the announcement of the end and the end of new tunnels (RFC 9113 6.8): a long round trip.
constexpr milliseconds kAnnounced{1'000};
/// Bytes by which the receive windows of all tunnels may grow together: what origins that do not read may
/// have this process hold, beyond the windows that each tunnel begins with.
constexpr std::size_t kWindowBytes = 256 * 1024 * 1024;
/// How long connections may take to end once no tunnel is left.
constexpr milliseconds kLastWords{1'000};

std::shared_ptr<const TunnelRules> rules_of(const Config& config) {
  return std::make_shared<const TunnelRules>(TunnelRules{config.origins, config.per_user_addresses});
}

std::string listed(const AllowList& list) {
  std::string out;
  for (const AllowedOrigin& entry : list.entries()) out += (out.empty() ? "" : ", ") + entry.text;
  return out;
}

/// Null: there is none, and none is needed by one that listens. Stage::state.
Result<std::shared_ptr<const Enrolment>> enrolment_of(const Options& options, const Config& config) {
  const auto enrolled = has_enrolment(options.state_dir);
  if (config.listen && enrolled && !*enrolled) return std::shared_ptr<const Enrolment>();
  auto enrolment = load_enrolment(options.state_dir);
  if (!enrolment) return enrolment.error();
  return std::make_shared<const Enrolment>(std::move(*enrolment));
}

/// A running connector.
class Service {
 public:
  Service(Options options, Config config, transport::DialOptions dial,
          std::shared_ptr<const Enrolment> enrolment);
  int run();

 private:
  void on_signal(int number);
  void wait_for_signal();
  void reload();
  void begin_end();
  void stop_taking();
  void end_soon();
  void tick();
  void tell();
  Result<void> monitor();
  Result<void> listen();
  void say_hello() const;
  LinkCounts links() const { return links_ ? links_->counts() : LinkCounts(); }
  bool serves() const { return links_ ? links().attached > 0 : front_ != nullptr; }
  bool links_are_over() const { return !links_ || (links().attached == 0 && links_->idle()); }
  service::MonitorAnswer monitoring(std::string_view path) const;

  const Options options_;
  Config config_;
  std::shared_ptr<const Enrolment> enrolment_;
  const service::ServiceManager manager_;
  net::io_context io_{1};
  net::signal_set signals_;
  net::steady_timer tick_timer_;
  net::steady_timer end_timer_;
  std::shared_ptr<TunnelServer> tunnels_;
  std::shared_ptr<Links> links_;  ///< null: there is no enrolment, and `listen` alone is served
  std::unique_ptr<Front> front_;
  std::unique_ptr<service::MonitorServer> monitor_;
  milliseconds suspended_ = time_suspended();
  std::string told_;
  bool ready_ = false;
  bool ending_ = false;
  int status_ = kOk;
};

Service::Service(Options options, Config config, transport::DialOptions dial,
                 std::shared_ptr<const Enrolment> enrolment)
    : options_(std::move(options)),
      config_(std::move(config)),
      enrolment_(std::move(enrolment)),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      tick_timer_(io_),
      end_timer_(io_) {
  tunnels_ = std::make_shared<TunnelServer>(io_.get_executor(), rules_of(config_));
  if (!enrolment_) return;
  Links::Setup setup;
  setup.dial = std::move(dial);
  setup.enrolment = enrolment_;
  setup.tunnels = tunnels_;
  if (options_.extra_idle > 0) setup.extra_idle = std::chrono::seconds(options_.extra_idle);
  setup.on_change = [this] { tell(); };
  if (options_.once)
    setup.on_failure = [this](const Failure& failure) {
      status_ = words_for(failure).status;
      io_.stop();
    };
  links_ = std::make_shared<Links>(io_.get_executor(), std::move(setup));
}

Result<void> Service::monitor() {
  if (!config_.metrics) return {};
  auto opened = open_monitoring(io_.get_executor(), *config_.metrics,
                                [this](std::string_view path) { return monitoring(path); });
  if (!opened) return opened.error();
  monitor_ = std::move(*opened);
  return {};
}

Result<void> Service::listen() {
  if (!config_.listen) return {};
  auto opened = Front::open(io_.get_executor(), *config_.listen, tunnels_, config_.front_origin().value(),
                            config_.resume);
  if (!opened) return opened.error();
  front_ = std::move(*opened);
  return {};
}

service::MonitorAnswer Service::monitoring(std::string_view path) const {
  if (path == "/healthz") return service::monitor_text(200, "ok");
  if (path == "/readyz") {
    const bool ready = serves() && !ending_;
    return service::monitor_text(ready ? 200 : 503, ready ? "ready" : "not attached to the edge");
  }
  if (path != "/metrics") return service::monitor_text(404, "there are /metrics, /healthz and /readyz");
  return {200,
          {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
          metrics_text(links(), tunnels_->counts(), tunnels_->open(), front_ ? front_->resumed() : 0)};
}

int Service::run() {
  if (const auto listens = monitor(); !listens) return complain(listens.error());
  if (const auto listens = listen(); !listens) return complain(listens.error());
  const NetworkWatch network(io_.get_executor(), [this] {
    spdlog::info("the network has changed");
    if (links_) links_->check();
  });
  if (!network.works()) spdlog::warn("the system does not tell of changes of the network");
  say_hello();
  wait_for_signal();
  if (links_) links_->start();
  tick();
  io_.run();
  manager_.stopping();
  monitor_.reset();
  tunnels_->cut();
  spdlog::info("ended");
  return status_;
}

void Service::say_hello() const {
  if (enrolment_)
    spdlog::info("connector {} of {}, tunnels may lead to {}", enrolment_->name, enrolment_->edge_name(),
                 listed(config_.origins));
  if (front_)
    spdlog::info("listening on {}, in front of {}",
                 host_and_port(Host(front_->endpoint().address()), front_->endpoint().port()),
                 front_->origin().text());
}

void Service::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    on_signal(number);
    wait_for_signal();
  });
}

void Service::on_signal(int number) {
  if (number == SIGHUP) return ending_ ? void() : reload();
  if (std::exchange(ending_, true)) return io_.stop();
  begin_end();
}

/// What is wrong with the new configuration has been said, and changes nothing.
void Service::reload() {
  manager_.reloading();
  auto config = effective_config(options_);
  auto enrolment = enrolment_of(options_, config ? *config : config_);
  if (config && enrolment) {
    config_ = std::move(*config);
    tunnels_->use(rules_of(config_));
    if (front_ && config_.front_origin()) front_->use(*config_.front_origin());
    if (links_ && *enrolment) links_->use(enrolment_ = std::move(*enrolment));
    spdlog::info("reloaded: tunnels may lead to {}", listed(config_.origins));
  } else {
    (void)complain(config ? enrolment.error() : config.error());
    spdlog::error("not reloaded: what was in force goes on");
  }
  if (ready_) manager_.ready();
}

/// Tunnels go on for `drain`. The edge is told at once, and opens its next ones elsewhere.
void Service::begin_end() {
  spdlog::info("ending: {} tunnels may go on for {} s", tunnels_->open(), config_.drain.count());
  manager_.stopping(config_.drain);
  front_.reset();
  if (tunnels_->open() == 0 || !links_) return stop_taking();
  links_->announce_end();
  end_timer_.expires_after(std::min(kAnnounced, milliseconds(config_.drain)));
  end_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) stop_taking();
  });
}

void Service::stop_taking() {
  if (links_) links_->drain();
  end_timer_.expires_after(config_.drain);
  end_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tunnels_->cut();
    end_soon();
  });
  tunnels_->drain([this] { end_soon(); });
}

void Service::end_soon() {
  if (links_are_over()) return io_.stop();
  end_timer_.expires_after(kLastWords);
  end_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) io_.stop();
  });
}

void Service::tick() {
  manager_.alive();
  if (links_) links_->trim();
  const auto suspended = time_suspended();
  if (suspended - std::exchange(suspended_, suspended) >= kSleep && !ending_) {
    spdlog::info("this machine was asleep");
    if (links_) links_->check();
  }
  tell();
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void Service::tell() {
  if (serves() && !std::exchange(ready_, true)) manager_.ready();
  if (ending_ && (!links_ || links_->idle()) && tunnels_->open() == 0) io_.stop();
  std::string now = fmt::format("{} tunnels", tunnels_->open());
  if (links_)
    now = fmt::format("{} {} as {}: {} connections, {}",
                      links().attached > 0 ? "attached to" : "not attached to", enrolment_->edge_name(),
                      enrolment_->name, links().attached, now);
  if (now != std::exchange(told_, now)) manager_.status(now);
}

}  // namespace

int run(const Options& options) {
  if (const auto became = become_state_owner(options); !became) return complain(became.error());
  auto config = effective_config(options);
  if (!config) return complain(config.error());
  auto dial = dial_options(*config, options);
  if (!dial) return complain(dial.error());
  auto enrolment = enrolment_of(options, *config);
  if (!enrolment) return complain(enrolment.error());
  raise_descriptor_limit();
  transport::limit_windows(kWindowBytes);
  Service service(options, std::move(*config), std::move(*dial), std::move(*enrolment));
  spdlog::debug("sandbox: {}", enter_sandbox({}));
  return service.run();
}

}  // namespace cfpipe::connector
