#include <unistd.h>

#include <boost/asio/this_coro.hpp>

#include "auth/certificate/signing.h"
#include "auth/certificate/user_certificate.h"
#include "auth/certificate/user_key.h"
#include "auth/discovery/discovery.h"
#include "auth/login/login.h"
#include "auth/login/token_cache.h"
#include "base/clock.h"
#include "cli/command/commands.h"
#include "cli/command/doctor_steps.h"
#include "cli/console/messages.h"
#include "cli/session/hangup_watch.h"
#include "cli/session/session.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;

/// What is to be certified and where that goes: a key of ours, or (`users`) one of the user's.
struct Target {
  const auth::KeyFiles& ours;
  const auth::UserCertificate& users;
  std::optional<auth::UserKey> user_key;
  std::optional<auth::KeyType> type;
};

/// True if what is on disk is good for a while.
Result<bool> is_fresh(const Target& target) {
  if (target.user_key) {
    auto loaded = target.users.load(target.user_key->blob, unix_now());
    if (!loaded) return loaded.error();
    return loaded->has_value();
  }
  auto loaded = target.ours.load(unix_now(), target.type);
  if (!loaded) return loaded.error();
  return loaded->has_value();
}

net::awaitable<Result<void>> sign(const auth::Access& access, const Target& target, const Secret& token) {
  if (target.user_key) {
    auto made = co_await auth::renew_user_certificate(access, target.users, *target.user_key, token);
    if (!made) co_return made.error();
  } else {
    auto made = co_await auth::renew_key_files(access, target.ours, token, target.type);
    if (!made) co_return made.error();
  }
  co_return Result<void>();
}

/// Token and signature; once more with a new token if the edge did not take the first.
net::awaitable<Result<void>> renew(const Session& session, const Target& target) {
  auto app = co_await auth::discover(session.access());
  if (!app) co_return app.error();
  for (bool again = true;; again = false) {
    auto token = co_await auth::obtain_app_token(session.access(), *app);
    if (!token) co_return token.error();
    auto done = co_await sign(session.access(), target, *token);
    if (done || !again || !auth::token_was_refused(done.error())) co_return done;
    auto dropped = auth::drop_app_token(session.state(), *app, *token);
    if (!dropped) co_return dropped.error();
  }
}

/// Of a URL with a scheme the public client leaves the path out of the names, and existing configurations
/// have those: what is there by them is replaced unless it is good and of another authority, for another
/// application.
Result<void> store_by_host(const Session& session, const Options& options, const auth::KeyFiles& ours) {
  if (!options.key.empty() || key_path(options.url).empty()) return {};
  const auto pair = ours.load(unix_now(), options.key_type);
  if (!pair) return pair.error();
  const auth::KeyFiles by_host(session.state(), options.url.host.text(), {});
  const auto there = by_host.load(unix_now());
  if (!there) return there.error();
  if (!*pair) return {};
  const auto& certificate = (*pair)->certificate;
  const bool stays = *there && ((*there)->certificate.ca_blob != certificate.ca_blob ||
                                (*there)->certificate.blob == certificate.blob);
  return stays ? Result<void>() : by_host.store((*pair)->key, certificate);
}

/// Makes what is not on disk yet, or not for long any more.
net::awaitable<Result<void>> generate(const Session& session, const Target& target, Interrupts& interrupts) {
  const auto fresh = is_fresh(target);
  if (!fresh) co_return fresh.error();
  if (*fresh) co_return Result<void>();
  const auto executor = co_await net::this_coro::executor;
  const ParentWatch watch(executor, STDIN_FILENO, STDOUT_FILENO, [&interrupts] { interrupts.raise(); });
  co_return co_await renew(session, target);
}

void tell_of_certificate(const Target& target) {
  if (!person_reads(Streams::both_outputs)) return;
  const auto made = target.user_key ? target.users.certificate() : target.ours.certificate();
  if (!made) return;  // another process is just replacing it
  const auto left = static_cast<std::int64_t>(made->fields.valid_before) - unix_now();
  const std::string file = target.user_key ? target.users.cert_path() : target.ours.cert_path();
  print(certificate_text(file, principals_text(made->fields), duration_text(left)));
}

}  // namespace

net::awaitable<int> run_ssh_gen(Options options, Interrupts& interrupts) {
  const auto executor = co_await net::this_coro::executor;
  auto session = Session::open(executor, options);
  if (!session) co_return report(session.error());
  const auto& state = (*session)->state();
  const auth::KeyFiles ours(state, options.url.host.text(), key_path(options.url));
  const auth::UserCertificate users(state, options.url.host.text(), key_path(options.url));
  Target target{ours, users, {}, options.key_type};
  if (!options.key.empty()) {
    auto found = co_await auth::find_user_key(executor, options.key, auth::user_agent_socket());
    if (!found) co_return report(found.error());
    target.user_key = std::move(*found);
  }
  const auto generated = co_await generate(**session, target, interrupts);
  if (!generated) co_return report(generated.error());
  if (const auto stored = store_by_host(**session, options, ours); !stored) co_return report(stored.error());
  tell_of_certificate(target);
  co_return kOk;
}

}  // namespace cfpipe::cli
