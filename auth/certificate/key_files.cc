#include "auth/certificate/key_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>

#include "base/platform/own_file.h"

namespace cfpipe::auth {

namespace {

/// Timeout for another process that is replacing the pair: it writes four small files.
constexpr std::chrono::milliseconds kLockLimit{10'000};
/// How often a pair that does not match is read again: another process may just be replacing it.
constexpr int kReadTries = 3;
/// How far ahead of our clock the signer's may be, in seconds.
constexpr std::uint64_t kClockSkew = 300;
/// What a certificate's comment says about clocks, and the largest difference that is believed, in seconds.
constexpr std::string_view kClockMark = "clock=";
constexpr std::int64_t kMaxClockOffset = std::int64_t{100} * 365 * 86'400;

}  // namespace

Result<Fd> lock_key_files(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!fd) return state_failure(Cause::state_write_failed, path, errno);
  // A file system without locks is used without them.
  if (lock_within(fd, kLockLimit) == EWOULDBLOCK)
    return state_failure(Cause::state_write_failed, path, EWOULDBLOCK);
  return fd;
}

bool good_for_reuse(const Certificate& certificate, std::int64_t now) {
  const CertFields& fields = certificate.fields;
  const auto there = static_cast<std::uint64_t>(now + read_clock_offset(certificate.comment));
  // Its end by both clocks: this machine's may have been set since.
  const std::uint64_t latest = std::max(static_cast<std::uint64_t>(now), there);
  return fields.valid_after <= there + kClockSkew && fields.valid_before >= latest + kCertReuseMargin;
}

std::optional<Certificate> read_certificate(const StateDir& dir, const std::string& name) {
  const auto line = dir.read(name);
  if (!line || !*line) return std::nullopt;
  auto certificate = parse_certificate((*line)->reveal());
  if (!certificate) return std::nullopt;
  certificate->clock_offset = read_clock_offset(certificate->comment);
  return std::move(*certificate);
}

std::string file_comment(std::string_view words, std::int64_t clock_offset) {
  std::string comment(words);
  if (clock_offset == 0) return comment;
  if (!comment.empty()) comment += ' ';
  return comment.append(kClockMark).append(std::to_string(clock_offset));
}

std::int64_t read_clock_offset(std::string_view comment) {
  const auto mark = comment.rfind(kClockMark);
  if (mark == std::string_view::npos) return 0;
  const auto digits = comment.substr(mark + kClockMark.size());
  std::int64_t offset = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), offset);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && offset <= kMaxClockOffset && offset >= -kMaxClockOffset ? offset : 0;
}

KeyFiles::KeyFiles(const StateDir& dir, std::string_view host, std::string_view path)
    : dir_(dir), base_(std::string(host).append(path).append("-cf_key")) {}

std::string KeyFiles::key_path() const {
  return dir_.file(base_);
}

std::string KeyFiles::cert_path() const {
  return dir_.file(base_ + "-cert.pub");
}

Result<std::optional<SshKey>> KeyFiles::load_key() const {
  const auto opened = open_own_file(key_path());
  if (!opened) return opened.error();
  // A key that others could read is as good as theirs, and ssh refuses it: a fresh one takes its place.
  if (!*opened || ((*opened)->info.st_mode & (S_IRWXG | S_IRWXO)) != 0) return std::optional<SshKey>();
  const auto pem = read_own_file(**opened, key_path());
  if (!pem) return pem.error();
  auto key = SshKey::from_pem(pem->reveal());
  if (!key || key->type() == KeyType::rsa) return std::optional<SshKey>();
  return std::optional<SshKey>(std::move(*key));
}

std::optional<Certificate> KeyFiles::certificate() const {
  return read_certificate(dir_, base_ + "-cert.pub");
}

Result<std::optional<KeyAndCertificate>> KeyFiles::load(std::int64_t now, std::optional<KeyType> type) const {
  for (int i = 0; i < kReadTries; ++i) {
    auto key = load_key();
    if (!key) return key.error();
    const auto line = dir_.read(base_ + "-cert.pub");
    if (!line) return line.error();
    if (!*key || !*line || (type && (*key)->type() != *type)) break;
    auto certificate = parse_certificate((*line)->reveal());
    if (!certificate) break;
    certificate->clock_offset = read_clock_offset(certificate->comment);
    if (certificate->user_key_blob != (*key)->public_blob()) continue;
    if (!good_for_reuse(*certificate, now)) break;
    return std::optional<KeyAndCertificate>(KeyAndCertificate{std::move(**key), std::move(*certificate)});
  }
  return std::optional<KeyAndCertificate>();
}

Result<void> KeyFiles::store(const SshKey& key, const Certificate& certificate) const {
  if (certificate.user_key_blob != key.public_blob())
    return Failure(Stage::certificate, Cause::certificate_invalid, "the certificate is over another key");
  const auto held = lock_key_files(dir_.file(base_ + ".flock"));
  if (!held) return held.error();
  const auto before = load_key();
  if (!before) return before.error();
  const bool same_key = *before && (*before)->public_blob() == key.public_blob();
  if (!same_key) {
    for (const char* suffix : {"-cert.pub", ".pub"}) {
      if (const auto removed = dir_.remove(base_ + suffix); !removed) return removed;
    }
    const Secret pem = key.private_file();
    if (const auto written = dir_.write(base_, pem.reveal()); !written) return written;
  }
  if (const auto written = dir_.write(base_ + ".pub", key.authorized_key() + '\n'); !written) return written;
  const std::string comment = file_comment(certificate.comment, certificate.clock_offset);
  return dir_.write(base_ + "-cert.pub", line_with_comment(certificate, comment) + '\n');
}

}  // namespace cfpipe::auth
