#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "edge/store/tunnel_store.h"
#include "edge/tunnel/published_attachments.h"
#include "edge/tunnel/registry.h"

namespace cfpipe::edge {

/// Changes that are written at once: the rest follows a second later. And how often a process with open
/// tunnels says that it lives, in seconds.
inline constexpr std::size_t kMaxPublishedChanges = 1'000;
inline constexpr std::int64_t kSignOfLifeSeconds = 10;

/// An open tunnel of this process as others are shown it, but for the name of the process.
OpenTunnelRow published_row(std::int64_t id, const TunnelRegistry::Tunnel& tunnel);

/// Writes this process's open tunnels and attached connectors to the store, where commands and other
/// processes see them. While there is none it writes nothing. On the site's loop.
class PublishedTunnels {
 public:
  /// `tunnels` and `store` outlive it.
  PublishedTunnels(boost::asio::any_io_executor executor, const TunnelRegistry& tunnels, TunnelStore& store);
  ~PublishedTunnels();
  PublishedTunnels(const PublishedTunnels&) = delete;
  PublishedTunnels& operator=(const PublishedTunnels&) = delete;

  /// The name of this process in the store.
  const std::string& edge() const { return edge_; }
  /// Every second: writes what has changed, unless the write before it is still under way. `attached`: the
  /// connectors of this process, in any order.
  void follow(std::int64_t now, std::vector<AttachmentRow> attached = {});
  /// The process ends: the store forgets it, as soon as the loop has run on and the store has gone.
  void withdraw();

 private:
  /// What may change of a tunnel.
  struct Written {
    std::uint64_t up_bytes = 0;
    std::uint64_t down_bytes = 0;
    std::int64_t detached = 0;
    bool operator==(const Written&) const = default;
  };

  TunnelChanges changes() const;
  void add_moved(TunnelChanges& changes) const;
  boost::asio::awaitable<void> publish(TunnelChanges changes, std::int64_t now);
  void published(const TunnelChanges& changes, bool known);
  void say_trouble(const Result<bool>& written);

  boost::asio::any_io_executor executor_;
  const TunnelRegistry& tunnels_;
  TunnelStore& store_;
  const std::string edge_;
  std::map<std::int64_t, Written> known_;  ///< what the store has, bounded by what the registry had
  PublishedAttachments attachments_;
  std::int64_t moved_up_to_ = 0;  ///< the last id of which that was written: the others come first
  std::int64_t said_ = 0;         ///< when something was written last
  bool writing_ = false;
  bool withdrawn_ = false;
  bool failing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cfpipe::edge
