#include "connector/command/metrics.h"

#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/log.h"
#include "base/shortage.h"

namespace cfpipe::connector {
namespace net = boost::asio;
namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
  head(out, name, type, help);
  fmt::format_to(std::back_inserter(out), "{} {}\n", name, value);
}

}  // namespace

std::string metrics_text(const LinkCounts& links, const TunnelCounts& tunnels, std::size_t open,
                         std::uint64_t resumed) {
  std::string out;
  metric(out, "cfpipe_connector_connections", "gauge", "Connections to the edge.", links.attached);
  metric(out, "cfpipe_connector_attaches_total", "counter", "Connections that the edge has taken.",
         links.attaches);
  metric(out, "cfpipe_connector_connection_failures_total", "counter",
         "Attempts to attach that failed, and connections that were lost.", links.failures);
  metric(out, "cfpipe_connector_tunnels", "gauge", "Open tunnels.", open);
  metric(out, "cfpipe_connector_tunnels_opened_total", "counter", "Tunnels that were opened.",
         tunnels.opened);
  metric(out, "cfpipe_connector_tunnels_resumed_total", "counter",
         "Times that a client has come back to its tunnel, through the listener.", resumed);
  constexpr std::string_view kRefused = "cfpipe_connector_tunnels_refused_total";
  head(out, kRefused, "counter", "Tunnels that were not opened.");
  for (std::size_t i = 0; i < tunnels.refused.size(); ++i)
    fmt::format_to(std::back_inserter(out), "{}{{reason=\"{}\"}} {}\n", kRefused,
                   auth::name_of(static_cast<auth::OriginFault>(i)), tunnels.refused[i]);
  constexpr std::string_view kBytes = "cfpipe_connector_tunnel_bytes_total";
  head(out, kBytes, "counter", "Bytes that tunnels carried.");
  fmt::format_to(std::back_inserter(out),
                 "{0}{{direction=\"to_origin\"}} {1}\n{0}{{direction=\"from_origin\"}} {2}\n", kBytes,
                 tunnels.to_origins, tunnels.from_origins);
  return out;
}

Result<std::unique_ptr<service::MonitorServer>> open_monitoring(net::any_io_executor executor,
                                                                const net::ip::tcp::endpoint& where,
                                                                service::MonitorServer::Answers answers) {
  net::ip::tcp::acceptor acceptor(executor);
  boost::system::error_code error;
  acceptor.open(where.protocol(), error);
  if (!error) acceptor.set_option(net::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
  std::ostringstream shown;
  shown << where;
  if (error) return system_failure(Stage::listen, Cause::cannot_listen, shown.str(), error.value());
  if (!where.address().is_loopback())
    spdlog::warn("all that reach {} may read the metrics: there is no sign-in", where.address().to_string());
  auto server = std::make_unique<service::MonitorServer>(std::move(acceptor), std::move(answers));
  std::ostringstream bound;
  bound << server->endpoint();
  spdlog::info("metrics at http://{}/metrics", bound.str());
  return server;
}

}  // namespace cfpipe::connector
