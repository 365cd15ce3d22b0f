#include <fmt/core.h>
#include <nghttp2/nghttp2.h>
#include <spdlog/version.h>

#include <CLI/Version.hpp>

#include "base/libraries.h"
#include "connector/command/commands.h"

namespace cfpipe::connector {

std::string version_text(bool verbose) {
  std::vector<Library> libraries;
  if (verbose)
    libraries = {{"CLI11", CLI11_VERSION},
                 {"fmt", version_of_number(FMT_VERSION, 10'000, 100)},
                 {"nghttp2", ::nghttp2_version(0)->version_str, true},
                 {"spdlog", version_of_number(SPDLOG_VERSION, 10'000, 100)},
                 {"yaml-cpp", CFPIPE_YAML_CPP_VERSION, true}};
  return cfpipe::version_text("cfpipe-connector", verbose, std::move(libraries));
}

}  // namespace cfpipe::connector
