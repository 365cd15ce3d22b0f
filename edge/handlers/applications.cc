// Which application a request is about: by its host, and by its path where applications share a host.
#include "edge/handlers/applications.h"

#include <algorithm>
#include <utility>

#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

Result<std::shared_ptr<Application>> application_of(std::shared_ptr<const ApplicationConfig> config,
                                                    KeyStore& keys) {
  auto aud = keys.audience(config->hostname);
  if (!aud) return aud.error();
  auto name = AppName::parse(config->hostname);
  if (!name) return name.error();
  auto out = std::make_shared<Application>();
  out->config = std::move(config);
  out->name = std::move(*name);
  out->aud = std::move(*aud);
  return out;
}

/// The auth domain as an application: it admits each person of the provider, who sees their own sessions.
std::shared_ptr<const ApplicationConfig> dashboard_config(const Config& config) {
  auto app = std::make_shared<ApplicationConfig>();
  app->hostname = config.auth_host;
  app->session_duration = config.session_duration;
  Policy everyone;
  everyone.name = "dashboard";
  everyone.include.emplace_back();
  app->policies.push_back(std::move(everyone));
  return app;
}

}  // namespace

Answer nowhere(const Place& place) {
  if (place.ambiguous) return text_answer(400, "the path can be read in more than one way");
  return text_answer(404, "no application of this host is on that path");
}

Result<ApplicationTable> ApplicationTable::make(const Config& config, KeyStore& keys, SshCa& ssh_ca) {
  ApplicationTable out;
  std::vector<AppName> names;
  for (const ApplicationConfig& app : config.applications) {
    auto made = application_of(std::make_shared<const ApplicationConfig>(app), keys);
    if (!made) return made.error();
    names.push_back((*made)->name);
    out.apps_.emplace(app.hostname, std::move(*made));
    if (!app.certificates || app.certificates->agent) continue;
    if (auto ensured = ssh_ca.ensure(app.hostname); !ensured) return ensured.error();
  }
  out.index_ = AppIndex(std::move(names));
  auto dashboard = application_of(dashboard_config(config), keys);
  if (!dashboard) return dashboard.error();
  out.dashboard_ = std::move(*dashboard);
  return out;
}

std::shared_ptr<Application> ApplicationTable::find(std::string_view name) const {
  const auto found = apps_.find(name);
  return found == apps_.end() ? nullptr : found->second;
}

std::shared_ptr<const Application> ApplicationTable::find_by_aud(std::string_view aud) const {
  for (const auto& [host, app] : apps_)
    if (app->aud == aud) return app;
  return dashboard_->aud == aud ? dashboard_ : nullptr;
}

Place ApplicationTable::place_of(const Request& request) const {
  Place place;
  for (const AppName* name : index_.at(request.host)) place.apps.push_back(find(name->text()));
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
      index_.find(request.host, own_page ? std::string_view("/") : std::string_view(request.path));
  place.ambiguous = found.ambiguous;
  if (found.name != nullptr) place.app = find(found.name->text());
  return place;
}

std::shared_ptr<const Application> ApplicationTable::for_login(std::string_view host, std::string_view target,
                                                               std::string_view kid) const {
  if (host == dashboard_->config->hostname)
    return kid.empty() || kid == dashboard_->aud ? dashboard_ : nullptr;
  if (!kid.empty()) {
    const auto app = find_by_aud(kid);
    return app != nullptr && app->name.covers_host(host) ? app : nullptr;
  }
  const std::string_view path = path_of(target);
  const auto found = index_.find(host, path.starts_with(kOwnPaths) ? "/" : path);
  return found.name != nullptr ? find(found.name->text()) : nullptr;
}

void ApplicationTable::forget_metadata() {
  for (auto& [name, app] : apps_) app->metadata = RecentParties<Application::Metadata>(kMaxMetadataHosts);
}

}  // namespace cfpipe::edge
