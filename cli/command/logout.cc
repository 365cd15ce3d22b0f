#include <string>
#include <vector>

#include "auth/discovery/application.h"
#include "auth/login/token_cache.h"
#include "auth/state/login_lock.h"
#include "auth/state/state_dir.h"
#include "auth/token/jwt.h"
#include "base/platform/temporary_file.h"
#include "cli/command/commands.h"
#include "cli/console/messages.h"

namespace cfpipe::cli {
namespace {

using auth::StateDir;

constexpr std::string_view kTokenFileEnding = "-token";

/// The org token that would silently bring the application token back: that of the token's issuer; empty if
/// the file is none of ours. What this process lacks the descriptors or the memory to read is a failure.
Result<std::string> org_token_of(const StateDir& state, const std::string& token_file) {
  auto file = state.read(token_file);
  if (!file && file.error().cause == Cause::system_short) return file.error();
  if (!file || !*file) return std::string();
  auto token = auth::parse_jwt((*file)->reveal());
  if (!token) return std::string();
  const auto issuer = transport::parse_url(token->text("iss"));
  return issuer ? auth::org_token_file(issuer->authority()) : std::string();
}

Result<std::vector<std::string>> files_to_remove(const StateDir& state, const Options& options) {
  auto tokens = state.list(kTokenFileEnding);
  if (!tokens) return tokens;
  std::vector<std::string> names;
  for (auto& name : *tokens) {
    if (options.has_url && !token_file_covers(name, options.url.host.text())) continue;
    if (options.has_url) {
      auto org = org_token_of(state, name);
      if (!org) return org.error();
      if (!org->empty()) names.push_back(std::move(*org));
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

bool token_file_covers(std::string_view name, std::string_view host) {
  const std::size_t tail = auth::kAudCharacters + 1 + kTokenFileEnding.size();
  if (name.size() <= tail || !name.ends_with(kTokenFileEnding)) return false;
  if (!auth::is_aud(name.substr(name.size() - tail + 1, auth::kAudCharacters))) return false;
  // What follows the host is the path of the application, or its auth domain.
  const auto app = name.substr(0, name.size() - tail + 1);
  if (app.back() != '-') return false;
  if (!app.starts_with("-."))
    return app.size() > host.size() && app.starts_with(host) && app[host.size()] == '-';
  // `-.example.com` was `*.example.com`.
  for (auto dash = app.find('-', 1); dash != std::string_view::npos; dash = app.find('-', dash + 1)) {
    const auto domain = app.substr(1, dash - 1);
    if (host.size() > domain.size() && host.ends_with(domain)) return true;
  }
  return false;
}

int run_logout(const Options& options) {
  auto state = StateDir::open();
  if (!state) return report(state.error());
  sweep_temporary_files(state->path());
  const auto names = files_to_remove(*state, options);
  if (!names) return report(names.error());
  for (const auto& name : *names) {
    auth::LoginLock::remove_finished(*state, name);
    if (auto removed = state->remove(name); !removed) return report(removed.error());
  }
  const std::string host = options.has_url ? options.url.host.text() : std::string();
  if (person_reads(Streams::both_outputs)) print(logged_out_text(host, !names->empty()));
  return kOk;
}

}  // namespace cfpipe::cli
