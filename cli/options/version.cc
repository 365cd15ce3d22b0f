#include "cli/options/version.h"

#include <fmt/core.h>
#include <nghttp2/nghttp2.h>
#include <sodium/version.h>
#include <spdlog/version.h>

#include <CLI/Version.hpp>

#include "base/libraries.h"

namespace cfpipe::cli {

std::string version_text(bool verbose) {
  std::vector<Library> libraries;
  if (verbose)
    libraries = {{"CLI11", CLI11_VERSION},
                 {"fmt", version_of_number(FMT_VERSION, 10'000, 100)},
                 {"libsodium", ::sodium_version_string(), true},
                 {"nghttp2", ::nghttp2_version(0)->version_str, true},
                 {"spdlog", version_of_number(SPDLOG_VERSION, 10'000, 100)}};
  return version_text("cfpipe", verbose, std::move(libraries));
}

}  // namespace cfpipe::cli
