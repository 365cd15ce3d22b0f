#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "transport/dial/proxy_settings.h"

namespace cfpipe::transport {

/// Largest response header of an HTTP proxy to CONNECT, in bytes.
inline constexpr std::size_t kMaxProxyAnswerBytes = 16 * 1024;

/// Handshake with a proxy, after which it passes bytes through. Sans-IO.
class ProxyHandshake {
 public:
  virtual ~ProxyHandshake() = default;

  /// The first message. It may hold a password, as may later ones.
  virtual Secret hello() = 0;

  struct Step {
    std::size_t used = 0;  ///< bytes of the input that belong to the handshake
    Secret say;            ///< the next message, or empty
    bool open = false;     ///< the handshake is complete
  };
  /// Reads received bytes, at least one: uses one or more of them, and none behind the handshake.
  /// Failures, Stage::proxy: proxy_refused, proxy_login_needed, proxy_failed; their details have no address
  /// in them.
  virtual Result<Step> hear(std::string_view bytes) = 0;
};

/// The handshake that asks `proxy`, which outlives it, for a connection to `host`.
std::unique_ptr<ProxyHandshake> ask_proxy(const Proxy& proxy, const Host& host, std::uint16_t port);

}  // namespace cfpipe::transport
