#include "cli/session/client_certificate.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/platform/private_file.h"

namespace cfpipe::cli {
namespace {

using Certificate = std::shared_ptr<const transport::ClientCertificate>;

/// Largest file of certificates, in bytes.
constexpr std::size_t kMaxCertificateFile = 256 * 1024;

Result<Secret> read_certificates(const std::string& path) {
  const auto unusable = [&path](std::string why) {
    return Failure(Stage::config, Cause::client_certificate_unusable, path + ": " + std::move(why));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return unusable(std::strerror(errno));
  std::string text(kMaxCertificateFile + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return unusable("it cannot be read");
  if (text.size() > kMaxCertificateFile) return unusable("larger than 256 KiB");
  return Secret(std::move(text));
}

}  // namespace

Result<Certificate> client_certificate(const Options& options) {
  if (options.cert_file.empty()) return Certificate();
  const bool apart = !options.key_file.empty();
  const auto certificates =
      apart ? read_certificates(options.cert_file) : read_private_file(options.cert_file);
  if (!certificates) return certificates.error();
  std::optional<Result<Secret>> key;
  if (apart) key.emplace(read_private_file(options.key_file));
  if (key && !*key) return key->error();
  auto read =
      transport::ClientCertificate::read(certificates->reveal(), (key ? **key : *certificates).reveal());
  if (read) return read;
  auto failure = read.error();
  failure.detail = options.cert_file + (apart ? ", " + options.key_file : "") + ": " + failure.detail;
  return failure;
}

}  // namespace cfpipe::cli
