#include "edge/monitoring/audit_spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "edge/monitoring/audit_export.h"
#include "edge/store/audit_text.h"

namespace cfpipe::edge {
namespace {

// A record: its length in four bytes, a checksum of eight, and JSON. Zeros, an end that was cut off, or a
// number that does not ascend end the file's content.
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kSumBytes = 8;
constexpr std::size_t kHeadBytes = kLengthBytes + kSumBytes;
constexpr std::size_t kZeroBytes = 64 * 1024;  ///< written at a time when the file is made

std::string length_of(std::size_t size) {
  std::string out;
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>((size >> shift) & 0xffu);
  return out;
}

std::size_t length_in(std::string_view bytes) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    out |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return out;
}

std::string sum_of(std::string_view text) {
  return sha256(text).substr(0, kSumBytes);
}

std::string record_of(const SpooledRow& spooled) {
  const AuditRow row = with_audit_text(spooled.row);
  boost::json::object out = audit_object(row);
  out["tunnel"] = row.tunnel;
  out["time"] = row.time;
  out["number"] = spooled.number;
  out["session"] = row.session;
  out["session_expires"] = row.session_expires;
  out["session_device"] = row.session_device;
  const std::string text = boost::json::serialize(out);
  return length_of(text.size()) + sum_of(text) + text;
}

std::uint64_t count_in(const boost::json::object& in, std::string_view name) {
  return static_cast<std::uint64_t>(number_of(in, name));
}

SpooledRow spooled_row(const boost::json::object& in) {
  SpooledRow out;
  out.number = number_of(in, "number");
  AuditRow& row = out.row;
  row.time = number_of(in, "time");
  row.kind = text_of(in, "kind");
  row.identity = text_of(in, "identity");
  row.application = text_of(in, "application");
  row.peer = text_of(in, "peer");
  row.ray = text_of(in, "ray");
  row.serial = count_in(in, "serial");
  row.key_id = text_of(in, "key_id");
  row.tunnel = number_of(in, "tunnel");
  row.up_bytes = count_in(in, "up_bytes");
  row.down_bytes = count_in(in, "down_bytes");
  row.reason = text_of(in, "reason");
  row.login_method = text_of(in, "login_method");
  row.session = text_of(in, "session");
  row.session_expires = number_of(in, "session_expires");
  row.session_device = text_of(in, "session_device");
  return out;
}

bool write_all(int fd, std::string_view text, std::size_t at) {
  while (!text.empty()) {
    const ssize_t wrote = ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
    at += static_cast<std::size_t>(wrote);
  }
  return true;
}

/// Zeros, for blocks that are only reserved may still need room when they are first written. All or none:
/// what little room there is is the database's.
bool fill_up(int fd, std::size_t size) {
  struct statvfs room {};
  if (size < kSpoolBytes && ::fstatvfs(fd, &room) == 0 && room.f_bavail * room.f_frsize < kSpoolBytes - size)
    return false;
  const std::string zeros(kZeroBytes, '\0');
  std::size_t end = size;
  while (end < kSpoolBytes) {
    const std::size_t part = std::min(zeros.size(), kSpoolBytes - end);
    if (!write_all(fd, std::string_view(zeros).substr(0, part), end)) break;
    end += part;
  }
  if (end == kSpoolBytes && ::fsync(fd) == 0) return true;
  (void)!::ftruncate(fd, static_cast<off_t>(size));
  return false;
}

int open_or_make(const std::string& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
}

}  // namespace

Result<AuditSpool> AuditSpool::open(const std::string& path, std::int64_t taken) {
  AuditSpool spool;
  spool.last_number_ = taken;
  if (path.empty()) return spool;
  const auto failed = [&path](const char* why) {
    return Failure(Stage::state, Cause::state_unreadable, path + ": " + why);
  };
  spool.file_ = Fd(open_or_make(path));
  struct stat info {};
  if (!spool.file_ || ::fstat(spool.file_.get(), &info) != 0) return failed(std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return failed("is not a plain file");
  if (!lock_unless_held(spool.file_)) {
    spool.file_ = Fd();
    spool.fault_ = "another process has it";
    return spool;
  }
  const auto there = std::min(static_cast<std::size_t>(info.st_size), kSpoolBytes);
  spool.size_ = fill_up(spool.file_.get(), there) ? kSpoolBytes : there;
  if (spool.size_ < kSpoolBytes) spool.fault_ = "there is no room for it";
  spool.read(taken);
  return spool;
}

void AuditSpool::read(std::int64_t taken) {
  std::string bytes(size_, '\0');
  const ssize_t got = ::pread(file_.get(), bytes.data(), bytes.size(), 0);
  std::string_view rest =
      std::string_view(bytes).substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  std::int64_t before = 0;
  while (rest.size() > kHeadBytes) {
    const std::size_t length = length_in(rest);
    if (length == 0 || length > rest.size() - kHeadBytes) break;
    const std::string_view text = rest.substr(kHeadBytes, length);
    if (rest.substr(kLengthBytes, kSumBytes) != sum_of(text)) break;
    const auto object = parse_json_object(text);
    if (!object) break;
    SpooledRow row = spooled_row(*object);
    if (row.number <= before) break;
    before = row.number;
    last_number_ = std::max(last_number_, row.number);
    if (row.number > taken) rows_.push_back(std::move(row));
    rest.remove_prefix(kHeadBytes + length);
    end_ += kHeadBytes + length;
  }
  if (rows_.empty() && size_ >= kLengthBytes) forget_records();
}

void AuditSpool::forget_records() {
  end_ = 0;
  (void)write_all(file_.get(), std::string_view("\0\0\0\0", kLengthBytes), 0);
}

// Locked: another process that has it may be writing rows where this one would write zeros.
bool AuditSpool::prepare(const std::string& path) {
  const Fd file(open_or_make(path));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (!lock_unless_held(file)) return true;
  return fill_up(file.get(), std::min(static_cast<std::size_t>(info.st_size), kSpoolBytes));
}

bool AuditSpool::holds_rows(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  std::string head(kLengthBytes, '\0');
  return file && ::pread(file.get(), head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
         length_in(head) > 0;
}

/// The zeros behind end the content, for older records may follow.
bool AuditSpool::write(const std::string& text, bool flush) {
  const std::string_view zeros("\0\0\0\0", kLengthBytes);
  if (text.size() + zeros.size() > size_ - end_) {
    fault_ = "it is full";
    return false;
  }
  if (!write_all(file_.get(), text + std::string(zeros), end_) || (flush && ::fdatasync(file_.get()) != 0)) {
    fault_ = std::strerror(errno);
    (void)write_all(file_.get(), zeros, end_);
    return false;
  }
  end_ += text.size();
  return true;
}

bool AuditSpool::add(const std::vector<SpooledRow>& rows, bool flush) {
  if (!file_) {
    fault_ = "there is none";
    return false;
  }
  std::string text;
  for (const SpooledRow& row : rows) text += record_of(row);
  if (!write(text, flush)) return false;
  fault_.clear();
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  if (!rows.empty()) last_number_ = rows.back().number;
  return true;
}

// The records stay until all are gone: which of them the state has, it knows by their numbers.
void AuditSpool::drop(std::size_t count) {
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(std::min(count, rows_.size())));
  if (rows_.empty() && end_ > 0) forget_records();
}

}  // namespace cfpipe::edge
