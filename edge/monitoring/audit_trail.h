#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/platform/wakeup.h"
#include "edge/monitoring/audit_spool.h"
#include "edge/store/audit_store.h"

namespace cfpipe::edge {

/// Rows that one commit to disk takes, the time that it waits for more of them while they come, and the turns
/// of the loop without a new one after which it waits no longer.
inline constexpr std::size_t kMaxCommitRows = 64;
inline constexpr std::chrono::microseconds kCommitTimeout{2'000};
inline constexpr int kIdleTurns = 3;
/// Rows that go from the spool to the state at a time.
inline constexpr std::size_t kUnspooledRows = 250;

/// The audit as the running edge writes it: rows go to the state and, while that does not take them, to a
/// spool on disk, from which they follow in order. All of it on the site's loop.
///
/// Each process that serves from the state has a spool of its own, also while an edge restarts: the first is
/// that of the process that serves, others are of those that begin before it has ended, or end. A spool whose
/// process is gone is emptied by the one that has the first.
class AuditTrail {
 public:
  /// Both outlive it.
  AuditTrail(boost::asio::any_io_executor executor, AuditStore& store);
  ~AuditTrail();
  AuditTrail(const AuditTrail&) = delete;
  AuditTrail& operator=(const AuditTrail&) = delete;

  /// What does not fit the state goes to this file, from now on; to another beside it until the edge's
  /// process before this one, if there is one, has given it up. Stage::state.
  Result<void> use_spool(const std::string& path);
  /// Gives the first spool up, once it is empty, for the process that comes after this one.
  void leave_spool() { leaving_ = true; }
  /// Takes it again, to the end. False: there is such a process.
  bool retake_spool();
  /// This process has the first spool: of all that serve from one state one does, and it copies the audit
  /// too.
  bool keeps_spool() const { return spools_[0].usable(); }

  struct Appended {
    std::int64_t id = 0;  ///< of the row; negative, and this process's own, until the state has taken it
    bool kept = false;    ///< false: neither state nor spool did
  };
  /// Writes the row to the log and keeps it. A tunnel_close may name the tunnel by the id that it was given.
  Appended append(AuditRow row);
  /// What a tunnel goes by whose opening is not recorded.
  std::int64_t id_without_row() { return -next_number(); }
  /// As append(), for a row that has to be on disk before anything else happens: rows that come together
  /// share one write. False: it could not be kept.
  boost::asio::awaitable<bool> append_on_disk(AuditRow row);

  /// False: nothing should be granted that has to be recorded; fault() says why.
  bool has_room() const;
  std::string fault() const;
  std::size_t spooled() const;
  /// Rows that could not be kept, since the start.
  std::uint64_t lost() const { return lost_; }

  /// Every second: moves a part of the spool to the state, or tries whether it takes rows again.
  void follow_up(std::int64_t now);

 private:
  struct Waiting;
  std::string path_of(std::size_t spool) const;
  Result<void> open_spool(std::size_t spool);
  void prepare_spares();
  bool has_spare();
  void drop_spares();
  void take_orphans();
  void hand_spool_on();
  std::size_t spool_for_rows() const;
  std::int64_t next_number();
  bool put_aside(const std::vector<SpooledRow>& rows, bool flush);
  void say_trouble(const std::string& fault);
  void renumber(AuditRow& row);
  bool unspool(std::size_t spool);
  void gather();
  void commit();
  bool write_batch(const std::vector<std::shared_ptr<Waiting>>& batch);

  boost::asio::any_io_executor executor_;
  AuditStore& store_;
  std::string spool_path_;  ///< of the first; empty: there are none
  std::array<AuditSpool, kSpools> spools_;
  std::size_t current_ = 0;  ///< where the last row went
  bool leaving_ = false;     ///< the first spool is another process's from now on
  bool aside_ = false;       ///< rows go to the spool, for the state did not take one
  bool losing_ = false;      ///< the last row could not be kept at all
  std::uint64_t lost_ = 0;   ///< since the start
  std::uint64_t gap_ = 0;    ///< since the audit last said so
  std::int64_t last_number_ = 0;
  std::string fault_;                                ///< the state's
  std::map<std::int64_t, std::int64_t> renumbered_;  ///< open tunnels that the state has taken since

  std::vector<std::shared_ptr<Waiting>> waiting_;  ///< for the next commit
  std::size_t seen_ = 0;                           ///< how many there were a turn ago
  int idle_turns_ = 0;
  std::chrono::steady_clock::time_point gathering_since_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cfpipe::edge
