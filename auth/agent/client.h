#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::auth {

/// Timeout for requests that an agent answers by itself: connecting, listing, binding.
inline constexpr std::chrono::milliseconds kAgentLookTimeout{5'000};
/// Timeout for a signature, for which the user may have to touch a security key or confirm.
inline constexpr std::chrono::milliseconds kAgentSignTimeout{90'000};
/// Most keys of one agent that are considered.
inline constexpr std::size_t kMaxAgentKeys = 1024;

/// A plain key that an agent holds.
struct AgentKey {
  std::string blob;
  std::string comment;
};

/// A connection to the user's own ssh-agent: one request at a time, each with a timeout.
class AgentClient {
 public:
  /// Connects to the socket that $SSH_AUTH_SOCK names. Stage::certificate, Cause::agent_unreachable.
  static boost::asio::awaitable<Result<std::unique_ptr<AgentClient>>> connect(
      boost::asio::any_io_executor executor, std::string path);
  ~AgentClient();
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  /// Sends a request and returns the response, both without their length. The client and `request` outlive
  /// the await. Stage::certificate, Cause::agent_unreachable.
  boost::asio::awaitable<Result<std::string>> ask(const std::string& request,
                                                  std::chrono::milliseconds timeout);
  /// Cancels the request in flight.
  void close();

 private:
  struct Impl;
  explicit AgentClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// The plain keys in a response to a list request, without certificates. Stage::certificate,
/// Cause::agent_unreachable if it is malformed.
Result<std::vector<AgentKey>> read_agent_keys(std::string_view answer);

/// The one key with the comment or fingerprint `wanted` (`SHA256:…`, as `ssh-add -l` shows it).
/// Stage::certificate, Cause::agent_key_missing if there is none, or several; the detail lists the keys.
Result<AgentKey> pick_agent_key(const std::vector<AgentKey>& keys, std::string_view wanted);

/// Finds that key in the agent at `path`.
boost::asio::awaitable<Result<AgentKey>> find_agent_key(boost::asio::any_io_executor executor,
                                                        std::string path, std::string wanted);

}  // namespace cfpipe::auth
