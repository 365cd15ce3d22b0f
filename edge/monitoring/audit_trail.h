#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "edge/monitoring/audit_spool.h"
#include "edge/monitoring/audit_spools.h"
#include "edge/store/audit_store.h"

namespace cfpipe::edge {

/// Rows that one commit to disk takes, the time that it waits for more of them while they come, and the turns
/// of the loop without a new one after which it waits no longer.
inline constexpr std::size_t kMaxCommitRows = 64;
inline constexpr std::chrono::microseconds kCommitTimeout{2'000};
inline constexpr int kIdleTurns = 3;
/// The audit as the running edge writes it: rows go to the state and, while that does not take them, to a
/// spool on disk, from which they follow in order. All of it on the site's loop.
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
  void leave_spool() { spools_.leave(); }
  /// Takes it again, to the end. False: there is such a process.
  bool retake_spool();
  /// This process has the first spool: of all that serve from one state one does, and it copies the audit
  /// too.
  bool keeps_spool() const { return spools_.has_first(); }

  struct Appended {
    std::int64_t id = 0;  ///< of the row; negative, and this process's own, until the state has taken it
    bool kept = false;    ///< false: neither state nor spool did
  };
  /// Writes the row to the log and keeps it. A tunnel_close may name the tunnel by the id that it was given.
  Appended append(AuditRow row);
  /// What a tunnel goes by whose opening is not recorded.
  std::int64_t id_without_row() { return -spools_.next_number(); }
  /// As append(), for a row that has to be on disk before anything else happens: rows that come together
  /// share one write. False: it could not be kept.
  boost::asio::awaitable<bool> append_on_disk(AuditRow row);

  /// False: nothing should be granted that has to be recorded; fault() says why.
  bool has_room() const;
  std::string fault() const;
  std::size_t spooled() const { return spools_.waiting(); }
  /// Rows that could not be kept, since the start.
  std::uint64_t lost() const { return lost_; }

  /// Every second: moves a part of the spool to the state, or tries whether it takes rows again.
  void follow_up(std::int64_t now);

 private:
  struct Waiting;
  bool put_aside(const std::vector<SpooledRow>& rows, bool flush);
  void say_trouble(const std::string& fault);
  void gather();
  void commit();
  using Batch = std::vector<std::shared_ptr<Waiting>>;
  boost::asio::awaitable<void> write(Batch batch);

  boost::asio::any_io_executor executor_;
  AuditStore& store_;
  AuditSpools spools_;
  bool aside_ = false;      ///< rows go to the spool, for the state did not take one
  bool losing_ = false;     ///< the last row could not be kept at all
  std::uint64_t lost_ = 0;  ///< since the start
  std::uint64_t gap_ = 0;   ///< since the audit last said so
  std::string fault_;       ///< the state's

  std::vector<std::shared_ptr<Waiting>> waiting_;  ///< for the next commit
  bool writing_ = false;                           ///< the one before
  std::size_t seen_ = 0;                           ///< how many there were a turn ago
  int idle_turns_ = 0;
  std::chrono::steady_clock::time_point gathering_since_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cfpipe::edge
