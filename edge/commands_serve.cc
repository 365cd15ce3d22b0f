#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <optional>
#include <sstream>
#include <system_error>

#include "edge/admin.h"
#include "edge/capacity.h"
#include "edge/commands.h"
#include "edge/origin.h"
#include "edge/run_all.h"
#include "edge/serving.h"
#include "edge/terminal/terminals.h"
#include "transport/sandbox.h"

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

void announce(const Config& config, const AccessSite& site, std::uint16_t port, bool dev) {
  const std::string address = transport::Host(config.listen->address()).in_url();
  for (const ApplicationConfig& app : config.applications)
    spdlog::info("serving {} from {}", app.hostname, origin_text(app));
  spdlog::info("listening on {}{}:{}, sign-in at https://{}", config.plain_http ? "http://" : "", address,
               port, site.auth_authority());
  if (dev) {
    spdlog::info("clients need: --auth-domain {} --ca-file {}/tls-ca.pem", config.auth_host,
                 config.state_dir);
    spdlog::info("anybody on this machine can sign in with any address of the same domain as {}",
                 config.dev_email);
  }
  std::printf("ready %s:%u\n", address.c_str(), static_cast<unsigned>(port));
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

/// Null where nobody wants one.
transport::Result<std::unique_ptr<Admin>> open_admin(const Config& config, const ServeOptions& options,
                                                     const Serving& serving, const Ending& ending) {
  const auto wanted = options.admin ? options.admin : config.admin_listen;
  if (!wanted) return std::unique_ptr<Admin>();
  auto admin = Admin::open(serving.io.get_executor(), *wanted,
                           [&](std::string_view path) { return admin_answer(serving, ending, path); });
  if (!admin) return admin;
  if (!wanted->address().is_loopback())
    spdlog::warn("whoever reaches {} may read the metrics: nobody is asked to sign in there",
                 wanted->address().to_string());
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
  transport::SandboxNeeds needs;
  needs.writable = {config.state_dir, std::filesystem::temp_directory_path(unusable).string(), "/tmp",
                    "/var/tmp"};
  if (!config.audit_file.empty()) needs.writable.push_back(directory_of(config.audit_file));
  spdlog::debug("sandbox: {}", transport::enter_sandbox(needs));
}

}  // namespace

int serve(Config config, const ServeOptions& options) {
  const ServerOptions wire = server_options(config);
  bound_memory(*wire.memory, config);
  config.tunnel_limits.in_all = wire.max_connections;
  const bool dev = options.config_path.empty();
  const ServiceManager manager;
  net::io_context io(1);
  auto state = open_sqlite_state(config.state_dir);
  if (!state) return complain(state.error());
  auto site = AccessSite::make(io.get_executor(), config, **state, &wall_clock);
  if (!site) return complain(site.error());
  if (const auto spool = (*site)->trail().use_spool(config.state_dir + "/audit-spool"); !spool)
    return complain(spool.error());
  AuditLog audit_log(**state);
  auto audit_file = AuditLog::open(config.audit_file);
  if (!audit_file) return complain(audit_file.error());
  audit_log.use(std::move(*audit_file));
  audit_log.copy();
  look_at_private_key(config.key_file);
  SiteLoop site_loop(io.get_executor(), **site);
  auto server = Server::open(io.get_executor(), wire, site_loop);
  if (!server) return complain(server.error());
  confine(config);  // before there are other threads
  auto terminals = std::make_shared<terminal::Terminals>(site_loop);
  if (!terminals->start()) return complain("the system refuses another thread"), kUnavailable;
  (*site)->use_terminals(terminals);
  // In front of proxies, auth_domain names the port of theirs that clients reach.
  const bool proxied = config.plain_http || !config.proxies.ranges.empty();
  if (dev || (config.listen->port() == 0 && !proxied)) (*site)->set_public_port((*server)->port());
  const Serving serving{io, **server, **site, **state, audit_log, manager, *terminals, wire.memory};
  Ending ending(serving, dev ? kDevDrain : kDrain);
  auto admin = open_admin(config, options, serving, ending);
  if (!admin) return complain(admin.error());
  Watch watch(serving);
  std::optional<Reloading> reloading;
  if (!dev) reloading.emplace(serving, options.config_path, config);
  int status = kOk;
  net::co_spawn(io, (*server)->run(), [&](const std::exception_ptr& error) {
    if (error) {
      spdlog::critical("the listener failed");
      status = kUnavailable;
    }
    ending.listener_ended();
  });
  announce(config, **site, (*server)->port(), dev);
  manager.ready();
  look_around(serving);
  run_all(io);
  // The tunnels that were cut are told to the site's loop, which takes note of them before it goes itself.
  server->reset();
  (*site)->use_terminals(nullptr);
  terminals.reset();
  do io.restart();
  while (io.poll() > 0);
  audit_log.copy();
  spdlog::info("ended");
  return status;
}

}  // namespace cfpipe::edge
