#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/api/operations.h"
#include "edge/config/config.h"
#include "edge/http/request.h"
#include "edge/identity/tokens.h"
#include "edge/tunnel/registry.h"

namespace cfpipe::edge {

/// Rows of the audit in one answer, at most, and unless it is said.
inline constexpr std::size_t kMaxAuditPage = 1000;
inline constexpr std::size_t kAuditPage = 100;
inline constexpr std::string_view kApiPath = "/cdn-cgi/access/api/v1/";

/// The authenticated user of a request at the auth domain.
struct Caller {
  Identity identity;
  bool administrator = false;
};

/// The JSON API of the auth domain (docs/API.md), for one request of an authenticated user. On the site's
/// loop.
class AdminApi {
 public:
  struct Site {
    Store& store;
    const Config& config;
    const TunnelRegistry& tunnels;
    std::int64_t now;
    /// What the application's policies say of the caller, as at its gate.
    std::function<Verdict(const ApplicationConfig& app, Asking asking)> judge;
  };
  AdminApi(const Site& site, const Request& request, const Caller& caller);

  /// Never throws what a caller could cause.
  Answer answer();
  /// Something was revoked: what is open may have to end.
  bool changed() const { return changed_; }

 private:
  using Run = Answer (AdminApi::*)();
  struct Route {
    std::string_view method;
    std::string_view path;  ///< `*` takes one part
    bool administrators;
    Run run;
  };
  static const std::vector<Route>& routes();
  bool matches(const Route& route);
  Answer failed(const Failure& failure) const;
  using CaAct = std::function<Result<std::vector<std::string>>()>;
  Answer lines(const CaAct& act);
  const ApplicationConfig* app() const;
  const AgentCa* agent() const;
  boost::json::object application(const ApplicationConfig& app) const;
  boost::json::object own_application(const ApplicationConfig& app) const;
  Answer tunnels_of(std::string_view email) const;
  Answer end_tunnel(std::string_view email);
  Answer sign_ins_of(const std::string& email);
  Result<SessionRow> revoke_session(const std::string& session);
  std::string text(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  bool flag(std::string_view name) const;

  Answer me();
  Answer my_applications();
  Answer my_sessions();
  Answer end_my_session();
  Answer my_tunnels();
  Answer end_my_tunnel();
  Answer applications();
  Answer show_ca();
  Answer generate_ca();
  Answer rotate_ca();
  Answer cancel_ca();
  Answer retire_ca();
  Answer revoke_certificates();
  Answer krl();
  Answer known_hosts();
  Answer certify_host();
  Answer test_policies();
  Answer host_keys();
  Answer forget_host_keys();
  Answer service_tokens();
  Answer create_service_token();
  Answer revoke_service_token();
  Answer all_tunnels();
  Answer end_any_tunnel();
  Answer all_sessions();
  Answer audit();
  Answer revoke();

  const Site site_;
  const Request& request_;
  const Caller& caller_;
  Operations operations_;
  std::vector<std::string> path_;  ///< parts behind kApiPath, decoded
  std::string argument_;           ///< what `*` took
  boost::json::object body_;
  bool changed_ = false;
};

/// What a change is answered with that has nothing else to say.
Answer api_done();

/// Why a browser's request that would change something is not believed to come from the auth domain's own
/// page; null: it is. `origin`: that domain's.
const char* foreign_request(const Request& request, std::string_view origin);

}  // namespace cfpipe::edge
