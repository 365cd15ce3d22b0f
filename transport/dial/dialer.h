#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/host.h"
#include "transport/dial/dial_options.h"
#include "transport/net/resolve.h"
#include "transport/net/url.h"
#include "transport/tls/session_store.h"

namespace cfpipe::transport {

class TlsChannel;

/// Resolves a host and connects (connect_first()), directly or through a proxy. Names under `.localhost`
/// are loopback and never asked of DNS (RFC 6761 6.3). TCP_NODELAY is set. Failures: dns, tcp, proxy.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> dial_tcp(const Url& url,
                                                                      const DialOptions& options);

/// Returns the early data when the connection is established. Valid until the dial has ended.
using EarlyData = std::function<std::string_view()>;

/// dial_tcp, then TLS with the host's certificate checked for url.host, or a session of it resumed. With a
/// session that has room for it, `early` leaves with the first bytes of the handshake. An attacker may replay
/// it (RFC 8446 8), so it must be idempotent. If early_data_accepted() of the channel is false, the caller
/// sends it again. `early` outlives the await; null: there is none. Failures: dns, tcp, proxy, tls.
boost::asio::awaitable<Result<std::unique_ptr<TlsChannel>>> dial_tls(const Url& url, DialOptions& options,
                                                                     const EarlyData* early = nullptr);

}  // namespace cfpipe::transport
