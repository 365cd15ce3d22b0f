#include <fmt/core.h>
#include <libssh/libssh.h>
#include <nghttp2/nghttp2.h>
#include <sodium/version.h>
#include <spdlog/version.h>
#include <sqlite3.h>
#include <zlib.h>

#include <CLI/Version.hpp>
#include <algorithm>

#include "base/libraries.h"
#include "edge/command/commands.h"

namespace cfpipe::edge {
namespace {

/// npm's packages in the page of the terminal, as the build knows them: `NAME VERSION,NAME VERSION`.
constexpr std::string_view kTerminalPackages = CFPIPE_TERMINAL_PACKAGES;

void add_terminal_packages(std::vector<Library>& libraries) {
  std::string_view rest = kTerminalPackages;
  while (!rest.empty()) {
    const auto package = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), package.size() + 1));
    const auto space = package.find(' ');
    libraries.push_back({std::string(package.substr(0, space)), std::string(package.substr(space + 1))});
  }
}

}  // namespace

std::string version_text(bool verbose) {
  std::vector<Library> libraries;
  if (verbose) {
    const std::string libssh = ::ssh_version(0);  // 0.10.6/openssl/zlib
    libraries = {{"CLI11", CLI11_VERSION},
                 {"fmt", version_of_number(FMT_VERSION, 10'000, 100)},
                 {"libsodium", ::sodium_version_string(), true},
                 {"libssh", libssh.substr(0, libssh.find('/')), true},
                 {"nghttp2", ::nghttp2_version(0)->version_str, true},
                 {"spdlog", version_of_number(SPDLOG_VERSION, 10'000, 100)},
                 {"SQLite", ::sqlite3_libversion(), true},
                 {"yaml-cpp", CFPIPE_YAML_CPP_VERSION, true},
                 {"zlib", ::zlibVersion(), true}};
    add_terminal_packages(libraries);
  }
  return version_text("cfpipe-edge", verbose, std::move(libraries));
}

}  // namespace cfpipe::edge
