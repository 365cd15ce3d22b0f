#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "connector/link/links.h"
#include "connector/tunnel/tunnel_server.h"
#include "service/monitor_server.h"

namespace cfpipe::connector {

/// What /metrics says, in the text format of Prometheus.
std::string metrics_text(const LinkCounts& links, const TunnelCounts& tunnels, std::size_t open,
                         std::uint64_t resumed);

/// Listens for monitoring: /metrics, /healthz, and /readyz, which is fine while the edge is attached to.
/// Stage::listen.
Result<std::unique_ptr<service::MonitorServer>> open_monitoring(boost::asio::any_io_executor executor,
                                                                const boost::asio::ip::tcp::endpoint& where,
                                                                service::MonitorServer::Answers answers);

}  // namespace cfpipe::connector
