#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "auth/agent/server.h"
#include "auth/certificate/key_files.h"
#include "cli/session/credentials.h"
#include "cli/session/session.h"

namespace cfpipe::cli {

/// A certificate, and who has the key under it: this process, ssh, or the user's agent.
struct Identity {
  std::shared_ptr<const auth::KeyAndCertificate> ours;  ///< with its key, or null
  std::shared_ptr<const auth::Certificate> certificate;
  std::string agent;  ///< socket of the user's, or empty
};

/// The kind of a key that is made in memory: --key-type, else what the edge names for the application (`app`
/// may be null), else auth::kDefaultKeyType. Key files do not follow the edge: programs read them as
/// cloudflared writes them.
auth::KeyType memory_key_type(const Options& options, const auth::Application* app);

/// Has the key that the options name certified, or one that is made for it: in memory if there is an agent to
/// serve, else in files. The credentials have a token. Stages certificate and state; and dns to http.
boost::asio::awaitable<Result<std::shared_ptr<const Identity>>> make_identity(const Session& session,
                                                                              const Options& options,
                                                                              const Credentials& credentials);

/// True if it need not be made again yet.
bool good_for_a_while(const Identity& identity);

/// From here on the agent answers with it.
void offer(auth::AgentServer& agent, const Identity& identity);

}  // namespace cfpipe::cli
