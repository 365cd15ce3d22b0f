#include "edge/monitoring/audit_spools.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace cfpipe::edge {
namespace {

/// Numbers of processes that serve beside each other must differ: a tunnel's stands for its id, in whichever
/// spool its end is.
std::int64_t first_number() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

AuditSpools::AuditSpools(AuditStore& store) : store_(store), last_number_(first_number()) {}

std::string AuditSpools::path_of(std::size_t spool) const {
  return path_ + (spool == 0 ? std::string() : "-" + std::to_string(spool));
}

Result<void> AuditSpools::use(const std::string& path) {
  path_ = path;
  if (path.empty()) return {};
  if (auto opened = open(0); !opened) return opened;
  if (has_first()) {
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
void AuditSpools::prepare_spares() {
  for (std::size_t i = 1; i < kSpools; ++i) {
    if (spools_[i].usable() || AuditSpool::prepare(path_of(i))) continue;
    spdlog::warn("there is no room for {}: restarts while the disk is full may lose rows of the audit",
                 path_of(i));
    return;
  }
}

/// Nothing is taken that another process has.
Result<void> AuditSpools::open(std::size_t spool) {
  const auto taken = store_.spool_mark(spool);
  if (!taken) return taken.error();
  auto opened = AuditSpool::open(path_of(spool), *taken);
  if (!opened) return opened.error();
  AuditSpool& made = spools_[spool] = std::move(*opened);
  last_number_ = std::max(last_number_, made.last_number());
  if (!made.usable()) return {};
  if (spool == 0 && !made.fault().empty()) spdlog::warn("the audit's spool {}: {}", path_, made.fault());
  if (!made.rows().empty()) spdlog::info("audit: {} rows of the spool follow", made.rows().size());
  return {};
}

/// Whether this process has a spool besides the first; takes one if there is a free one.
bool AuditSpools::has_spare() {
  for (std::size_t i = 1; i < kSpools; ++i)
    if (spools_[i].usable()) return true;
  for (std::size_t i = 1; i < kSpools; ++i) {
    const auto opened = open(i);
    if (opened && spools_[i].usable() && (spools_[i].whole() || !spools_[i].rows().empty())) return true;
    spools_[i] = AuditSpool();
  }
  return false;
}

void AuditSpools::drop_spares() {
  for (std::size_t i = 1; i < kSpools; ++i)
    if (spools_[i].rows().empty()) spools_[i] = AuditSpool();
}

/// Spools of processes that are gone, with rows that the state had not taken by then.
void AuditSpools::take_orphans() {
  for (std::size_t i = 1; i < kSpools; ++i) {
    if (spools_[i].usable() || !AuditSpool::holds_rows(path_of(i))) continue;
    if (const auto opened = open(i); !opened) spdlog::error("audit: {}", opened.error().detail);
  }
}

bool AuditSpools::retake() {
  leaving_ = false;
  if (!has_first() && !open(0)) return false;
  return has_first();
}

/// A process that begins takes the first spool from one that ends. Rows that are in it stay with the process
/// that put them there: it knows the tunnels that they are about.
void AuditSpools::hand_on(bool in_use) {
  if (path_.empty()) return;
  if (leaving_) {
    // What this process has still to say must have a place, too.
    const bool idle = has_first() && spools_[0].rows().empty() && !in_use;
    if (idle && has_spare()) spools_[0] = AuditSpool();
    return;
  }
  if (!has_first() && !open(0)) spdlog::error("the audit's spool {} cannot be opened", path_);
  if (!has_first()) {
    (void)has_spare();
    return;
  }
  take_orphans();
  drop_spares();
}

/// Where rows are that this process has put aside, so that they stay in order; else the first that it has.
std::size_t AuditSpools::spool_for_rows() const {
  if (spools_[current_].usable() && !spools_[current_].rows().empty()) return current_;
  for (std::size_t i = 0; i < kSpools; ++i)
    if (spools_[i].usable()) return i;
  return 0;
}

bool AuditSpools::add(const std::vector<SpooledRow>& rows, bool flush) {
  current_ = spool_for_rows();
  return spools_[current_].add(rows, flush);
}

std::size_t AuditSpools::waiting() const {
  std::size_t rows = 0;
  for (const AuditSpool& spool : spools_) rows += spool.rows().size();
  return rows;
}

Result<void> AuditSpools::empty_some() {
  for (std::size_t i = 0; i < kSpools; ++i) {
    if (spools_[i].rows().empty()) continue;
    if (auto emptied = empty_some_of(i); !emptied) return emptied;
  }
  return {};
}

/// A row that names a tunnel of the same part waits for the next, when the tunnel has its id.
Result<void> AuditSpools::empty_some_of(std::size_t spool) {
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
  if (!ids) return ids.error();
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i].kind == "tunnel_open") renumbered_[-rows[i].number] = (*ids)[i];
    if (rows[i].row.kind == "tunnel_close") renumbered_.erase(rows[i].row.tunnel);
  }
  spools_[spool].drop(part.size());
  return {};
}

void AuditSpools::renumber(AuditRow& row) {
  const auto found = renumbered_.find(row.tunnel);
  if (row.tunnel >= 0 || found == renumbered_.end()) return;
  row.tunnel = found->second;
  if (row.kind == "tunnel_close") renumbered_.erase(found);
}

}  // namespace cfpipe::edge
