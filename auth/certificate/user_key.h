#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cfpipe::auth {

using transport::Result;

/// What a key in the user's agent is named with, before its comment or fingerprint.
inline constexpr std::string_view kAgentKeyPrefix = "agent:";

/// A key of the user's own that is to be certified. Its private half is never asked for: it stays in the
/// agent, or in the file, which only ssh reads.
struct UserKey {
  std::string blob;
  std::string comment;
  std::string agent;  ///< socket of the agent that holds it, or empty
  std::string file;   ///< path of the private key, or empty
};

/// Finds the key that `--key` names: `agent:COMMENT`, `agent:SHA256:…`, or the path of a private key or of
/// its .pub. Of a file the public half is read, from FILE.pub, else from FILE where that is in OpenSSH's own
/// format, whose public half stands in the clear.
/// Stage::certificate: agent_unreachable, agent_key_missing, key_unusable; file_unusable for a file that is a
/// link, somebody else's, or may be written by others.
boost::asio::awaitable<Result<UserKey>> find_user_key(boost::asio::any_io_executor executor,
                                                      std::string named, std::string agent_socket);

/// The path of the private key that `--key PATH` means.
std::string private_key_path(std::string_view named);

/// The user's agent, from $SSH_AUTH_SOCK; empty if there is none.
std::string user_agent_socket();

}  // namespace cfpipe::auth
