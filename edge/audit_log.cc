#include "edge/audit_log.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>

#include "edge/text.h"

namespace cfpipe::edge {

std::string audit_json(const AuditRow& row) {
  return boost::json::serialize(
      boost::json::object{{"id", row.id},
                          {"time", rfc3339(row.time)},
                          {"kind", row.kind},
                          {"identity", row.identity},
                          {"application", row.application},
                          {"peer", row.peer},
                          {"ray", row.ray},
                          {"serial", row.serial},
                          {"key_id", row.key_id},
                          {"tunnel", row.kind == "tunnel_open" ? row.id : row.tunnel},
                          {"up_bytes", row.up_bytes},
                          {"down_bytes", row.down_bytes},
                          {"reason", row.reason}});
}

Result<auth::Fd> AuditLog::open(const std::string& path) {
  const auto fault = [&path](const std::string& what) {
    return transport::Failure(transport::Stage::config, transport::Cause::file_unusable,
                              "the audit's copy: " + path + ": " + what);
  };
  if (path.empty()) return auth::Fd();
  if (path == "-") return auth::Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  auth::Fd file(::open(path.c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600));
  if (!file) return fault(std::strerror(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return fault(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fault("is not a plain file");
  if (info.st_uid != ::geteuid()) return fault("belongs to another user");
  if ((info.st_mode & 022) != 0) return fault("can be written by others");
  return file;
}

void AuditLog::use(auth::Fd file) {
  file_ = std::move(file);
  torn_ = false;
}

void AuditLog::copy() {
  if (!file_) return;
  while (copy_batch()) {
  }
}

// True: there may be more.
bool AuditLog::copy_batch() {
  if (!copied_) {
    const auto known = state_.audit_copied();
    if (!known) return say(known.error().detail);
    copied_ = *known;
  }
  const auto rows = state_.audit_behind(*copied_, kAuditBatch);
  if (!rows) return say(rows.error().detail);
  if (rows->empty()) return false;
  std::string lines = torn_ ? "\n" : "";
  for (const AuditRow& row : *rows) lines += audit_json(row) + "\n";
  const ssize_t wrote = ::write(file_.get(), lines.data(), lines.size());
  if (wrote != static_cast<ssize_t>(lines.size())) {
    const int error = wrote < 0 ? errno : ENOSPC;
    torn_ = torn_ || wrote > 0;
    return say(std::strerror(error));
  }
  torn_ = false;
  copied_ = rows->back().id;
  if (const auto noted = state_.set_audit_copied(*copied_); !noted) return say(noted.error().detail);
  return rows->size() == kAuditBatch;
}

bool AuditLog::say(const std::string& fault) {
  const auto now = std::chrono::steady_clock::now();
  if (now < quiet_until_) return false;
  quiet_until_ = now + kAuditFaultPause;
  spdlog::error("the audit is not copied at present: {}; its rows are in the state, and follow", fault);
  return false;
}

}  // namespace cfpipe::edge
