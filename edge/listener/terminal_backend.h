#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "edge/http/request.h"

namespace cfpipe::edge {

/// What a terminal's channel for files was used for.
struct FilesUse {
  std::uint64_t up_bytes = 0;    ///< from the browser
  std::uint64_t down_bytes = 0;  ///< to it
  std::chrono::seconds lasted{0};
};

/// What a terminal in the browser needs of the site that granted it. Lives on the loop of the RequestHandler.
/// Failures are for a person.
class TerminalBackend {
 public:
  virtual ~TerminalBackend() = default;
  /// A certificate of the application's CA for that key, one line; recorded in the audit.
  virtual boost::asio::awaitable<Result<std::string>> certify(const TunnelGrant& grant,
                                                              const Request& request,
                                                              std::string key_line) = 0;
  /// The origin's host key as it was seen first, `type base64`, or empty.
  virtual Result<std::string> known_host_key(const TunnelGrant& grant) = 0;
  /// Keeps that one; recorded in the audit.
  virtual Result<void> trust_host_key(const TunnelGrant& grant, const Request& request,
                                      const std::string& key_line) = 0;
  /// A channel for files has ended; recorded in the audit.
  virtual void files_closed(const TunnelGrant& grant, const Request& request, const FilesUse& use) = 0;
};

}  // namespace cfpipe::edge
