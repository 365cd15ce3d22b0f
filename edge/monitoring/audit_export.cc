#include "edge/monitoring/audit_export.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

namespace cfpipe::edge {

namespace {

/// Of the end of the copy, in which its last line is looked for. A line that is longer is not found.
constexpr std::size_t kTailBytes = 64 * 1024;

/// One that does not wait for its reader, without making anybody else's do the same. A socket (the journal's)
/// cannot be opened again, and need not: see put().
Fd own_standard_output() {
  Fd again(::open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return again ? std::move(again) : Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
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

/// The last lines of a plain file, without the newline of the last.
std::string last_lines(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string tail(std::min(static_cast<std::size_t>(info.st_size), kTailBytes), '\0');
  const off_t from = info.st_size - static_cast<off_t>(tail.size());
  if (::pread(fd, tail.data(), tail.size(), from) != static_cast<ssize_t>(tail.size())) return {};
  const std::size_t end = tail.rfind('\n');
  tail.resize(end == std::string::npos ? 0 : end);
  return tail;
}

/// The id of the row that this line is; 0: it is none of this state.
std::int64_t kept_row_in(const std::string& line, AuditStore& store) {
  const auto object = parse_json_object(line);
  const std::int64_t id = object ? number_of(*object, "id") : 0;
  if (id <= 0) return 0;
  const auto rows = store.list_after(id - 1, 1);
  return rows && !rows->empty() && audit_json(rows->front()) == line ? id : 0;
}

/// The row that the file ends with; 0: it does not say. On a full disk the state cannot note what was copied.
std::int64_t last_row_in(int fd, AuditStore& store) {
  std::string lines = last_lines(fd);
  // The last line may be a part that a killed process left.
  for (int part = 0; part < 2; ++part) {
    const std::size_t before = lines.rfind('\n');
    const std::size_t from = before == std::string::npos ? 0 : before + 1;
    if (const std::int64_t id = kept_row_in(lines.substr(from), store); id > 0) return id;
    lines.resize(from > 0 ? before : 0);
  }
  return 0;
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

Result<Fd> AuditLog::open(const std::string& path) {
  const auto fault = [&path](const std::string& what) {
    return Failure(Stage::config, Cause::file_unusable, "the audit's copy: " + path + ": " + what);
  };
  if (path.empty()) return Fd();
  if (path == "-") return own_standard_output();
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
                 0600));
  if (!file) return fault(std::strerror(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return fault(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return fault("is not a plain file");
  if (info.st_uid != ::geteuid()) return fault("belongs to another user");
  if ((info.st_mode & 022) != 0) return fault("can be written by others");
  return file;
}

void AuditLog::use(Fd file) {
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
    const auto known = store_.copy_mark();
    if (!known) return say(known.error().detail);
    copied_ = std::max(*known, last_row_in(file_.get(), store_));
  }
  const auto rows = store_.list_after(*copied_, kAuditBatch);
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
  const auto noted = store_.set_copy_mark(*copied_);
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
