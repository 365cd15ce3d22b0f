#include "edge/tunnel/published_tunnels.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/shortage.h"
#include "base/text.h"

namespace cfpipe::edge {
namespace {

constexpr std::size_t kNameBytes = 9;

bool full(const TunnelChanges& changes) {
  return changes.size() >= kMaxPublishedChanges;
}

}  // namespace

OpenTunnelRow published_row(std::int64_t id, const TunnelRegistry::Tunnel& tunnel) {
  const auto moved = tunnel.handle->moved();
  OpenTunnelRow row;
  row.id = id;
  row.identity = tunnel.row.identity;
  row.application = tunnel.row.application;
  row.peer = tunnel.row.peer;
  row.session = tunnel.session;
  row.to = tunnel.row.reason;
  row.since = tunnel.row.time;
  row.terminal = tunnel.terminal;
  row.up_bytes = moved.up;
  row.down_bytes = moved.down;
  row.detached = tunnel.handle->detached();
  return row;
}

PublishedTunnels::PublishedTunnels(boost::asio::any_io_executor executor, const TunnelRegistry& tunnels,
                                   TunnelStore& store)
    : executor_(std::move(executor)), tunnels_(tunnels), store_(store), edge_(random_id(kNameBytes)) {}

PublishedTunnels::~PublishedTunnels() {
  *alive_ = false;
}

void PublishedTunnels::follow(std::int64_t now, std::vector<AttachmentRow> attached) {
  if (writing_ || withdrawn_) return;
  TunnelChanges next = changes();
  attachments_.add_changes(std::move(attached), next);
  const bool heard = now >= said_ && now < said_ + kSignOfLifeSeconds;
  const bool has_something = !known_.empty() || !attachments_.empty();
  if (next.size() == 0 && (!has_something || heard)) return;
  writing_ = true;
  boost::asio::co_spawn(executor_, publish(std::move(next), now),
                        [this, alive = alive_](const std::exception_ptr& error) {
                          if (!*alive) return;
                          writing_ = false;
                          if (error) say_trouble(failure_of_exception(error, Stage::state));
                        });
}

void PublishedTunnels::withdraw() {
  if (std::exchange(withdrawn_, true) || (said_ == 0 && !writing_)) return;
  boost::asio::co_spawn(executor_, store_.async_erase_edge(edge_), boost::asio::detached);
}

/// Both maps are sorted by id.
TunnelChanges PublishedTunnels::changes() const {
  TunnelChanges out;
  auto known = known_.begin();
  const auto close_before = [&](const std::int64_t* id) {
    for (; known != known_.end() && (id == nullptr || known->first < *id); ++known)
      if (!full(out)) out.closed.push_back(known->first);
  };
  tunnels_.for_each([&](std::int64_t id, const TunnelRegistry::Tunnel& tunnel) {
    close_before(&id);
    const bool is_known = known != known_.end() && known->first == id;
    if (is_known) ++known;
    if (!is_known && !full(out)) out.opened.push_back(published_row(id, tunnel));
  });
  close_before(nullptr);
  add_moved(out);
  return out;
}

/// In turns, where there are too many for one write.
void PublishedTunnels::add_moved(TunnelChanges& changes) const {
  for (const bool later : {true, false})
    tunnels_.for_each([&](std::int64_t id, const TunnelRegistry::Tunnel& tunnel) {
      if ((id > moved_up_to_) != later || full(changes)) return;
      const auto known = known_.find(id);
      if (known == known_.end()) return;
      const auto moved = tunnel.handle->moved();
      const Written now{moved.up, moved.down, tunnel.handle->detached()};
      if (now != known->second) changes.moved.push_back({id, now.up_bytes, now.down_bytes, now.detached});
    });
}

boost::asio::awaitable<void> PublishedTunnels::publish(TunnelChanges changes, std::int64_t now) {
  const auto alive = alive_;
  const auto known = co_await store_.async_publish(edge_, changes, now);
  if (!*alive) co_return;
  say_trouble(known);
  if (!known) co_return;
  said_ = now;
  published(changes, *known);
}

void PublishedTunnels::published(const TunnelChanges& changes, bool known) {
  // Another process took this one for dead, and had the store forget it: all follow anew.
  if (!known) known_.clear();
  attachments_.published(changes, known);
  for (const OpenTunnelRow& row : changes.opened)
    known_[row.id] = {row.up_bytes, row.down_bytes, row.detached};
  for (const std::int64_t id : changes.closed) known_.erase(id);
  if (!known) return;
  for (const TunnelChanges::Moved& moved : changes.moved) {
    known_[moved.id] = {moved.up_bytes, moved.down_bytes, moved.detached};
    moved_up_to_ = moved.id;
  }
}

/// Once, until it is over.
void PublishedTunnels::say_trouble(const Result<bool>& written) {
  const bool failed = !written;
  if (failed && !std::exchange(failing_, true))
    spdlog::error("state: what is open cannot be written for 'tunnel list' and 'connector list': {}",
                  written.error().detail);
  if (!failed) failing_ = false;
}

}  // namespace cfpipe::edge
