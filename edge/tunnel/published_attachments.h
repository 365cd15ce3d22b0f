#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "edge/store/tunnel_store.h"

namespace cfpipe::edge {

/// Changes of attachments that are written at once: the rest follows a second later.
inline constexpr std::size_t kMaxPublishedAttachments = 1'000;

/// Which of this process's attached connectors the store knows, and what has changed since.
class PublishedAttachments {
 public:
  /// Adds to `changes` what of `attached` the store does not know, and what it knows but is gone,
  /// kMaxPublishedAttachments at most; those that had to wait come first.
  void add_changes(std::vector<AttachmentRow> attached, TunnelChanges& changes) const;
  /// The changes have been written. `known` as of TunnelStore::async_publish().
  void published(const TunnelChanges& changes, bool known);
  /// Whether the store knows none.
  bool empty() const { return known_.empty(); }

 private:
  using Key = std::pair<std::string, std::string>;  ///< connector and instance
  static Key key_of(const AttachmentRow& row) { return {row.connector, row.instance}; }

  std::map<Key, AttachmentRow> known_;  ///< bounded by what was attached
  Key written_up_to_;                   ///< the last that was written
};

}  // namespace cfpipe::edge
