#include "auth/key_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>

#include "auth/own_file.h"

namespace cfpipe::auth {

namespace {

using transport::Cause;
using transport::Failure;
using transport::Stage;

/// Patience with another process that is replacing the pair: it writes four small files.
constexpr std::chrono::milliseconds kLockLimit{10'000};
/// How often a pair that does not match is read again: another process may just be replacing it.
constexpr int kReadTries = 3;
/// How far ahead of our clock the signer's may be, in seconds.
constexpr std::uint64_t kClockSkew = 300;

Result<Fd> lock(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!fd) return state_failure(Cause::state_write_failed, path, errno);
  if (const int error = lock_within(fd, kLockLimit); error != 0) {
    return state_failure(Cause::state_write_failed, path, error);
  }
  return fd;
}

bool good_enough(const CertFields& fields, std::uint64_t now) {
  return fields.valid_after <= now + kClockSkew && fields.valid_before >= now + kCertReuseMargin;
}

}  // namespace

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
  if (!key) return std::optional<SshKey>();
  return std::optional<SshKey>(std::move(*key));
}

Result<std::optional<KeyAndCertificate>> KeyFiles::load(std::uint64_t now) const {
  for (int i = 0; i < kReadTries; ++i) {
    auto key = load_key();
    if (!key) return key.error();
    const auto line = dir_.read(base_ + "-cert.pub");
    if (!line) return line.error();
    if (!*key || !*line) break;
    auto certificate = parse_certificate((*line)->reveal());
    if (!certificate) break;
    if (certificate->user_key_blob != (*key)->public_blob()) continue;
    if (!good_enough(certificate->fields, now)) break;
    return std::optional<KeyAndCertificate>(KeyAndCertificate{std::move(**key), std::move(*certificate)});
  }
  return std::optional<KeyAndCertificate>();
}

Result<void> KeyFiles::store(const SshKey& key, const Certificate& certificate) const {
  if (certificate.user_key_blob != key.public_blob())
    return Failure(Stage::certificate, Cause::certificate_invalid, "the certificate is over another key");
  const auto held = lock(dir_.file(base_ + ".flock"));
  if (!held) return held.error();
  const auto before = load_key();
  if (!before) return before.error();
  const bool same_key = *before && (*before)->public_blob() == key.public_blob();
  if (!same_key) {
    for (const char* suffix : {"-cert.pub", ".pub"}) {
      if (const auto removed = dir_.remove(base_ + suffix); !removed) return removed;
    }
    const Secret pem = key.private_pem();
    if (const auto written = dir_.write(base_, pem.reveal()); !written) return written;
  }
  if (const auto written = dir_.write(base_ + ".pub", key.authorized_key() + '\n'); !written) return written;
  return dir_.write(base_ + "-cert.pub", certificate.line + '\n');
}

}  // namespace cfpipe::auth
