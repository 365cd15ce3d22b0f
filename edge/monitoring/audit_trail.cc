#include "edge/monitoring/audit_trail.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "edge/store/audit_text.h"

namespace cfpipe::edge {

struct AuditTrail::Waiting {
  Waiting(const boost::asio::any_io_executor& executor, AuditRow r)
      : row(std::move(r)), done(std::make_shared<transport::Wakeup>(executor)) {}
  AuditRow row;
  std::shared_ptr<transport::Wakeup> done;
  bool kept = false;
};

AuditTrail::~AuditTrail() {
  *alive_ = false;
}

Result<void> AuditTrail::use_spool(const std::string& path) {
  spool_path_ = path;
  const auto opened = open_spool();
  if (!opened) return opened.error();
  if (!spool_.usable() && !path.empty())
    spdlog::info("the process of this edge that served before keeps the audit's spool and copy for now");
  return {};
}

Result<void> AuditTrail::open_spool() {
  const auto taken = state_.audit_spooled();
  if (!taken) return taken.error();
  auto opened = AuditSpool::open(spool_path_, *taken);
  if (!opened) return opened.error();
  spool_ = std::move(*opened);
  last_number_ = std::max(last_number_, spool_.last_number());
  if (!spool_.usable()) return {};
  if (!spool_.fault().empty()) spdlog::warn("the audit's spool {}: {}", spool_path_, spool_.fault());
  if (spool_.rows().empty()) return {};
  aside_ = true;
  spdlog::info("audit: {} rows of the spool follow", spool_.rows().size());
  return {};
}

bool AuditTrail::retake_spool() {
  leaving_ = false;
  if (!spool_.usable() && !open_spool()) return false;
  return spool_.usable();
}

/// A process that begins takes the spool from one that ends. Rows that are in it stay with whoever put them
/// there: it knows the tunnels that they are about.
void AuditTrail::hand_spool_on() {
  if (leaving_ && spool_.usable() && spool_.rows().empty() && !aside_) spool_ = AuditSpool();
  if (!leaving_ && !spool_.usable() && !spool_path_.empty() && !open_spool())
    spdlog::error("the audit's spool {} cannot be opened", spool_path_);
}

/// Also what stands for the id of a row that the state has not taken, with a minus in front.
std::int64_t AuditTrail::next_number() {
  return ++last_number_;
}

/// A tunnel that was opened while the state took nothing has got its id since.
void AuditTrail::renumber(AuditRow& row) {
  const auto found = renumbered_.find(row.tunnel);
  if (row.tunnel >= 0 || found == renumbered_.end()) return;
  row.tunnel = found->second;
  if (row.kind == "tunnel_close") renumbered_.erase(found);
}

void AuditTrail::say_trouble(const std::string& fault) {
  if (!aside_) spdlog::error("audit: {}; its rows wait in the spool until the state takes them again", fault);
  aside_ = true;
  fault_ = fault;
}

bool AuditTrail::put_aside(const std::vector<SpooledRow>& rows, bool flush) {
  const bool kept = spool_.add(rows, flush);
  if (!kept) {
    lost_ += rows.size();
    gap_ += rows.size();
    if (!losing_) spdlog::error("audit: rows are lost: {}; spool: {}", fault_, spool_.fault());
  }
  losing_ = !kept;
  return kept;
}

AuditTrail::Kept AuditTrail::append(AuditRow row) {
  renumber(row);
  AuditRow said = with_audit_text(row);
  Kept out;
  if (!aside_) {
    const auto added = state_.append_audit(row);
    if (added) out = {*added, true};
    if (!added) say_trouble(added.error().detail);
  }
  if (!out.kept) {
    const std::int64_t number = next_number();
    out = {-number, put_aside({{number, row}}, false)};
  }
  said.id = out.id;
  spdlog::info("audit {}", audit_fields(said));
  return out;
}

boost::asio::awaitable<bool> AuditTrail::append_on_disk(AuditRow row) {
  spdlog::info("audit {}", audit_fields(with_audit_text(row)));
  const auto waiting = std::make_shared<Waiting>(executor_, std::move(row));
  waiting_.push_back(waiting);
  if (waiting_.size() == 1) {
    gathering_since_ = std::chrono::steady_clock::now();
    seen_ = 0;
    idle_turns_ = 0;
    gather();
  }
  co_await waiting->done->wait();
  co_return waiting->kept;
}

/// As long as requests of the loop bring more rows, they are waited for; without any it commits at once.
void AuditTrail::gather() {
  boost::asio::post(executor_, [this, alive = alive_] {
    if (!*alive) return;
    idle_turns_ = waiting_.size() == seen_ ? idle_turns_ + 1 : 0;
    seen_ = waiting_.size();
    const bool patient = std::chrono::steady_clock::now() - gathering_since_ < kCommitPatience;
    if (patient && waiting_.size() < kMaxCommitRows && idle_turns_ < kIdleTurns) return gather();
    commit();
  });
}

void AuditTrail::commit() {
  const auto batch = std::exchange(waiting_, {});
  const bool kept = write_batch(batch);
  for (const auto& one : batch) {
    one->kept = kept;
    one->done->notify();
  }
}

bool AuditTrail::write_batch(const std::vector<std::shared_ptr<Waiting>>& batch) {
  if (!aside_) {
    std::vector<AuditRow> rows;
    for (const auto& one : batch) rows.push_back(one->row);
    const auto added = state_.append_audit_together(rows);
    if (added) return true;
    say_trouble(added.error().detail);
  }
  std::vector<SpooledRow> rows;
  for (const auto& one : batch) rows.push_back({next_number(), one->row});
  return put_aside(rows, true);
}

bool AuditTrail::has_room() const {
  return !losing_ && (!aside_ || spool_.roomy());
}

std::string AuditTrail::fault() const {
  if (!aside_) return {};
  const std::string waits =
      std::to_string(spool_.rows().size()) + " rows of the audit wait in its spool: " + fault_;
  return has_room() ? waits : waits + "; the spool is full or cannot be written";
}

/// A part of the spool, in order; true if the state took it. A row that names a tunnel of the same part waits
/// for the next, when the tunnel has its id.
bool AuditTrail::unspool() {
  const auto& rows = spool_.rows();
  std::vector<AuditRow> part;
  const std::int64_t first = rows.front().number;
  for (std::size_t i = 0; i < std::min(rows.size(), kUnspooledRows); ++i) {
    AuditRow row = rows[i].row;
    if (row.tunnel <= -first && !renumbered_.contains(row.tunnel) && i > 0) break;
    if (const auto found = renumbered_.find(row.tunnel); found != renumbered_.end())
      row.tunnel = found->second;
    part.push_back(std::move(row));
  }
  const auto ids = state_.append_audit_spooled(part, rows[part.size() - 1].number);
  if (!ids) {
    fault_ = ids.error().detail;
    return false;
  }
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i].kind == "tunnel_open") renumbered_[-rows[i].number] = (*ids)[i];
    if (rows[i].row.kind == "tunnel_close") renumbered_.erase(rows[i].row.tunnel);
  }
  spool_.drop(part.size());
  return true;
}

void AuditTrail::follow_up(std::int64_t now) {
  hand_spool_on();
  if (!aside_ && gap_ == 0) return;
  if (!spool_.rows().empty() && !unspool()) return;
  if (!spool_.rows().empty()) return;
  if (gap_ > 0) {
    AuditRow row;
    row.time = now;
    row.kind = "audit_gap";
    row.reason = std::to_string(gap_) + " rows could not be kept";
    if (const auto added = state_.append_audit(row); !added) {
      fault_ = added.error().detail;
      return;
    }
    gap_ = 0;
  }
  if (aside_) spdlog::info("audit: the state takes rows again, and has those of the spool");
  aside_ = losing_ = false;
}

}  // namespace cfpipe::edge
