#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "transport/dial/proxy_settings.h"

namespace cfpipe::transport {

/// Largest answer of an HTTP proxy to CONNECT, in bytes, all its header.
inline constexpr std::size_t kMaxProxyAnswerBytes = 16 * 1024;

/// What is said to a proxy, and heard from it, before the bytes that follow are the other side's. Bytes in,
/// bytes out.
class ProxyTalk {
 public:
  virtual ~ProxyTalk() = default;

  /// What is sent first. May hold a password, as may what follows.
  virtual Secret hello() = 0;

  struct Step {
    std::size_t used = 0;  ///< bytes of what was heard that were the proxy's; those behind them are not
    Secret say;            ///< what is sent now; may be empty
    bool open = false;     ///< the way is free
  };
  /// Takes what has arrived, which is not empty: at least one byte of it, and none that is not for this.
  /// Failures, Stage::proxy: proxy_refused, proxy_login_needed, proxy_failed; their details have no address
  /// in them.
  virtual Result<Step> hear(std::string_view bytes) = 0;
};

/// The talk that asks `proxy`, which outlives it, for a connection to `host`.
std::unique_ptr<ProxyTalk> ask_proxy(const Proxy& proxy, const Host& host, std::uint16_t port);

}  // namespace cfpipe::transport
