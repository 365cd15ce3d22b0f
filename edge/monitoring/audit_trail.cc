#include "edge/monitoring/audit_trail.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "edge/store/audit_text.h"

namespace cfpipe::edge {

struct AuditTrail::Waiting {
  Waiting(const boost::asio::any_io_executor& executor, AuditRow r)
      : row(std::move(r)), done(std::make_shared<Wakeup>(executor)) {}
  AuditRow row;
  std::shared_ptr<Wakeup> done;
  bool kept = false;
};

namespace {

/// Numbers of processes that serve beside each other must differ: a tunnel's stands for its id, in whichever
/// spool its end is.
std::int64_t first_number() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

AuditTrail::AuditTrail(boost::asio::any_io_executor executor, AuditStore& store)
    : executor_(std::move(executor)), store_(store), last_number_(first_number()) {}

AuditTrail::~AuditTrail() {
  *alive_ = false;
}

std::string AuditTrail::path_of(std::size_t spool) const {
  return spool_path_ + (spool == 0 ? std::string() : "-" + std::to_string(spool));
}

Result<void> AuditTrail::use_spool(const std::string& path) {
  spool_path_ = path;
  if (path.empty()) return {};
  if (auto opened = open_spool(0); !opened) return opened;
  if (keeps_spool()) {
    take_orphans();
  } else {
    (void)has_spare();
    spdlog::info(
        "the process of this edge that served before keeps the audit's first spool and copy for now");
  }
  prepare_spares();
  return {};
}

/// All of them, while there is room: once the disk is full, each restart until it has room again needs one.
void AuditTrail::prepare_spares() {
  for (std::size_t i = 1; i < kSpools; ++i) {
    if (spools_[i].usable() || AuditSpool::prepare(path_of(i))) continue;
    spdlog::warn("there is no room for {}: restarts while the disk is full may lose rows of the audit",
                 path_of(i));
    return;
  }
}

/// Nothing is taken that another process has.
Result<void> AuditTrail::open_spool(std::size_t spool) {
  const auto taken = store_.spool_mark(spool);
  if (!taken) return taken.error();
  auto opened = AuditSpool::open(path_of(spool), *taken);
  if (!opened) return opened.error();
  AuditSpool& made = spools_[spool] = std::move(*opened);
  last_number_ = std::max(last_number_, made.last_number());
  if (!made.usable()) return {};
  if (spool == 0 && !made.fault().empty())
    spdlog::warn("the audit's spool {}: {}", spool_path_, made.fault());
  if (made.rows().empty()) return {};
  aside_ = true;
  spdlog::info("audit: {} rows of the spool follow", made.rows().size());
  return {};
}

/// Whether this process has a spool besides the first; takes one if there is a free one.
bool AuditTrail::has_spare() {
  for (std::size_t i = 1; i < kSpools; ++i)
    if (spools_[i].usable()) return true;
  for (std::size_t i = 1; i < kSpools; ++i) {
    const auto opened = open_spool(i);
    if (opened && spools_[i].usable() && (spools_[i].whole() || !spools_[i].rows().empty())) return true;
    spools_[i] = AuditSpool();
  }
  return false;
}

void AuditTrail::drop_spares() {
  for (std::size_t i = 1; i < kSpools; ++i)
    if (spools_[i].rows().empty()) spools_[i] = AuditSpool();
}

/// Spools of processes that are gone, with rows that the state had not taken by then.
void AuditTrail::take_orphans() {
  for (std::size_t i = 1; i < kSpools; ++i) {
    if (spools_[i].usable() || !AuditSpool::holds_rows(path_of(i))) continue;
    if (const auto opened = open_spool(i); !opened) spdlog::error("audit: {}", opened.error().detail);
  }
}

bool AuditTrail::retake_spool() {
  leaving_ = false;
  if (!keeps_spool() && !open_spool(0)) return false;
  return keeps_spool();
}

/// A process that begins takes the first spool from one that ends. Rows that are in it stay with the process
/// that put them there: it knows the tunnels that they are about.
void AuditTrail::hand_spool_on() {
  if (spool_path_.empty()) return;
  if (leaving_) {
    // What this process has still to say must have a place, too.
    const bool idle = keeps_spool() && spools_[0].rows().empty() && !aside_;
    if (idle && has_spare()) spools_[0] = AuditSpool();
    return;
  }
  if (!keeps_spool() && !open_spool(0)) spdlog::error("the audit's spool {} cannot be opened", spool_path_);
  if (!keeps_spool()) {
    (void)has_spare();
    return;
  }
  take_orphans();
  drop_spares();
}

/// Where rows are that this process has put aside, so that they stay in order; else the first that it has.
std::size_t AuditTrail::spool_for_rows() const {
  if (spools_[current_].usable() && !spools_[current_].rows().empty()) return current_;
  for (std::size_t i = 0; i < kSpools; ++i)
    if (spools_[i].usable()) return i;
  return 0;
}

std::size_t AuditTrail::spooled() const {
  std::size_t rows = 0;
  for (const AuditSpool& spool : spools_) rows += spool.rows().size();
  return rows;
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
  current_ = spool_for_rows();
  AuditSpool& spool = spools_[current_];
  const bool kept = spool.add(rows, flush);
  if (!kept) {
    lost_ += rows.size();
    gap_ += rows.size();
    if (!losing_) spdlog::error("audit: rows are lost: {}; spool: {}", fault_, spool.fault());
  }
  losing_ = !kept;
  return kept;
}

AuditTrail::Appended AuditTrail::append(AuditRow row) {
  renumber(row);
  AuditRow said = with_audit_text(row);
  Appended out;
  if (!aside_) {
    const auto added = store_.insert(row);
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
    const bool patient = std::chrono::steady_clock::now() - gathering_since_ < kCommitTimeout;
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
    const auto added = store_.insert_all(rows);
    if (added) return true;
    say_trouble(added.error().detail);
  }
  std::vector<SpooledRow> rows;
  for (const auto& one : batch) rows.push_back({next_number(), one->row});
  return put_aside(rows, true);
}

bool AuditTrail::has_room() const {
  return !losing_ && (!aside_ || spools_[spool_for_rows()].roomy());
}

std::string AuditTrail::fault() const {
  if (!aside_) return {};
  const std::string waits = std::to_string(spooled()) + " rows of the audit wait in its spool: " + fault_;
  return has_room() ? waits : waits + "; the spool is full or cannot be written";
}

/// A part of that spool, in order; true if the state took it. A row that names a tunnel of the same part
/// waits for the next, when the tunnel has its id.
bool AuditTrail::unspool(std::size_t spool) {
  const auto& rows = spools_[spool].rows();
  std::vector<AuditRow> part;
  const std::int64_t first = rows.front().number;
  for (std::size_t i = 0; i < std::min(rows.size(), kUnspooledRows); ++i) {
    AuditRow row = rows[i].row;
    if (row.tunnel <= -first && !renumbered_.contains(row.tunnel) && i > 0) break;
    if (const auto found = renumbered_.find(row.tunnel); found != renumbered_.end())
      row.tunnel = found->second;
    part.push_back(std::move(row));
  }
  const auto ids = store_.insert_spooled(part, spool, rows[part.size() - 1].number);
  if (!ids) {
    fault_ = ids.error().detail;
    return false;
  }
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i].kind == "tunnel_open") renumbered_[-rows[i].number] = (*ids)[i];
    if (rows[i].row.kind == "tunnel_close") renumbered_.erase(rows[i].row.tunnel);
  }
  spools_[spool].drop(part.size());
  return true;
}

void AuditTrail::follow_up(std::int64_t now) {
  hand_spool_on();
  if (!aside_ && gap_ == 0) return;
  for (std::size_t i = 0; i < kSpools; ++i)
    if (!spools_[i].rows().empty() && !unspool(i)) return;
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
