#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/ca/ssh_ca.h"
#include "edge/config/config.h"
#include "edge/http/request.h"
#include "edge/limits/recent_parties.h"
#include "edge/policy/app_name.h"
#include "edge/store/key_store.h"

namespace cfpipe::edge {

/// What the edge's own pages are below, on every host.
inline constexpr std::string_view kOwnPaths = "/cdn-cgi/";
/// Hosts of one application whose metadata are kept: of an application of many hosts, strangers choose which.
inline constexpr std::size_t kMaxMetadataHosts = 64;

/// An application of one configuration. A reload makes others; a handler that waits keeps the one it began
/// with.
struct Application {
  std::shared_ptr<const ApplicationConfig> config;
  AppName name;
  std::string aud;
  struct Metadata {
    std::string text;
    std::int64_t time = 0;  ///< when it was made
  };
  RecentParties<Metadata> metadata{kMaxMetadataHosts};  ///< by host
};

/// Where a request leads at a host of applications.
struct Place {
  std::vector<std::shared_ptr<Application>> apps;  ///< all that have the host, the most specific first
  /// Whose the path is; of the edge's own pages that of the parameter `aud`, else that of `/`. May be null.
  std::shared_ptr<Application> app;
  bool ambiguous = false;  ///< null because the path has no one reading
};
/// The answer where the host has applications, and the path belongs to none of them.
Answer nowhere(const Place& place);

/// The applications of one configuration, by name, audience, host and path; and the auth domain as something
/// to sign in to.
class ApplicationTable {
 public:
  using Apps = std::map<std::string, std::shared_ptr<Application>, std::less<>>;

  ApplicationTable() = default;
  /// Makes an audience, and a CA where the application wants one here, for each application that is new.
  static Result<ApplicationTable> make(const Config& config, KeyStore& keys, SshCa& ssh_ca);

  const Apps& all() const { return apps_; }
  /// Null: there is none.
  std::shared_ptr<Application> find(std::string_view name) const;
  /// The auth domain's too.
  std::shared_ptr<const Application> find_by_aud(std::string_view aud) const;
  bool has_host(std::string_view host) const { return !index_.at(host).empty(); }
  Place place_of(const Request& request) const;
  /// What a link to the login is about; null if the host has no such application. `kid`: its audience, or
  /// empty.
  std::shared_ptr<const Application> for_login(std::string_view host, std::string_view target,
                                               std::string_view kid) const;
  const std::shared_ptr<const Application>& dashboard() const { return dashboard_; }
  /// Metadata that were signed before are signed anew.
  void forget_metadata();

 private:
  Apps apps_;
  AppIndex index_;                                ///< of apps_
  std::shared_ptr<const Application> dashboard_;  ///< the auth domain
};

}  // namespace cfpipe::edge
