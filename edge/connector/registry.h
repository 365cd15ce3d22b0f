#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/platform/wakeup.h"
#include "edge/connector/link.h"

namespace cfpipe::edge {

/// Connections that one connector may have at once: they carry 100 tunnels each.
inline constexpr std::size_t kMaxLinksOfConnector = 32;
/// Connections of all connectors of a process.
inline constexpr std::size_t kMaxLinks = 8'192;

/// The connectors that are attached to this process. From any thread.
class ConnectorRegistry {
 public:
  /// Takes a connection in, from its loop. False: the connector has too many.
  bool add(const std::shared_ptr<ConnectorLink>& link);
  void remove(const std::shared_ptr<ConnectorLink>& link);
  /// Whether add() would take another connection of the connector of that id and name now.
  bool has_room_for(std::string_view id, std::string_view name) const;

  using Tunnel = ConnectorLink::Tunnel;
  /// Another tunnel's place on a connection of a connector of one of these names: that of the least busy
  /// connector, and of its connections the least busy, one of `loop` before others. It counts from now on,
  /// so that tunnels which begin together are shared too. Null: none is attached that has room. `except`: has
  /// been tried.
  std::shared_ptr<Tunnel> choose(const std::vector<std::string>& names,
                                 const boost::asio::any_io_executor& loop,
                                 const std::set<std::shared_ptr<ConnectorLink>>& except = {}) const;
  /// The same for the loop of the caller; waits until the deadline for one to attach, as they do after a
  /// restart of the edge.
  boost::asio::awaitable<std::shared_ptr<Tunnel>> wait_for(std::vector<std::string> names,
                                                           std::set<std::shared_ptr<ConnectorLink>> except,
                                                           std::chrono::steady_clock::time_point deadline);
  /// Whether a connector of one of these names is attached, with room or without.
  bool is_attached(const std::vector<std::string>& names) const;

  /// A connector, by run: two with the same enrolment, which one has been copied from, show as two.
  struct Attached {
    std::string id;
    std::string name;
    std::string instance;
    std::string version;
    std::string peer;        ///< address of its first connection
    std::int64_t since = 0;  ///< Unix seconds
    std::size_t connections = 0;
    std::size_t tunnels = 0;
  };
  /// By name, then by the time of attachment.
  std::vector<Attached> list() const;
  /// Ends the connections of that enrolment, with their tunnels. Returns how many.
  std::size_t end(std::string_view id, const std::string& why);

 private:
  using Links = std::vector<std::shared_ptr<ConnectorLink>>;
  class Waiting;
  Links of_id(std::string_view id) const;
  bool has_room(const Links& links, std::string_view id) const;

  mutable std::mutex mutex_;
  std::map<std::string, Links, std::less<>> links_;  ///< by name
  std::size_t count_ = 0;
  std::set<std::shared_ptr<Wakeup>> waiting_;  ///< for one to attach; a tunnel to come has one
};

}  // namespace cfpipe::edge
