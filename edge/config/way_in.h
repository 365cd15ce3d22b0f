#pragma once

#include <string>

#include "edge/config/config.h"

namespace cfpipe::edge {

/// Lines for a shell on a person's machine by which programs reach an application.
struct WayIn {
  std::string setup;    ///< ssh: to run once on each machine; tcp: empty
  std::string command;  ///< `ssh HOST`; tcp: a command that listens for as long as it runs
  std::string local;    ///< tcp: the address that `command` listens at; ssh: empty
};

/// `host`: one that the application covers, as ssh calls it. `place`: the same with the public port and the
/// application's path, if any. Neither may come from a request: people copy the lines into a shell.
WayIn way_in(const ApplicationConfig& app, const std::string& host, const std::string& place,
             const std::string& auth_domain);

/// The host with the port, if that is not the one of https, as an https URL has it.
std::string https_authority(std::string_view host, std::uint16_t port);

}  // namespace cfpipe::edge
