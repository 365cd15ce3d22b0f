#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
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
  limited,   ///< what a limit has refused, by limit
  left_out,  ///< rows that the audit has left out because there were many like them, by cause
};
inline constexpr std::size_t kCounts = static_cast<std::size_t>(Count::left_out) + 1;

/// The counters of one edge, on the site's loop. A label is one of few: an application of the configuration,
/// a class of status, a limit, a cause.
class Counters {
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
  std::size_t refused = 0;       ///< connections closed because of connections_per_address, since the start
  std::uint64_t lost_rows = 0;   ///< of the audit, since the start
  std::size_t spooled_rows = 0;  ///< of the audit, that wait for the state
  std::size_t memory = 0;        ///< bytes held for peers
  std::size_t memory_limit = 0;  ///< and so many at most
  bool records = false;          ///< the audit can be kept
  bool ready = false;
  /// What limits outside the site have refused since the start, by limit.
  std::map<std::string, std::uint64_t, std::less<>> limited;
  /// What was refused for want of memory since the start, by use.
  std::map<std::string, std::uint64_t, std::less<>> memory_refused;
};

/// Both, and what the system says of this process, in Prometheus' text format (0.0.4).
std::string metrics_text(const Counters& counters, const Gauges& gauges);

}  // namespace cfpipe::edge
