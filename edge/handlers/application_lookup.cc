// Which application a request is about: by its host, and by its path where applications share a host.
#include <algorithm>

#include "auth/ssh/key_type_claim.h"
#include "base/text.h"
#include "edge/handlers/router.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

}  // namespace

AccessSite::Place AccessSite::place_of(const Request& request) const {
  Place place;
  for (const AppName* name : app_index_.at(request.host)) place.apps.push_back(find_app(name->text()));
  if (place.apps.empty()) return place;
  const bool own_page = request.path.starts_with(kOwnPaths);
  // The edge's own pages are on the host, not below the application's path: a parameter says whose they are.
  if (const std::string aud = own_page ? request.query_value("aud") : std::string(); !aud.empty()) {
    const auto named = std::find_if(place.apps.begin(), place.apps.end(),
                                    [&aud](const auto& app) { return app->aud == aud; });
    if (named != place.apps.end()) place.app = *named;
    return place;
  }
  const AppIndex::Found found =
      app_index_.find(request.host, own_page ? std::string_view("/") : std::string_view(request.path));
  place.ambiguous = found.ambiguous;
  if (found.name != nullptr) place.app = find_app(found.name->text());
  return place;
}

/// What a link to the login is about; null if the host has no such application.
std::shared_ptr<const AccessSite::App> AccessSite::login_app(std::string_view host, std::string_view target,
                                                             std::string_view kid) const {
  if (host == config_.auth_host) return kid.empty() || kid == dashboard_->aud ? dashboard_ : nullptr;
  if (!kid.empty()) {
    const auto app = find_app_by_aud(kid);
    return app != nullptr && app->name.covers_host(host) ? app : nullptr;
  }
  const std::string_view path = path_of(target);
  const auto found = app_index_.find(host, path.starts_with(kOwnPaths) ? "/" : path);
  return found.name != nullptr ? find_app(found.name->text()) : nullptr;
}

/// The host has applications, and the path belongs to none of them.
Answer AccessSite::nowhere(const Place& place) {
  if (place.ambiguous) return text_answer(400, "the path can be read in more than one way");
  return text_answer(404, "no application of this host is on that path");
}

/// Signing costs a millisecond and anybody may ask, so one answer serves for minutes. The hosts of an
/// application of many are made up by whoever asks: each address gets so many of those signed, and goes on
/// without, by the redirect to the login, which costs nothing.
void AccessSite::add_metadata(const Request& request, App* app, Answer& answer) {
  if (app == nullptr || !same_text(request.header("Cf-Access-Metadata-Request"), "true")) return;
  const std::int64_t now = now_();
  App::Metadata& kept = app->metadata.touch(request.host, [](const App::Metadata&) {});
  if (kept.text.empty() || kept.time > now || kept.time + kMetadataSeconds <= now) {
    if (app->name.is_pattern() && limits_.metadata.take(address_key(request.peer), now) > 0)
      return tally_.add(Count::limited, "metadata");
    Tokens::Served served{request.host, app->name.text(), {}};
    if (app->config->certificates)
      served.key_type = auth::key_type_claim(ssh_ca_.user_key_type(*app->config));
    kept.text = tokens_.metadata(served, auth_authority(), app->aud, now);
    kept.time = now;
  }
  answer.headers.emplace_back("Cf-Access-Metadata", kept.text);
}

}  // namespace cfpipe::edge
