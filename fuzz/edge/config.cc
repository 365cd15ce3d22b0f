// The configuration of an edge: any text is a configuration within its bounds, or has faults with their
// lines.
#include "edge/config/config.h"

#include "base/text.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::edge;

void check_application(const ApplicationConfig& app, const Config& config) {
  require(!app.hostname.empty() && lower(app.hostname) == app.hostname, "an application has a host");
  require(app.origin_path.empty() ? !app.origin_host.empty() && app.origin_port != 0
                                  : app.origin_path.starts_with('/'),
          "an application has an origin");
  require(app.session_duration >= kMinSession && app.session_duration <= kMaxSession, "a session has bounds");
  require(app.session_limit.count() == 0 || app.session_limit >= kMinSessionLimit,
          "a tunnel's time has a bound");
  require(app.host_keys.size() <= kMaxHostKeys, "host keys have a bound");
  if (!app.certificates) return;
  require(app.certificates->ttl >= kMinCertificateTtl && app.certificates->ttl <= kMaxCertificateTtl,
          "a certificate's time has bounds");
  require(app.certificates->force_command.size() <= kMaxForceCommandBytes, "a command has a bound");
  require(!app.certificates->root_by_email || config.identity_provider == IdentityProvider::dev,
          "no account is root by an address");
}

void check(const Config& config) {
  require(!config.auth_host.empty() && config.public_port != 0, "an edge has an auth domain");
  require(config.threads == 0 || config.threads <= 256, "loops have a bound");
  require(config.session_duration >= kMinSession && config.session_duration <= kMaxSession,
          "a session has bounds");
  require(config.certificates_per_user <= kMaxPerMinute, "certificates have a bound");
  require(groups_named(config).size() <= kMaxGroups, "groups have a bound");
  require(claims_named(config).size() <= kMaxClaims, "claims have a bound");
  for (const auto& app : config.applications) check_application(app, config);
}

void check_time(std::string_view text) {
  if (const auto time = parse_time(text)) {
    const auto printed = rfc3339(*time);
    require(printed.size() == 20 && (printed == text || printed.substr(0, 10) == text),
            "a time is one that there is");
    require(parse_time(printed) == time, "a time prints as itself");
  }
  if (const auto duration = parse_duration(text)) {
    require(duration->count() >= 0, "a duration is not negative");
    // Longer ones have more hours than are taken.
    if (*duration <= std::chrono::hours(1'000'000))
      require(parse_duration(duration_text(*duration)) == duration, "a duration prints as itself");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = parse_config(text);
  // A line ends with any of the breaks that YAML knows.
  const auto lines =
      1 + std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r');
  for (const auto& fault : loaded.faults) {
    require(fault.line >= 0 && fault.line <= lines + 1, "a fault is in a line that there is");
    require(!fault.text.empty(), "a fault says what it is");
  }
  if (loaded.faults.empty()) check(loaded.config);
  check_time(text);
  (void)parse_listener(text, 443);
  return 0;
}
