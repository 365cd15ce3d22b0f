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

using transport::Result;

/// Patience with an agent that only has to look: connecting, listing, binding.
inline constexpr std::chrono::milliseconds kAgentLookPatience{5'000};
/// Patience with a signature, for which somebody may have to touch a security key or confirm.
inline constexpr std::chrono::milliseconds kAgentSignPatience{90'000};
/// Keys of one agent that are looked at.
inline constexpr std::size_t kMaxAgentKeys = 1024;

/// A plain key that an agent holds.
struct AgentKey {
  std::string blob;
  std::string comment;
};

/// A connection to the user's own ssh-agent: one request at a time, each with a deadline.
class AgentClient {
 public:
  /// `path` as $SSH_AUTH_SOCK has it. Stage::certificate, Cause::agent_unreachable.
  static boost::asio::awaitable<Result<std::unique_ptr<AgentClient>>> connect(
      boost::asio::any_io_executor executor, std::string path);
  ~AgentClient();
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  /// Sends a message and returns what came back, neither with its length.
  /// Stage::certificate, Cause::agent_unreachable. Both outlive the await.
  boost::asio::awaitable<Result<std::string>> ask(const std::string& request,
                                                  std::chrono::milliseconds patience);
  /// Ends a request that is under way.
  void close();

 private:
  struct Impl;
  explicit AgentClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// The plain keys in an answer to a list request; certificates are left out.
/// Stage::certificate, Cause::agent_unreachable if it is none.
Result<std::vector<AgentKey>> read_agent_keys(std::string_view answer);

/// The one key that `wanted` means: its comment, or `SHA256:…` as `ssh-add -l` shows it.
/// Stage::certificate, Cause::agent_key_missing: none, or several; the detail says what there is.
Result<AgentKey> pick_agent_key(const std::vector<AgentKey>& keys, std::string_view wanted);

/// Asks the agent at `path` for that key.
boost::asio::awaitable<Result<AgentKey>> find_agent_key(boost::asio::any_io_executor executor,
                                                        std::string path, std::string wanted);

}  // namespace cfpipe::auth
