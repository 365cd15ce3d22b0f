#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/login/application_list.h"
#include "cli/console/messages.h"

namespace cfpipe::cli {

/// Lines for a shell by which programs reach an application; empty where a name covers many hosts or paths,
/// or the protocol is unknown. They are made here, of checked parts: people copy them into a shell, and no
/// edge is trusted to write commands for it.
struct WayThere {
  std::string command;  ///< `ssh HOST`; tcp: a command that listens for as long as it runs
  std::string setup;    ///< ssh: to run once on this machine
};

/// An application of the edge at that auth domain, `host` or `host:port`. The edge's applications have its
/// port.
WayThere way_there(const auth::ListedApplication& app, const Authority& auth_domain);

/// The applications that one edge has listed.
struct ListedEdge {
  Authority auth_domain;
  std::vector<auth::ListedApplication> applications;
};

/// An edge whose applications are not listed, and why.
struct UnlistedEdge {
  std::string auth_domain;
  Failure failure;
  Words words;
  bool by_the_way = false;  ///< no failure of the command if another edge is listed

  bool fails(const std::vector<ListedEdge>& listed) const { return !by_the_way || listed.empty(); }
};

/// What `cfpipe list` shows.
struct ApplicationTable {
  std::vector<ListedEdge> listed;
  std::vector<UnlistedEdge> unlisted;

  /// One table of all edges, and below it how ssh is set up for hosts that `set_up` says it is not yet for.
  std::string text(const std::function<bool(std::string_view host)>& set_up) const;
  /// One JSON object on one line. Its keys are part of the interface: docs/CLIENT.md.
  std::string json() const;
};

}  // namespace cfpipe::cli
