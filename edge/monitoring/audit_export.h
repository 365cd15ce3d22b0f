#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/platform/own_file.h"
#include "edge/store/audit_store.h"

namespace cfpipe::edge {

/// Rows that are copied at a time, and how often a fault of the copy is said in the log.
inline constexpr std::size_t kAuditBatch = 250;
inline constexpr std::chrono::seconds kAuditFaultPause{60};

boost::json::object audit_object(const AuditRow& row);
/// The row as one line of JSON, without a newline: what `audit --json` prints.
std::string audit_json(const AuditRow& row);

/// Copies the audit's rows to a file or to standard output, those of other processes included. The position
/// is in the state, and in the last line of a file: after a crash or on a full disk no row is missing or
/// there twice. On standard output the last ones may come twice.
class AuditLog {
 public:
  /// `store` outlives it.
  explicit AuditLog(AuditStore& store) : store_(store) {}

  /// Where to: `path` as the configuration has it. The file is made with mode 0600, and must be a plain one
  /// of ours that no other user can write. Stage::config.
  static Result<Fd> open(const std::string& path);
  /// What open() gave: from now on there; none: nowhere.
  void use(Fd file);
  /// Another process may have copied meanwhile: goes on where that has ended.
  void take_over();
  /// Copies kAuditBatch rows of what has been added, without waiting for a reader that is slow. What fails is
  /// said in the log, and tried again the next time. True: there may be more to copy now.
  bool copy_some();
  /// All of it.
  void copy();

 private:
  bool fill();
  bool send();
  bool say(const std::string& fault);

  AuditStore& store_;
  Fd file_;
  std::optional<std::int64_t> copied_;  ///< the last row that is there; unknown at first
  std::string rest_;                    ///< lines under way, up to that of the row
  std::int64_t rest_row_ = 0;
  std::chrono::steady_clock::time_point quiet_until_{};
};

}  // namespace cfpipe::edge
