#include "edge/tunnel/published_attachments.h"

namespace cfpipe::edge {

void PublishedAttachments::add_changes(std::vector<AttachmentRow> attached, TunnelChanges& changes) const {
  std::map<Key, AttachmentRow> now;
  for (AttachmentRow& row : attached) {
    Key key = key_of(row);
    now.emplace(std::move(key), std::move(row));
  }
  const auto full = [&changes] {
    return changes.attached.size() + changes.detached.size() >= kMaxPublishedAttachments;
  };
  for (const auto& [key, row] : known_)
    if (!full() && !now.contains(key)) changes.detached.push_back({key.first, key.second});
  for (const bool later : {true, false})
    for (auto& [key, row] : now) {
      if ((key > written_up_to_) != later || full()) continue;
      const auto known = known_.find(key);
      if (known == known_.end() || known->second != row) changes.attached.push_back(std::move(row));
    }
}

void PublishedAttachments::published(const TunnelChanges& changes, bool known) {
  if (!known) known_.clear();
  for (const TunnelChanges::Detached& gone : changes.detached) known_.erase({gone.connector, gone.instance});
  for (const AttachmentRow& row : changes.attached) {
    written_up_to_ = key_of(row);
    known_[written_up_to_] = row;
  }
}

}  // namespace cfpipe::edge
