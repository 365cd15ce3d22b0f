#include "edge/process/lifecycle.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <ctime>
#include <exception>
#include <tuple>

#include "base/log.h"
#include "edge/http/responses.h"
#include "edge/limits/fd_limits.h"
#include "edge/listener/exchange.h"
#include "edge/process/checked_config.h"
#include "edge/process/console.h"
#include "transport/net/lookups.h"

namespace cfpipe::edge {
namespace net = boost::asio;

void look_at_private_key(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IRWXO) != 0)
    spdlog::warn("{}: everybody on this machine can use this private key; chmod o= it, and get another",
                 path);
}

void bound_memory(MemoryBudget& budget, const Config& config) {
  const auto whole = memory_of_process();
  const auto wanted = config.memory.value_or(whole / kDefaultMemoryPart);
  if (wanted > whole)
    spdlog::warn("limits: memory of {} MiB is more than the {} MiB that this process may have", wanted >> 20,
                 whole >> 20);
  limit_memory(budget, std::min(wanted, whole));
}

void look_around(const Serving& serving) {
  net::co_spawn(serving.io, serving.handlers.check_agents(), [](const std::exception_ptr& error) {
    if (error) spdlog::error("the agents of the certificate authorities could not be looked at");
  });
  net::co_spawn(serving.io, serving.handlers.check_providers(), [](const std::exception_ptr& error) {
    if (error) spdlog::error("the identity provider could not be looked at");
  });
}

Ending::Ending(const Serving& serving, std::chrono::milliseconds drain, std::function<void()> begun)
    : serving_(serving),
      drain_(drain),
      on_begun_(std::move(begun)),
      signals_(serving.io, SIGTERM, SIGINT, SIGUSR1),
      deadline_(serving.io) {
  serving_.handlers.tunnels().on_idle([this] { end_if_idle(); });
  serving_.server.on_drained([this] { end_if_idle(); });
  wait();
}

Ending::~Ending() {
  serving_.handlers.tunnels().on_idle({});
}

void Ending::over() {
  over_ = true;
  serving_.handlers.tunnels().on_idle({});
  serving_.server.on_drained({});
  signals_.cancel();
  deadline_.cancel();
}

void Ending::listener_ended() {
  ended_ = true;
  if (asked_ == 0) stop(drain_);
  end_if_idle();
}

void Ending::wait() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    // A signal that came just before over() is in the loop's queue, where cancel() does not reach it.
    if (error || over_) return;
    if (number == SIGUSR1 && asked_ > 0) return wait();
    spdlog::info("stopping: {}", number == SIGINT ? "interrupted" : "asked to end");
    if (++asked_ > 2) return serving_.io.stop();
    if (asked_ == 1) begin();
    if (asked_ == 2) stop(std::chrono::milliseconds(0));
    wait();
  });
}

void Ending::begin() {
  serving_.manager.stopping(std::chrono::ceil<std::chrono::seconds>(drain_ + kLastWords));
  if (const auto open = serving_.handlers.tunnels().open().size(); open > 0)
    spdlog::info("{} tunnels may go on for {} s", open, std::chrono::duration<double>(drain_).count());
  if (serving_.handlers.context().audit.keeps_spool()) serving_.audit_log.copy();
  serving_.handlers.drain();
  stop(drain_);
  if (on_begun_) on_begun_();
}

void Ending::stop(std::chrono::milliseconds drain) {
  serving_.server.stop(drain);
  serving_.terminals.stop(drain);
  end_within(drain + kLastWords);
}

void Ending::end_within(std::chrono::milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([this](const boost::system::error_code& error) {
    if (!error) serving_.io.stop();
  });
}

void Ending::end_if_idle() {
  const auto loads = serving_.server.loads();
  const bool served = std::any_of(loads.begin(), loads.end(), [](std::size_t load) { return load > 0; });
  if (!ended_ || served || serving_.handlers.tunnels().open().size() > 0) return;
  net::post(serving_.io, [this] { serving_.io.stop(); });
}

