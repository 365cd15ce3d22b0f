#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "edge/monitoring/audit_spool.h"
#include "edge/store/audit_store.h"

namespace cfpipe::edge {

/// Rows that go from a spool to the state at a time.
inline constexpr std::size_t kUnspooledRows = 250;

/// The spools of the audit, as one of the processes that serve from a state has them. Used from one loop.
///
/// Each process has a spool of its own, also while an edge restarts: the first is that of the process that
/// serves, others are of those that begin before it has ended, or end. A spool whose process is gone is
/// emptied by the process that has the first.
class AuditSpools {
 public:
  /// `store` outlives it.
  explicit AuditSpools(AuditStore& store);
  AuditSpools(const AuditSpools&) = delete;
  AuditSpools& operator=(const AuditSpools&) = delete;

  /// Takes the spool at `path`, or another beside it while another process has that one, and makes those of
  /// processes to come. An empty path: there are none. Stage::state.
  Result<void> use(const std::string& path);
  /// From now on the first spool is to be given up, by hand_on().
  void leave() { leaving_ = true; }
  /// Takes the first spool again, and keeps it. False: another process has it.
  bool retake();
  bool has_first() const { return spools_[0].usable(); }
  /// Every second: gives the first spool up to the process that comes after this one, or takes it from the
  /// one before, and what processes that are gone have left. `in_use`: rows may go to a spool at any time.
  void hand_on(bool in_use);

  /// The number of the next row. With a minus in front it stands for the id of a row that the state has not
  /// taken.
  std::int64_t next_number() { return ++last_number_; }
  /// Puts all of the rows into one spool, behind those that this process has put aside before, or none.
  /// False: there is no room, or the file cannot be written; fault() says so.
  bool add(const std::vector<SpooledRow>& rows, bool flush);
  /// Why add() failed last.
  const std::string& fault() const { return spools_[current_].fault(); }
  /// Whether the next row fits besides the reserve.
  bool roomy() const { return spools_[spool_for_rows()].roomy(); }
  /// How many rows wait, in all spools of this process.
  std::size_t waiting() const;

  /// Moves a part of each spool to the state, in order. Stage::state, if it does not take one.
  Result<void> empty_some();
  /// Replaces the number of a tunnel by the id that the state has given it since it was opened.
  void renumber(AuditRow& row);

 private:
  std::string path_of(std::size_t spool) const;
  Result<void> open(std::size_t spool);
  void prepare_spares();
  bool has_spare();
  void drop_spares();
  void take_orphans();
  std::size_t spool_for_rows() const;
  Result<void> empty_some_of(std::size_t spool);

  AuditStore& store_;
  std::string path_;  ///< of the first; empty: there are none
  std::array<AuditSpool, kSpools> spools_;
  std::size_t current_ = 0;  ///< where the last row went
  bool leaving_ = false;     ///< the first spool is another process's from now on
  std::int64_t last_number_;
  std::map<std::int64_t, std::int64_t> renumbered_;  ///< open tunnels that the state has taken since
};

}  // namespace cfpipe::edge
