#include "edge/process/dev_tls.h"

#include <algorithm>
#include <stdexcept>

#include "base/x509.h"

namespace cfpipe::edge {
namespace {

/// Lifetimes in days, and how long before its end a certificate is replaced, in seconds.
constexpr int kCaDays = 3650;
constexpr int kLeafDays = 365;
constexpr std::time_t kRenewBefore = std::time_t{30} * 24 * 3600;

struct Pair {
  std::string certificate;  ///< PEM
  PKey key;                 ///< null: there is no usable pair
};

Result<Pair> load(const std::string& certificate_path, const std::string& key_path) {
  auto certificate = read_file(certificate_path);
  if (!certificate) return certificate.error();
  auto key = read_file(key_path);
  if (!key) return key.error();
  if (!*certificate || !*key) return Pair{};
  const Secret pem(std::move(**key));
  Pair pair{**certificate, private_key_from_pem(pem.reveal())};
  if (!certificate_fits(pair.certificate, pair.key.get())) return Pair{};
  return pair;
}

bool lasts(const Pair& pair, std::time_t now) {
  if (!pair.key) return false;
  const auto facts = certificate_facts(pair.certificate);
  return facts && facts->not_after - kRenewBefore > now;
}

bool covers(const Pair& pair, const std::vector<std::string>& names) {
  const auto facts = certificate_facts(pair.certificate);
  return facts &&
         std::is_permutation(names.begin(), names.end(), facts->dns_names.begin(), facts->dns_names.end());
}

/// The key first: a certificate on disk always has its key there.
Result<void> store(const Pair& pair, const std::string& chain, const std::string& certificate_path,
                   const std::string& key_path) {
  if (auto wrote = replace_file(key_path, private_key_pem(pair.key.get()).reveal(), 0600); !wrote)
    return wrote;
  return replace_file(certificate_path, pair.certificate + chain, 0600);
}

}  // namespace

Result<DevTls> prepare_dev_tls(const std::string& dir, const std::vector<std::string>& names,
                               std::time_t now) try {
  if (auto prepared = prepare_state_dir(dir); !prepared) return prepared.error();
  const DevTls files{dir + "/tls-ca.pem", dir + "/tls-cert.pem", dir + "/tls-key.pem"};
  const std::string ca_key_file = dir + "/tls-ca-key.pem";
  auto ca = load(files.ca_file, ca_key_file);
  if (!ca) return ca.error();
  if (!lasts(*ca, now)) {
    ca->key = new_p256_key();
    const CertificateRequest request{.common_name = "cfpipe-edge dev CA", .days = kCaDays, .authority = true};
    ca->certificate = make_certificate(request, ca->key.get(), nullptr, ca->key.get());
    if (auto wrote = store(*ca, {}, files.ca_file, ca_key_file); !wrote) return wrote.error();
  }
  auto leaf = load(files.certificate_file, files.key_file);
  if (!leaf) return leaf.error();
  if (lasts(*leaf, now) && covers(*leaf, names) && signed_by(leaf->certificate, ca->certificate))
    return files;
  leaf->key = new_p256_key();
  const CertificateRequest request{.common_name = "cfpipe-edge dev", .days = kLeafDays, .dns_names = names};
  leaf->certificate = make_certificate(request, leaf->key.get(), &ca->certificate, ca->key.get());
  if (auto wrote = store(*leaf, ca->certificate, files.certificate_file, files.key_file); !wrote)
    return wrote.error();
  return files;
} catch (const std::runtime_error& error) {
  return Failure(Stage::state, Cause::state_write_failed, error.what());
}

}  // namespace cfpipe::edge
