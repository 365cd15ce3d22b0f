#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "edge/config.h"
#include "edge/state.h"
#include "edge/tunnel_end.h"

namespace cfpipe::edge {

/// The tunnels that are open, with what may end each before its two sides do. On the site's loop.
class OpenTunnels {
 public:
  struct Tunnel {
    AuditRow row;           ///< its tunnel_open
    std::string client_id;  ///< of a service token
    std::string session;    ///< the sign-in that its token came from
    std::int64_t issued = 0;
    bool terminal = false;   ///< in a browser
    std::int64_t until = 0;  ///< when it has to end, Unix seconds; 0: whenever it likes
    std::shared_ptr<TunnelEnd> end;
  };

  /// For those to come.
  void set_limits(TunnelLimits limits) { limits_ = limits; }
  /// Why another one of these is too many; empty where it is not. A nameless one counts for its address.
  std::string too_many(const std::string& identity, const std::string& peer) const;
  /// Takes it in, however many there are.
  void add(std::int64_t id, Tunnel tunnel);
  /// Its tunnel_open, if it was here.
  std::optional<AuditRow> remove(std::int64_t id);
  void for_each(const std::function<void(std::int64_t id, const Tunnel&)>& visit) const;

  std::size_t size() const { return tunnels_.size(); }
  bool empty() const { return tunnels_.empty(); }

 private:
  using Counts = std::map<std::string, std::size_t, std::less<>>;

  TunnelLimits limits_;
  std::map<std::int64_t, Tunnel> tunnels_;  ///< bounded by the listener's connections, as are these:
  Counts of_user_;
  Counts of_address_;
};

}  // namespace cfpipe::edge
