#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/platform/own_file.h"
#include "edge/store/audit_store.h"

namespace cfpipe::edge {

/// Bytes of the spool, which are on disk before they are needed: some 8,000 rows.
inline constexpr std::size_t kSpoolBytes = std::size_t{4} * 1024 * 1024;
/// Of these, what only rows about what was granted before may take: the ends of tunnels, revocations.
inline constexpr std::size_t kSpoolReserve = kSpoolBytes / 4;

/// Spools of one state: the first, of the process that serves, and one for each other that begins or ends
/// beside it. More processes than that do without.
inline constexpr std::size_t kSpools = 4;

/// A row that waits, and its number: ascending, never the same twice.
struct SpooledRow {
  std::int64_t number = 0;
  AuditRow row;
};

/// Rows of the audit that the state did not take, in a file of a fixed size, in order. What a full disk holds
/// already can be written again. After a crash the last rows may be missing unless they were flushed.
class AuditSpool {
 public:
  /// Opens the file or makes it, for its owner alone; `path` empty: a spool without room, and so it is while
  /// another process has the file. Rows up to `taken` are in the state and dropped. Stage::state.
  static Result<AuditSpool> open(const std::string& path, std::int64_t taken);
  AuditSpool() = default;

  /// All of the rows or none. False: there is no room, or the file cannot be written; fault() says so.
  bool add(const std::vector<SpooledRow>& rows, bool flush);
  /// Drops the first `count` rows.
  void drop(std::size_t count);
  const std::deque<SpooledRow>& rows() const { return rows_; }
  /// The number of the last row that ever was here or in the state.
  std::int64_t last_number() const { return last_number_; }
  /// Whether there is room for more than the reserve.
  bool roomy() const { return end_ + kSpoolReserve <= size_; }
  const std::string& fault() const { return fault_; }
  /// It has its file, and no other process has.
  bool usable() const { return static_cast<bool>(file_); }
  /// All of its bytes are on disk.
  bool whole() const { return size_ == kSpoolBytes; }
  /// Makes the file, or the rest of it, for a process to come. False: there is no room, or it cannot be
  /// written; one that another process has is that process's to make.
  static bool prepare(const std::string& path);
  /// Whether there is a file that begins with a row, whichever process has it. Cheap.
  static bool holds_rows(const std::string& path);

 private:
  void read(std::int64_t taken);
  void forget_records();
  bool write(const std::string& text, bool flush);

  Fd file_;
  std::size_t size_ = 0;  ///< of the file, in bytes
  std::size_t end_ = 0;   ///< where the next record goes
  std::deque<SpooledRow> rows_;
  std::int64_t last_number_ = 0;
  std::string fault_;
};

}  // namespace cfpipe::edge
