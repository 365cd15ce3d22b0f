#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/api/operations.h"
#include "edge/config/config.h"
#include "edge/connector/registry.h"
#include "edge/http/request.h"
#include "edge/identity/tokens.h"
#include "edge/tunnel/registry.h"

namespace cfpipe::edge {

/// The authenticated user of a request at the auth domain.
struct Caller {
  Identity identity;
  bool administrator = false;
};

/// What the API answers about. All of it outlives the call.
struct ApiSite {
  Store& store;
  const Config& config;
  const TunnelRegistry& tunnels;
  const ConnectorRegistry& connectors;
  std::string_view edge;  ///< name of this process among those that serve from the store
  std::int64_t now;
  /// What the application's policies say of the caller, as at its gate.
  std::function<Verdict(const ApplicationConfig& app, Asking asking)> judge;
};

/// One request to the API: what was asked, its caller, and the administrators' operations by which it is
/// carried out.
struct ApiCall {
  ApiCall(const ApiSite& about, const Request& asked, const Caller& by)
      : site(about),
        request(asked),
        caller(by),
        operations(about.store, about.now, {by.identity.email, asked.peer, asked.ray}) {}

  // Of the body; empty or false where it has no such member of that type.
  std::string text(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  bool flag(std::string_view name) const;
  /// The application that the path names; null: this edge serves none of that name.
  const ApplicationConfig* app() const;
  /// The agent that holds its CA; null: the edge does, or there is none.
  const AgentCa* agent() const;

  const ApiSite& site;
  const Request& request;
  const Caller& caller;
  Operations operations;
  std::string argument;      ///< what the `*` of the route's path took
  boost::json::object body;  ///< empty where the request has none
  bool changed = false;      ///< something was revoked: what is open may have to end
};

/// A path of the API and what answers it.
struct ApiRoute {
  std::string_view method;
  std::string_view path;  ///< behind kApiPath; `*` takes one part
  bool administrators;    ///< only they may ask
  Answer (*run)(ApiCall& call);
};

/// The answer to an operation that has failed.
Answer failed(const Failure& failure);
/// What a change is answered with that has nothing else to say.
Answer api_done();

}  // namespace cfpipe::edge
