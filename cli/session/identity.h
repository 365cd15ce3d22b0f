#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "auth/agent/server.h"
#include "auth/certificate/key_files.h"
#include "cli/session/credentials.h"
#include "cli/session/session.h"

namespace cfpipe::cli {

/// A certificate and the holder of its key: this process, ssh, or the user's agent.
struct Identity {
  std::shared_ptr<const auth::KeyAndCertificate> ours;  ///< with the key, if this process holds it; or null
  std::shared_ptr<const auth::Certificate> certificate;
  std::string agent;  ///< socket of the user's, or empty
};

/// Type of keys generated in memory: --key-type, else what the edge names for the application (`app`
/// may be null), else auth::kDefaultKeyType. Key files do not follow the edge: programs read them as
/// cloudflared writes them.
auth::KeyType memory_key_type(const Options& options, const auth::Application* app);

/// Has the key that the options name certified, or one that is made for it: in memory if there is an agent to
/// serve, else in files. The credentials have a token. Stages certificate and state; and dns to http.
boost::asio::awaitable<Result<std::shared_ptr<const Identity>>> make_identity(const Session& session,
                                                                              const Options& options,
                                                                              const Credentials& credentials);

/// Whether the certificate is valid long enough not to be renewed yet.
bool good_for_a_while(const Identity& identity);

/// Makes the agent answer with this identity.
void offer(auth::AgentServer& agent, const Identity& identity);

}  // namespace cfpipe::cli
