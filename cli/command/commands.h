#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "cli/options/options.h"
#include "cli/session/agent_socket.h"
#include "cli/session/event_loop.h"

namespace cfpipe::cli {

/// One function per command, in a file of its name. Each returns the exit status, having reported why if it
/// is not 0.
boost::asio::awaitable<int> run_ssh(Options options, Interrupts& interrupts);
boost::asio::awaitable<int> run_listen(Options options, Interrupts& interrupts);
boost::asio::awaitable<int> run_ssh_gen(Options options, Interrupts& interrupts);
boost::asio::awaitable<int> run_login(Options options);
boost::asio::awaitable<int> run_token(Options options);
boost::asio::awaitable<int> run_curl(Options options);
/// Checks each stage of a connect and prints the results on standard output.
boost::asio::awaitable<int> run_doctor(Options options);
/// Lists the applications that the person may reach, at each edge that has signed them in or at one.
boost::asio::awaitable<int> run_list(Options options);
int run_logout(const Options& options);
/// Prints what this user is signed in to, the certificates in files, and the open sessions.
int run_status(const Options& options);
int run_ssh_config(const Options& options);

/// Paths for generated configuration: this program and its files.
struct Places {
  std::string program;    ///< absolute path of this cfpipe
  std::string state_dir;  ///< absolute
  SocketPlaces sockets{state_dir};
};
/// The ssh_config text for the options: pure. Cause::bad_option for a combination that ssh cannot be told.
Result<std::string> ssh_config_text(const Options& options, const Places& places);

/// Adds the text for options.url.host to ~/.ssh, or removes it (or all of ours), as options.install says.
/// Links are followed to files of this user, which are replaced whole and keep their mode. Reports.
int install_ssh_config(const Options& options, const std::string& lines);

/// True if the token file `name` (`<app>-<AUD>-token`) is of an application that covers `host`.
bool token_file_covers(std::string_view name, std::string_view host);

}  // namespace cfpipe::cli
