// An edge's list of a person's applications: what is read of it is bounded, and means nothing to a shell, to
// ssh or to a terminal. Lines that people copy are made of it.
#include "auth/login/application_list.h"

#include <algorithm>

#include "base/host.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./~*").find(c) != std::string_view::npos;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = auth::parse_application_list({reinterpret_cast<const char*>(data), size});
  if (!list) {
    require(list.error().stage == Stage::http, "a bad list is the answer's fault");
    return 0;
  }
  require(list->size() <= auth::kMaxListedApplications, "a list has so many entries");
  for (const auto& app : *list) {
    require(app.hostname.size() <= auth::kMaxListedNameBytes, "a name has so many bytes");
    require(app.protocol.size() <= auth::kMaxListedProtocolBytes, "a protocol has so many bytes");
    require(is_plain(app.hostname) && is_plain(app.protocol), "a text means nothing to a shell");
    require(!app.hostname.starts_with('-'), "a name is no option");
    const auto host = Host::parse(app.hostname.substr(0, app.hostname.find('/')), Wildcards::allowed);
    require(host && app.hostname.starts_with(host->text()), "a name begins with a canonical host");
  }
  return 0;
}
