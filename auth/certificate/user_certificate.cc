#include "auth/certificate/user_certificate.h"

#include <system_error>

#include "auth/agent/socket.h"
#include "auth/certificate/key_files.h"
#include "base/platform/own_file.h"
#include "base/platform/temporary_file.h"

namespace cfpipe::auth {
namespace {

constexpr std::string_view kCertSuffix = "-cert.pub";
/// What the comment of every certificate that is put beside a user's key begins with: how it is known as
/// ours later on.
constexpr std::string_view kOurs = "cfpipe ";

Failure left_alone(const std::string& path, const std::string& why) {
  return {Stage::certificate, Cause::file_unusable, path + ": " + why};
}

enum class Standing { nothing, ours, foreign };

Standing what_stands(const std::string& path) {
  const auto file = open_own_file(path);
  if (!file) return Standing::foreign;
  if (!*file) return Standing::nothing;
  const auto content = read_own_file(**file, path);
  if (!content) return Standing::foreign;
  const auto certificate = parse_certificate(content->reveal());
  return certificate && certificate->comment.starts_with(kOurs) ? Standing::ours : Standing::foreign;
}

}  // namespace

UserCertificate::UserCertificate(const StateDir& dir, std::string_view host, std::string_view path)
    : dir_(dir), host_(host), base_(std::string(host).append(path).append("-user_key")) {}

std::string UserCertificate::public_path() const {
  return dir_.file(base_ + ".pub");
}

std::string UserCertificate::cert_path() const {
  return dir_.file(base_ + std::string(kCertSuffix));
}

std::string UserCertificate::comment(const Certificate& certificate) const {
  return file_comment(std::string(kOurs) + host_, certificate.clock_offset);
}

Result<std::optional<Certificate>> UserCertificate::load(std::string_view key_blob, std::int64_t now) const {
  const auto line = dir_.read(base_ + std::string(kCertSuffix));
  if (!line) return line.error();
  if (!*line) return std::optional<Certificate>();
  auto certificate = parse_certificate((*line)->reveal());
  if (!certificate || certificate->user_key_blob != key_blob || !good_for_reuse(*certificate, now))
    return std::optional<Certificate>();
  certificate->clock_offset = read_clock_offset(certificate->comment);
  return std::optional<Certificate>(std::move(*certificate));
}

std::optional<Certificate> UserCertificate::certificate() const {
  return read_certificate(dir_, base_ + std::string(kCertSuffix));
}

Result<void> UserCertificate::store(const UserKey& key, const Certificate& certificate) const {
  if (certificate.user_key_blob != key.blob)
    return Failure(Stage::certificate, Cause::certificate_invalid, "the certificate is over another key");
  const auto held = lock_key_files(dir_.file(base_ + ".flock"));
  if (!held) return held.error();
  // The comment is arbitrary text from an agent.
  const std::string words = printable(key.comment);
  const std::string line = public_key_line(key.blob) + (words.empty() ? "" : " " + words) + '\n';
  const auto before = dir_.read(base_ + ".pub");
  if (!before || !*before || (*before)->reveal() != line) {
    if (const auto removed = dir_.remove(base_ + std::string(kCertSuffix)); !removed) return removed;
    if (const auto written = dir_.write(base_ + ".pub", line); !written) return written;
  }
  return dir_.write(base_ + std::string(kCertSuffix),
                    line_with_comment(certificate, comment(certificate)) + '\n');
}

Result<void> UserCertificate::put_beside(const UserKey& key, const Certificate& certificate) const {
  if (key.file.empty()) return {};
  const std::string path = key.file + std::string(kCertSuffix);
  const Standing standing = what_stands(path);
  if (standing == Standing::foreign) return left_alone(path, "is not cfpipe's and stays as it is");
  sweep_temporary_files(directory_of(path));
  auto made = TemporaryFile::make(directory_of(path),
                                  line_with_comment(certificate, comment(certificate)) + '\n', 0600);
  if (!made) return left_alone(path, made.error().detail);
  const int error = standing == Standing::nothing ? made->place(path) : made->replace(path);
  if (error != 0) return left_alone(path, std::generic_category().message(error));
  return {};
}

}  // namespace cfpipe::auth
