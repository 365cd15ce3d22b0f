#include "edge/monitoring/audit_export.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace cfpipe::edge {

namespace {

/// One that does not wait for its reader, without making anybody else's do the same. A socket (the journal's)
/// cannot be opened again, and need not: see put().
auth::Fd own_standard_output() {
  auth::Fd again(::open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return again ? std::move(again) : auth::Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
}

ssize_t put(int fd, const std::string& text) {
  const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 && errno == ENOTSOCK ? ::write(fd, text.data(), text.size()) : sent;
}

/// Whether the last line of the file has no end: its writer was killed.
bool is_torn(int fd) {
  struct stat info {};
  char last = '\n';
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
         ::pread(fd, &last, 1, info.st_size - 1) == 1 && last != '\n';
}

}  // namespace

boost::json::object audit_object(const AuditRow& row) {
  return {{"id", row.id},
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
          {"reason", row.reason},
          {"login_method", row.login_method}};
}

std::string audit_json(const AuditRow& row) {
  return boost::json::serialize(audit_object(row));
}

Result<auth::Fd> AuditLog::open(const std::string& path) {
  const auto fault = [&path](const std::string& what) {
    return transport::Failure(transport::Stage::config, transport::Cause::file_unusable,
                              "the audit's copy: " + path + ": " + what);
  };
  if (path.empty()) return auth::Fd();
  if (path == "-") return own_standard_output();
  auth::Fd file(::open(path.c_str(),
                       O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600));
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
  rest_ = file_ && is_torn(file_.get()) ? "\n" : "";
  rest_row_ = 0;
}

void AuditLog::take_over() {
  copied_.reset();
  use(std::move(file_));
}

// A line that was under way comes first.
bool AuditLog::copy_some() {
  return file_ && send() && fill() && send();
}

void AuditLog::copy() {
  while (copy_some()) {
  }
}

// False: there is nothing more, or it cannot be read.
bool AuditLog::fill() {
  if (!copied_) {
    const auto known = state_.audit_copied();
    if (!known) return say(known.error().detail);
    copied_ = *known;
  }
  const auto rows = state_.audit_behind(*copied_, kAuditBatch);
  if (!rows) return say(rows.error().detail);
  if (rows->empty()) return false;
  for (const AuditRow& row : *rows) rest_ += audit_json(row) + "\n";
  rest_row_ = rows->back().id;
  return true;
}

// True: all of it has gone.
bool AuditLog::send() {
  while (!rest_.empty()) {
    const ssize_t wrote = put(file_.get(), rest_);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return say(std::strerror(errno));
    rest_.erase(0, static_cast<std::size_t>(wrote));
  }
  if (rest_row_ == 0) return true;
  copied_ = std::exchange(rest_row_, 0);
  const auto noted = state_.set_audit_copied(*copied_);
  return noted ? true : say(noted.error().detail);
}

bool AuditLog::say(const std::string& fault) {
  const auto now = std::chrono::steady_clock::now();
  if (now < quiet_until_) return false;
  quiet_until_ = now + kAuditFaultPause;
  spdlog::error("the audit is not copied at present: {}; its rows are in the state, and follow", fault);
  return false;
}

}  // namespace cfpipe::edge
