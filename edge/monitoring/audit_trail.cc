#include "edge/monitoring/audit_trail.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/platform/wakeup.h"
#include "base/shortage.h"
#include "edge/store/audit_text.h"

namespace cfpipe::edge {

struct AuditTrail::Waiting {
  Waiting(const boost::asio::any_io_executor& executor, AuditRow r)
      : row(std::move(r)), done(std::make_shared<Wakeup>(executor)) {}
  AuditRow row;
  std::shared_ptr<Wakeup> done;
  bool kept = false;
};

AuditTrail::AuditTrail(boost::asio::any_io_executor executor, AuditStore& store)
    : executor_(std::move(executor)), store_(store), spools_(store) {}

AuditTrail::~AuditTrail() {
  *alive_ = false;
}

Result<void> AuditTrail::use_spool(const std::string& path) {
  auto used = spools_.use(path);
  aside_ = aside_ || spooled() > 0;
  return used;
}

bool AuditTrail::retake_spool() {
  const bool retaken = spools_.retake();
  aside_ = aside_ || spooled() > 0;
  return retaken;
}

void AuditTrail::say_trouble(const std::string& fault) {
  if (!aside_) spdlog::error("audit: {}; its rows wait in the spool until the state takes them again", fault);
  aside_ = true;
  fault_ = fault;
}

bool AuditTrail::put_aside(const std::vector<SpooledRow>& rows, bool flush) {
  const bool kept = spools_.add(rows, flush);
  if (!kept) {
    lost_ += rows.size();
    gap_ += rows.size();
    if (!losing_) spdlog::error("audit: rows are lost: {}; spool: {}", fault_, spools_.fault());
  }
  losing_ = !kept;
  return kept;
}

AuditTrail::Appended AuditTrail::append(AuditRow row) {
  spools_.renumber(row);
  AuditRow said = with_audit_text(row);
  Appended out;
  if (!aside_) {
    const auto added = store_.insert(row);
    if (added) out = {*added, true};
    if (!added) say_trouble(added.error().detail);
  }
  if (!out.kept) {
    const std::int64_t number = spools_.next_number();
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
  if (!writing_ && waiting_.size() == 1) {
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
    const bool patient = std::chrono::steady_clock::now() - gathering_since_ < kCommitTimeout;
    if (patient && waiting_.size() < kMaxCommitRows && idle_turns_ < kIdleTurns) return gather();
    commit();
  });
}

/// Rows that come until it has been written share the next write.
void AuditTrail::commit() {
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kMaxCommitRows));
  Batch batch(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  writing_ = true;
  boost::asio::co_spawn(executor_, write(batch), [this, alive = alive_, batch](std::exception_ptr error) {
    if (!*alive) return;
    if (error) {  // there was no memory for it
      lost_ += batch.size();
      gap_ += batch.size();
      spdlog::error("audit: rows are lost: {}", failure_of_exception(error, Stage::state).detail);
    }
    for (const auto& one : batch) one->done->notify();
    writing_ = false;
    if (!waiting_.empty()) commit();
  });
}

boost::asio::awaitable<void> AuditTrail::write(Batch batch) {
  bool kept = false;
  if (!aside_) {
    std::vector<AuditRow> rows;
    for (const auto& one : batch) rows.push_back(one->row);
    const auto alive = alive_;
    const auto added = co_await store_.async_insert_all(std::move(rows));
    if (!*alive) co_return;
    kept = static_cast<bool>(added);
    if (!kept) say_trouble(added.error().detail);
  }
  if (!kept) {
    std::vector<SpooledRow> rows;
    for (const auto& one : batch) rows.push_back({spools_.next_number(), one->row});
    kept = put_aside(rows, true);
  }
  for (const auto& one : batch) one->kept = kept;
}

bool AuditTrail::has_room() const {
  return !losing_ && (!aside_ || spools_.roomy());
}

std::string AuditTrail::fault() const {
  if (!aside_) return {};
  const std::string waits = std::to_string(spooled()) + " rows of the audit wait in its spool: " + fault_;
  return has_room() ? waits : waits + "; the spool is full or cannot be written";
}

void AuditTrail::follow_up(std::int64_t now) {
  spools_.hand_on(aside_);
  aside_ = aside_ || spooled() > 0;
  if (!aside_ && gap_ == 0) return;
  if (const auto emptied = spools_.empty_some(); !emptied) {
    fault_ = emptied.error().detail;
    return;
  }
  if (spooled() > 0) return;
  if (gap_ > 0) {
    AuditRow row;
    row.time = now;
    row.kind = "audit_gap";
    row.reason = std::to_string(gap_) + " rows could not be kept";
    if (const auto added = store_.insert(row); !added) {
      fault_ = added.error().detail;
      return;
    }
    gap_ = 0;
  }
  if (aside_) spdlog::info("audit: the state takes rows again, and has those of the spool");
  aside_ = losing_ = false;
}

}  // namespace cfpipe::edge
