#include "cli/session/identity.h"

#include <boost/asio/this_coro.hpp>

#include "auth/certificate/signing.h"
#include "auth/certificate/user_certificate.h"
#include "auth/certificate/user_key.h"
#include "base/clock.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using auth::KeyAndCertificate;
using IdentityPtr = std::shared_ptr<const Identity>;

IdentityPtr identity_of(KeyAndCertificate pair) {
  Identity identity;
  identity.ours = std::make_shared<const KeyAndCertificate>(std::move(pair));
  identity.certificate = {identity.ours, &identity.ours->certificate};
  return std::make_shared<const Identity>(std::move(identity));
}

/// Into files for ssh to find, or only here for the agent.
net::awaitable<Result<auth::Certificate>> certificate_over(const Session& session, const Options& options,
                                                           const auth::UserKey& key, const Secret& token) {
  if (!options.agent.empty()) co_return co_await auth::sign_key(session.access(), token, key.blob);
  const auth::UserCertificate files(session.state(), options.url.host.text(), key_path(options.url));
  co_return co_await auth::renew_user_certificate(session.access(), files, key, token);
}

net::awaitable<Result<IdentityPtr>> certify_user_key(const Session& session, const Options& options,
                                                     const Secret& token) {
  const auto executor = co_await net::this_coro::executor;
  std::string agent = auth::user_agent_socket();
  if (!options.agent.empty() && agent == options.agent) {
    // Some releases of ssh tell their ProxyCommand of IdentityAgent.
    co_return Failure(Stage::certificate, Cause::agent_unreachable,
                      "SSH_AUTH_SOCK names this cfpipe's own socket; --style match works all the same");
  }
  auto key = co_await auth::find_user_key(executor, options.key, std::move(agent));
  if (!key) co_return key.error();
  auto certificate = co_await certificate_over(session, options, *key, token);
  if (!certificate) co_return certificate.error();
  Identity identity;
  identity.certificate = std::make_shared<const auth::Certificate>(std::move(*certificate));
  identity.agent = std::move(key->agent);
  co_return std::make_shared<const Identity>(std::move(identity));
}

}  // namespace

auth::KeyType memory_key_type(const Options& options, const auth::Application* app) {
  if (options.key_type) return *options.key_type;
  return app != nullptr ? app->key_type.value_or(auth::kDefaultKeyType) : auth::kDefaultKeyType;
}

net::awaitable<Result<IdentityPtr>> make_identity(const Session& session, const Options& options,
                                                  const Credentials& credentials) {
  const Secret& token = *credentials.token;
  if (!options.key.empty()) co_return co_await certify_user_key(session, options, token);
  if (options.agent.empty()) {
    const auth::KeyFiles files(session.state(), options.url.host.text(), key_path(options.url));
    auto pair = co_await auth::renew_key_files(session.access(), files, token, options.key_type);
    if (!pair) co_return pair.error();
    co_return identity_of(std::move(*pair));
  }
  auto key = auth::SshKey::generate(memory_key_type(options, credentials.app ? &*credentials.app : nullptr));
  auto certificate = co_await auth::sign_key(session.access(), token, key.public_blob());
  if (!certificate) co_return certificate.error();
  KeyAndCertificate pair{std::move(key), std::move(*certificate)};
  co_return identity_of(std::move(pair));
}

bool good_for_a_while(const Identity& identity) {
  const auto& certificate = *identity.certificate;
  const auto now = static_cast<std::uint64_t>(unix_now() + certificate.clock_offset);
  return certificate.fields.valid_before >= now + auth::kCertReuseMargin;
}

void offer(auth::AgentServer& agent, const Identity& identity) {
  if (identity.ours) {
    agent.offer(identity.ours);
  } else {
    agent.offer(identity.certificate, identity.agent);
  }
}

}  // namespace cfpipe::cli
