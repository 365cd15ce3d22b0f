#include "base/libraries.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/version.hpp>

#include "base/text.h"

namespace cfpipe {
namespace {

#ifdef CFPIPE_SHARED_LIBRARIES
constexpr bool kShared = true;
#else
constexpr bool kShared = false;
#endif

/// What OpenSSL's archive needs in turn, as zlib where it compresses certificates.
#ifdef CFPIPE_OPENSSL_CARRIES
constexpr std::string_view kOpensslCarries = " with " CFPIPE_OPENSSL_CARRIES;
#else
constexpr std::string_view kOpensslCarries;
#endif

void add_common(std::vector<Library>& libraries) {
  libraries.push_back({"Boost", version_of_number(BOOST_VERSION, 100'000, 100), false});
  libraries.push_back(
      {"OpenSSL", OpenSSL_version(OPENSSL_FULL_VERSION_STRING) + std::string(kOpensslCarries), true});
#ifdef _GLIBCXX_RELEASE
  libraries.push_back({"libstdc++", std::to_string(_GLIBCXX_RELEASE), true});
#endif
}

}  // namespace

std::string version_of_number(int number, int major, int minor) {
  return std::to_string(number / major) + '.' + std::to_string(number % major / minor) + '.' +
         std::to_string(number % minor);
}

std::string version_text(std::string_view program, bool verbose, std::vector<Library> more) {
  std::string out = std::string(program) + " " + CFPIPE_VERSION + "\n";
  if (!verbose) return out;
  add_common(more);
  std::sort(more.begin(), more.end(),
            [](const Library& a, const Library& b) { return lower(a.name) < lower(b.name); });
  out += "Libraries inside:\n";
  for (const auto& library : more)
    out += "  " + library.name + " " + library.version +
           (library.may_be_shared && kShared ? " (the system's, shared)\n" : "\n");
  return out;
}

}  // namespace cfpipe