Answer admin_answer(const Serving& serving, const Ending& ending, std::string_view path) {
  if (path == "/healthz") return plain(200, "ok");
  const auto readable = serving.store.revocations().version();
  if (path == "/readyz") {
    if (ending.begun()) return plain(503, "the edge is ending");
    if (!readable) return plain(503, readable.error().detail);
    if (!serving.handlers.context().grants())
      return plain(503, "nothing new is granted: " + serving.handlers.context().audit.fault());
    const std::string fault = serving.handlers.context().audit.fault();
    return plain(200, fault.empty() ? "ready" : "ready, but " + fault);
  }
  if (path != "/metrics") return plain(404, "there are /metrics, /healthz and /readyz");
  Gauges gauges;
  for (const std::size_t load : serving.server.loads()) gauges.connections += load;
  gauges.refused = serving.server.refused_connections();
  gauges.limited = {{"connections", serving.server.connections_over_capacity()},
                    {"connections_per_address", serving.server.refused_connections()},
                    {"lookups", transport::Lookups::of_process().refused()},
                    {"terminals", serving.terminals.refused()}};
  const MemoryBudget& memory = *serving.memory;
  gauges.memory = memory.used();
  gauges.memory_limit = memory.limit();
  gauges.memory_refused = {{"connections", memory.refusals(MemoryUse::connection)},
                           {"small_requests", memory.refusals(MemoryUse::small)},
                           {"large_requests", memory.refusals(MemoryUse::large)}};
  gauges.tunnels = serving.handlers.tunnels().open().size();
  serving.handlers.tunnels().open().for_each([&gauges](std::int64_t, const TunnelRegistry::Tunnel& tunnel) {
    const auto moved = tunnel.handle->moved();
    TunnelBytes& bytes = gauges.open_bytes[tunnel.row.application];
    bytes.up += moved.up;
    bytes.down += moved.down;
    if (tunnel.handle->detached() > 0) ++gauges.tunnels_detached;
  });
  for (const ConnectorRegistry::Attached& one : serving.handlers.context().connectors->list()) {
    ++gauges.connectors;
    gauges.connector_connections += one.connections;
    gauges.connector_tunnels += one.tunnels;
  }
  gauges.certificate_expires = serving.server.certificate_expires();
  gauges.providers = serving.handlers.providers().health();
  const AuditTrail& trail = serving.handlers.context().audit;
  gauges.lost_rows = trail.lost();
  gauges.spooled_rows = trail.spooled();
  gauges.records = trail.has_room();
  gauges.ready = readable && !ending.begun() && serving.handlers.context().grants();
  Answer answer;
  answer.headers.emplace_back("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  answer.body = metrics_text(serving.handlers.context().counters, gauges);
  return answer;
}

Watch::Watch(const Serving& serving, std::function<void()> more)
    : serving_(serving),
      memory_(serving.memory),
      more_(std::move(more)),
      timer_(serving.io),
      copying_(serving.io) {
  wait();
}

void Watch::wait() {
  timer_.expires_after(kRevocationPoll);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    wait();  // first: the rest may throw for want of memory
    serving_.handlers.tunnels().exchange_with_others();
    serving_.handlers.connectors().end_revoked();
    serving_.handlers.context().audit.follow_up(std::time(nullptr));
    copy_audit();
    prune();
    memory_.look(std::chrono::steady_clock::now());
    serving_.manager.alive();
    if (more_) more_();
  });
}

// Two processes that copy would make each row twice.
void Watch::copy_audit() {
  const bool copied = std::exchange(copies_, serving_.handlers.context().audit.keeps_spool());
  if (copies_ && !copied) serving_.audit_log.take_over();
  if (!copies_ || !serving_.audit_log.copy_some()) return;
  copying_.expires_after(kCopyPause);
  copying_.async_wait([this](const boost::system::error_code& error) {
    if (!error) copy_audit();
  });
}

void Watch::prune() {
  const std::int64_t now = std::time(nullptr);
  auto pruned = serving_.store.audit().prune(now, kPrunedRows);
  if (pruned) pruned = serving_.store.revocations().prune(now, kPrunedRows);
  if (pruned) pruned = serving_.store.tunnels().prune(now, kPrunedRows);
  if (!pruned && prunes_)
    spdlog::error("state: what is too old cannot be deleted: {}", pruned.error().detail);
  prunes_ = static_cast<bool>(pruned);
}

