#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <sstream>
#include <system_error>

#include "base/log.h"
#include "base/platform/descriptor_limit.h"
#include "base/platform/sandbox.h"
#include "edge/command/commands.h"
#include "edge/limits/fd_limits.h"
#include "edge/limits/run_all.h"
#include "edge/listener/admin_listener.h"
#include "edge/listener/given_sockets.h"
#include "edge/process/lifecycle.h"
#include "edge/store/sqlite_store.h"
#include "edge/terminal/terminals.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

std::int64_t wall_clock() {
  return std::time(nullptr);
}

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

void announce(const Config& config, const std::string& auth_authority, std::uint16_t port, bool dev) {
  const std::string address =
      config.listen->is_unix() ? config.listen->text() : Listener(config.listen->address(), port).text();
  for (const ApplicationConfig& app : config.applications)
    spdlog::info("serving {} from {}", app.hostname, origin_text(app));
  spdlog::info("listening on {}{}, sign-in at https://{}",
               config.plain_http && !config.listen->is_unix() ? "http://" : "", address, auth_authority);
  if (dev) {
    spdlog::info("clients need: --auth-domain {} --ca-file {}/tls-ca.pem", config.auth_host,
                 config.state_dir);
    spdlog::info("anybody on this machine can sign in with any address of the same domain as {}",
                 config.dev_email);
  }
  std::printf("ready %s\n", address.c_str());
  std::fflush(stdout);
}

ServerOptions server_options(const Config& config) {
  ServerOptions options;
  options.listen = *config.listen;
  options.encrypted = !config.plain_http;
  options.proxies = config.proxies;
  options.certificate_file = config.certificate_file;
  options.key_file = config.key_file;
  options.max_connections = affordable_connections();
  options.max_connections_per_address =
      config.address_limits.connections.value_or(preset_per_address(options.max_connections));
  options.threads = config.threads > 0 ? config.threads : usable_processors();
  return options;
}

/// Listening sockets that other processes have too, such as the one before this; none: there is none.
struct Sockets {
  std::optional<Listener> admin_at;  ///< where metrics are wanted
  Fd listen;
  Fd admin;
};

/// `dev` opens its own.
Result<Sockets> given_sockets(const Config& config, const ServeOptions& options) {
  Sockets out;
  out.admin_at = options.admin ? options.admin : config.admin_listen;
  if (options.config_path.empty()) return out;
  auto given = GivenSockets::of_environment();
  if (!given) return given.error();
  auto listen = given->take(kListenName, *config.listen);
  if (!listen) return listen.error();
  out.listen = std::move(*listen);
  if (out.admin_at) {
    auto admin = given->take(kAdminListenName, *out.admin_at);
    if (!admin) return admin.error();
    out.admin = std::move(*admin);
  }
  if (const auto all = given->all_taken(); !all) return all.error();
  return out;
}

/// The listener for metrics; null if the configuration has none.
Result<std::unique_ptr<Admin>> open_admin(Sockets& sockets, const Serving& serving, const Ending& ending) {
  if (!sockets.admin_at) return std::unique_ptr<Admin>();
  auto admin = Admin::open(
      serving.io.get_executor(), *sockets.admin_at,
      [&](std::string_view path) { return admin_answer(serving, ending, path); }, std::move(sockets.admin));
  if (!admin) return admin;
  if (!sockets.admin_at->is_local())
    spdlog::warn("all that reach {} may read the metrics: there is no sign-in",
                 sockets.admin_at->address().to_string());
  std::ostringstream where;
  where << (*admin)->endpoint();
  spdlog::info("metrics at http://{}/metrics", where.str());
  return admin;
}

std::string directory_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

/// What a running edge changes on the disk: its state, the audit's copy, and temporary files of SQLite. It
/// starts no program.
void confine(const Config& config) {
  std::error_code unusable;
  SandboxNeeds needs;
  needs.writable = {config.state_dir, std::filesystem::temp_directory_path(unusable).string(), "/tmp",
                    "/var/tmp"};
  if (!config.audit_file.empty()) needs.writable.push_back(directory_of(config.audit_file));
  spdlog::debug("sandbox: {}", enter_sandbox(needs));
}

