#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "edge/monitoring/histogram.h"

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
  tunnels_resumed,
  up_bytes,  ///< of tunnels that have ended; Gauges has those of open ones
  down_bytes,
  limited,             ///< what a limit has refused, by limit
  left_out,            ///< rows that the audit has left out because there were many like them, by cause
  connector_refusals,  ///< enrolments and attachments of connectors, by cause
};
inline constexpr std::size_t kCounts = static_cast<std::size_t>(Count::connector_refusals) + 1;

/// The counters of one edge, on the site's loop. A label is one of few: an application of the configuration,
/// a class of status, a limit, a cause.
class Counters {
 public:
  void add(Count what, std::string_view label, std::uint64_t by = 1);
  Histogram requests;      ///< from the site's first look at one to its answer, polls that wait left out
  Histogram certificates;  ///< from a request that is granted to the signature and its row in the audit

 private:
  friend class MetricsText;
  std::array<std::map<std::string, std::uint64_t, std::less<>>, kCounts> counts_;
};

/// An identity provider as its last request found it.
struct ProviderHealth {
  bool answers = false;  ///< below 500, and in time
  Histogram requests;
};

/// Payload of tunnels, in bytes.
struct TunnelBytes {
  std::uint64_t up = 0;
  std::uint64_t down = 0;
};

/// What is as it is at the moment.
struct Gauges {
  std::size_t connections = 0;
  std::size_t tunnels = 0;
  std::size_t tunnels_detached = 0;       ///< of these; their clients may come back
  std::size_t connectors = 0;             ///< that are attached, each run of one
  std::size_t connector_connections = 0;  ///< of these
  std::size_t connector_tunnels = 0;      ///< through these
  std::size_t refused = 0;       ///< connections closed because of connections_per_address, since the start
  std::uint64_t lost_rows = 0;   ///< of the audit, since the start
  std::size_t spooled_rows = 0;  ///< of the audit, that wait for the state
  std::size_t memory = 0;        ///< bytes held for peers
  std::size_t memory_limit = 0;  ///< and so many at most
  std::int64_t certificate_expires = 0;  ///< of TLS, Unix seconds; 0: there is none
  /// Of open tunnels, by application.
  std::map<std::string, TunnelBytes, std::less<>> open_bytes;
  /// Those that have been asked something, by name.
  std::map<std::string, ProviderHealth, std::less<>> providers;
  bool records = false;  ///< the audit can be kept
  bool ready = false;
  /// What limits outside the site have refused since the start, by limit.
  std::map<std::string, std::uint64_t, std::less<>> limited;
  /// What was refused for want of memory since the start, by use.
  std::map<std::string, std::uint64_t, std::less<>> memory_refused;
};

/// Both, and what the system says of this process, in Prometheus' text format (0.0.4).
std::string metrics_text(const Counters& counters, const Gauges& gauges);

}  // namespace cfpipe::edge