namespace {

/// Gives `next` what a running edge cannot change of itself. The names of what it would have changed.
std::string keep_what_a_start_decides(const Config& present, Config& next) {
  std::string kept;
  const auto keep = [&kept](const char* name, const auto& now, auto& then) {
    if (now == then) return;
    kept += std::string(kept.empty() ? "" : ", ") + name;
    then = now;
  };
  const auto listened = std::tie(present.listen, present.plain_http);
  auto listens = std::tie(next.listen, next.plain_http);
  if (present.plain_http != next.plain_http || present.listen->is_unix() != next.listen->is_unix()) {
    // What goes with the one goes with no other.
    std::tie(next.certificate_file, next.key_file) = std::tie(present.certificate_file, present.key_file);
    next.proxies = present.proxies;
  }
  keep("listen", listened, listens);
  keep("admin_listen", present.admin_listen, next.admin_listen);
  keep("threads", present.threads, next.threads);
  keep("state", present.state_dir, next.state_dir);
  return kept;
}

}  // namespace

Reloading::Reloading(const Serving& serving, std::string config_path, Config config, Ending& ending,
                     ServedMark& mark)
    : serving_(serving),
      config_path_(std::move(config_path)),
      config_(std::move(config)),
      ending_(ending),
      mark_(mark),
      signals_(serving.io, SIGHUP) {
  wait();
}

void Reloading::over() {
  over_ = true;
  signals_.cancel();
}

void Reloading::follow() {
  if (over_ || !ending_.begun() || !mark_.changed()) return;
  spdlog::info("the edge serves by another configuration, which is looked at for the tunnels that are left");
  if (!reload()) spdlog::error("not reloaded: what was served before goes on");
}

void Reloading::wait() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error || over_) return;
    serving_.manager.reloading();
    const bool reloaded = reload();
    if (!reloaded) spdlog::error("not reloaded: what was served before goes on");
    if (reloaded && !ending_.begun()) mark_.set();
    serving_.manager.ready();
    wait();
  });
}

bool Reloading::reload() {
  auto next = checked_config(config_path_);
  if (!next) return false;
  // Whether the built-in page may be served at all depends on the address that is listened on.
  if (next->identity_provider != config_.identity_provider)
    return complain("another type of identity_provider takes a restart"), false;
  // Tokens and clients know the edge by it.
  if (next->auth_host != config_.auth_host || next->public_port != config_.public_port)
    return complain("another auth_domain takes a restart"), false;
  const std::string kept = keep_what_a_start_decides(config_, *next);
  transport::SslCtx tls;
  if (!next->plain_http) {
    auto made = transport::make_tls_server(next->certificate_file, next->key_file);
    if (!made) return complain(made.error()), false;
    tls = std::move(*made);
  }
  // Opened again under the same name too: it may have been moved away.
  auto audit_file = AuditLog::open(next->audit_file);
  if (!audit_file) return complain(audit_file.error()), false;
  next->tunnel_limits.in_all = config_.tunnel_limits.in_all;
  Config served = *next;
  served.public_port = serving_.handlers.context().config.public_port;
  if (auto done = serving_.handlers.configure(std::move(served)); !done) return complain(done.error()), false;
  if (tls) serving_.server.use(std::move(tls));
  serving_.server.limit_per_address(
      next->address_limits.connections.value_or(preset_per_address(config_.tunnel_limits.in_all)));
  serving_.server.trust(next->proxies);
  bound_memory(*serving_.memory, *next);
  const bool copies = serving_.handlers.context().audit.keeps_spool();
  if (copies) serving_.audit_log.copy();
  serving_.audit_log.use(std::move(*audit_file));
  if (copies) serving_.audit_log.copy();
  ending_.use_drain(next->drain);
  look_at_private_key(next->key_file);
  config_ = std::move(*next);
  if (!kept.empty()) spdlog::warn("reloaded, but for what takes a restart: {}", kept);
  spdlog::info("reloaded: {} applications", config_.applications.size());
  look_around(serving_);
  return true;
}

}  // namespace cfpipe::edge
