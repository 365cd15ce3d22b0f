#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "edge/command/commands.h"

namespace cfpipe::edge {

/// What the command line says, of whichever command.
struct Options {
  std::string config_path;
  DevOptions dev;
  StateOption state;
  PolicyTestOptions policy_test;
  HostCertificateOptions host_key;
  RevokeOptions revocation;
  SshdSetupOptions sshd;
  std::string admin_listen;
  bool supervised = false;
  std::string output;
  std::string app;
  std::string key_type;
  std::string name;
  std::string auth_domain;  ///< of connectors
  std::string session;
  std::string duration = "8760h";
  AuditOptions audit;
  TunnelListOptions tunnels;
  std::int64_t tunnel = 0;
  bool json = false;
  bool yes = false;  ///< nothing is asked before it is done
};

// Options that several commands have.
CLI::Option* add_config_option(CLI::App& command, std::string& path);
void add_state_options(CLI::App& command, StateOption& option);
void add_json(CLI::App& command, bool& json);

/// The commands of administrators that look into the state and change it. `status` is what one returns.
void add_administration(CLI::App& root, Options& options, int& status);

}  // namespace cfpipe::edge
