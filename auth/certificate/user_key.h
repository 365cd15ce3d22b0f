#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cfpipe::auth {

/// Prefix of `--key` for a key in the user's agent; its comment or fingerprint follows.
inline constexpr std::string_view kAgentKeyPrefix = "agent:";

/// A key of the user to certify. cfpipe never reads its private half, which stays in the agent or in a file
/// that only ssh reads.
struct UserKey {
  std::string blob;
  std::string comment;
  std::string agent;  ///< socket of the agent that holds it, or empty
  std::string file;   ///< path of the private key, or empty
};

/// Finds the key that `--key` names: `agent:COMMENT`, `agent:SHA256:…`, or the path of a private key or of
/// its .pub. Of a file only the public half is read: from FILE.pub, else from FILE in OpenSSH's own format,
/// whose public half is not encrypted. Stage::certificate: agent_unreachable, agent_key_missing,
/// key_unusable; file_unusable for a file that is a symlink, belongs to another user, or may be written by
/// others.
boost::asio::awaitable<Result<UserKey>> find_user_key(boost::asio::any_io_executor executor,
                                                      std::string named, std::string agent_socket);

/// The path of the private key that `--key PATH` means.
std::string private_key_path(std::string_view named);

/// The user's agent, from $SSH_AUTH_SOCK; empty if there is none.
std::string user_agent_socket();

}  // namespace cfpipe::auth