/// The audit's spool, and what was added to the audit while no edge ran, copied.
Result<void> open_audit(AuditTrail& trail, AuditLog& log, const Config& config) {
  if (auto spool = trail.use_spool(config.state_dir + "/audit-spool"); !spool) return spool.error();
  auto file = AuditLog::open(config.audit_file);
  if (!file) return file.error();
  log.use(std::move(*file));
  if (trail.keeps_spool()) log.copy();
  return {};
}

/// Until the edge has ended; the exit status. `ready` says that it serves.
int serve_on(const Serving& serving, Ending& ending, const std::function<void()>& ready) {
  int status = kOk;
  net::co_spawn(serving.io, serving.server.run(), [&](const std::exception_ptr& error) {
    if (error) {
      spdlog::critical("the listener failed");
      status = kUnavailable;
    }
    ending.listener_ended();
  });
  ready();
  look_around(serving);
  run_all(serving.io);
  return status;
}

/// What is left of the audit, unless a process that came after this one copies it.
void close_audit(AuditTrail& trail, AuditLog& log) {
  const bool kept = trail.keeps_spool();
  if (!trail.retake_spool()) return;
  if (!kept) log.take_over();
  log.copy();
}

}  // namespace

int serve(Config config, const ServeOptions& options) {
  std::signal(SIGUSR2, SIG_IGN);  // is for a process in front of this one
  auto sockets = given_sockets(config, options);
  if (!sockets) return complain(sockets.error());
  const ServerOptions listening = server_options(config);
  bound_memory(*listening.memory, config);
  config.tunnel_limits.in_all = listening.max_connections;
  const bool dev = options.config_path.empty();
  const service::ServiceManager manager;
  net::io_context io(1);
  auto store = open_sqlite_store(config.state_dir);
  if (!store) return complain(store.error());
  auto made = Handlers::make(io.get_executor(), config, **store, &wall_clock);
  if (!made) return complain(made.error());
  Handlers& handlers = **made;
  AuditLog audit_log((*store)->audit());
  if (const auto opened = open_audit(handlers.context().audit, audit_log, config); !opened)
    return complain(opened.error());
  look_at_private_key(config.key_file);
  ControlPlane control_plane(io.get_executor(), handlers.router(), handlers.tunnels());
  auto server = Server::open(io.get_executor(), listening, control_plane, std::move(sockets->listen));
  if (!server) return complain(server.error());
  confine(config);  // before there are other threads
  auto terminals = std::make_shared<terminal::Terminals>(control_plane, handlers.terminals());
  if (!terminals->start()) return complain("the system refuses another thread"), kUnavailable;
  handlers.terminals().use(terminals);
  // In front of proxies, auth_domain names the port of theirs that clients reach.
  const bool proxied = config.plain_http || !config.proxies.ranges.empty();
  if (dev || (config.listen->port() == 0 && !proxied)) handlers.set_public_port((*server)->port());
  const Serving serving{io, **server, handlers, **store, audit_log, manager, *terminals, listening.memory};
  // A listener that was handed over is the next process's from then on; one of our own tells that we end.
  const bool shares_admin = static_cast<bool>(sockets->admin);
  std::unique_ptr<Admin> admin;
  Ending ending(serving, dev ? kDevDrain : std::chrono::milliseconds(config.drain), [&] {
    if (shares_admin) admin.reset();
  });
  auto opened_admin = open_admin(*sockets, serving, ending);
  if (!opened_admin) return complain(opened_admin.error());
  admin = std::move(*opened_admin);
  ServedMark mark(config.state_dir);
  std::optional<Reloading> reloading;
  Watch watch(serving, [&] {
    if (reloading) reloading->follow();
  });
  if (!dev) reloading.emplace(serving, options.config_path, config, ending, mark);
  const int status = serve_on(serving, ending, [&] {
    announce(config, handlers.context().auth_authority(), (*server)->port(), dev);
    mark.set();
    manager.ready();
  });
  // What is in the loop's queue still runs below, without the server.
  ending.over();
  if (reloading) reloading->over();
  admin.reset();
  // The tunnels that were cut are told to the site's loop, which takes note of them before it goes itself.
  server->reset();
  handlers.terminals().use(nullptr);
  terminals.reset();
  handlers.tunnels().leave_others();
  do io.restart();
  while (io.poll() > 0);
  close_audit(handlers.context().audit, audit_log);
  spdlog::info("ended");
  return status;
}

}  // namespace cfpipe::edge
