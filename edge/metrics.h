#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace cfpipe::edge {

/// What is counted from the start on.
enum class Count {
  requests,       ///< by class of status
  logins,         ///< by application, like all that follow
  failed_logins,  ///< at the identity provider
  denials,
  certificates,
  tunnels_opened,
  tunnels_closed,
  up_bytes,  ///< of tunnels that have ended
  down_bytes,
  unrecorded,  ///< rows that the audit could not take; without a label
};
inline constexpr std::size_t kCounts = static_cast<std::size_t>(Count::unrecorded) + 1;

/// The counters of one edge, on the site's loop. A label is one of few: an application of the configuration,
/// a class of status.
class Tally {
 public:
  void add(Count what, std::string_view label, std::uint64_t by = 1);

 private:
  friend class MetricsText;
  std::array<std::map<std::string, std::uint64_t, std::less<>>, kCounts> counts_;
};

/// What is as it is at the moment.
struct Gauges {
  std::size_t connections = 0;
  std::size_t tunnels = 0;
  std::size_t refused = 0;  ///< connections closed because of connections_per_address, since the start
  bool ready = false;
};

/// Both, and what the system says of this process, in Prometheus' text format (0.0.4).
std::string metrics_text(const Tally& tally, const Gauges& gauges);

}  // namespace cfpipe::edge
