#pragma once

#include "transport/dial/proxy_handshake.h"

namespace cfpipe::transport {

/// ask_proxy() by HTTP CONNECT and by SOCKS 5.
std::unique_ptr<ProxyHandshake> ask_by_connect(const Proxy& proxy, const Host& host, std::uint16_t port);
std::unique_ptr<ProxyHandshake> ask_by_socks(const Proxy& proxy, const Host& host, std::uint16_t port);

}  // namespace cfpipe::transport
