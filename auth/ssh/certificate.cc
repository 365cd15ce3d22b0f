#include "auth/ssh/certificate.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "auth/ssh/verify.h"
#include "auth/ssh/wire.h"
#include "base/base64.h"

namespace cfpipe::auth {

namespace {

/// SSH2_CERT_TYPE_USER and SSH2_CERT_TYPE_HOST.
constexpr std::uint32_t kUserCertificate = 1;
constexpr std::uint32_t kHostCertificate = 2;
constexpr std::size_t kNonceBytes = 32;
/// Options and extensions of one certificate that are looked at.
constexpr std::size_t kMaxOptions = 64;

/// The certificate kinds there are, each with the plain key kind it is over and how many fields that has.
struct CertificateKind {
  std::string_view certificate;
  std::string_view key;
  int key_fields;
};
constexpr std::array<CertificateKind, 7> kCertificateKinds{{
    {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2},
    {"ssh-rsa-cert-v01@openssh.com", "ssh-rsa", 2},
    {"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", 2},
    {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", 3},
}};

const CertificateKind* find_kind(std::string_view CertificateKind::*name, std::string_view wanted) {
  const auto* found = std::find_if(kCertificateKinds.begin(), kCertificateKinds.end(),
                                   [&](const CertificateKind& k) { return k.*name == wanted; });
  return found == kCertificateKinds.end() ? nullptr : found;
}

Failure invalid(std::string detail) {
  return {Stage::certificate, Cause::certificate_invalid, std::move(detail)};
}

std::string fresh_nonce() {
  std::string nonce(kNonceBytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), static_cast<int>(nonce.size())) != 1)
    throw std::runtime_error("no random bytes");
  return nonce;
}

/// Names and principals end up in logs and in authorized-principals comparisons: printable, and not nothing.
bool acceptable_name(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
  });
}

/// True if every name is acceptable and, as PROTOCOL.certkeys asks, they ascend without repetition.
bool ascending(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), acceptable_name) &&
         std::adjacent_find(names.begin(), names.end(), std::greater_equal<>()) == names.end();
}

std::vector<std::string> option_names(const CertFields& fields) {
  std::vector<std::string> names;
  for (const auto& [name, value] : fields.critical_options) names.push_back(name);
  return names;
}

/// Why fields cannot be certified, or nothing.
std::optional<std::string> objection(const CertFields& fields) {
  // A certificate without principals would be good for every account of a host that does not ask for one.
  if (fields.principals.empty()) return "no principals";
  if (fields.principals.size() > kMaxPrincipals) return "too many principals";
  if (!std::all_of(fields.principals.begin(), fields.principals.end(), acceptable_name))
    return "a malformed principal";
  if (fields.valid_after >= fields.valid_before) return "an empty validity period";
  if (fields.critical_options.size() > kMaxOptions || fields.extensions.size() > kMaxOptions)
    return "too many options";
  if (!ascending(option_names(fields)) || !ascending(fields.extensions))
    return "malformed or repeated options";
  return std::nullopt;
}

std::string packed_principals(const CertFields& fields) {
  SshWriter out;
  for (const std::string& principal : fields.principals) out.string(principal);
  return out.take();
}

/// An option's data is a string inside a string; one without a value (`verify-required`) has no data at all.
std::string packed_options(const CertFields& fields) {
  SshWriter out;
  for (const auto& [name, value] : fields.critical_options)
    out.string(name).string(value.empty() ? std::string() : SshWriter().string(value).take());
  return out.take();
}

std::string packed_extensions(const CertFields& fields) {
  SshWriter out;
  for (const std::string& name : fields.extensions) out.string(name).string({});
  return out.take();
}

bool read_principals(std::string_view packed, CertFields& fields) {
  SshReader reader(packed);
  while (reader.ok() && !reader.rest().empty() && fields.principals.size() <= kMaxPrincipals)
    fields.principals.emplace_back(reader.string());
  return reader.finished() && fields.principals.size() <= kMaxPrincipals;
}

bool read_options(std::string_view packed, CertFields& fields) {
  SshReader reader(packed);
  while (reader.ok() && !reader.rest().empty() && fields.critical_options.size() <= kMaxOptions) {
    const std::string_view name = reader.string();
    const std::string_view data = reader.string();
    SshReader inner(data);
    const std::string_view value = data.empty() ? data : inner.string();
    if (!inner.finished()) return false;
    fields.critical_options.emplace_back(name, value);
  }
  return reader.finished() && fields.critical_options.size() <= kMaxOptions &&
         ascending(option_names(fields));
}

/// Extensions of other makers may carry data; only their names are of interest here.
bool read_extensions(std::string_view packed, CertFields& fields) {
  SshReader reader(packed);
  while (reader.ok() && !reader.rest().empty() && fields.extensions.size() <= kMaxOptions) {
    fields.extensions.emplace_back(reader.string());
    reader.string();
  }
  return reader.finished() && fields.extensions.size() <= kMaxOptions && ascending(fields.extensions);
}

/// The plain key inside a certificate: its fields stand there unchanged, behind the nonce.
std::string read_user_key(const CertificateKind& kind, SshReader& reader) {
  SshWriter blob;
  blob.string(kind.key);
  for (int i = 0; i < kind.key_fields; ++i) blob.string(reader.string());
  return blob.take();
}

/// Algorithm, signature, and for sk- signers what else there is; which of them fit together is sshd's to say.
bool well_formed_signature(std::string_view signature) {
  SshReader reader(signature);
  const std::string_view algorithm = reader.string();
  const std::string_view value = reader.string();
  return reader.ok() && acceptable_name(algorithm) && !value.empty();
}

Result<UnsignedCertificate> prepare(std::uint32_t type, std::string_view key_blob, const CertFields& fields,
                                    std::string_view ca_blob) {
  if (!acceptable_user_key(key_blob))
    return Failure(Stage::certificate, Cause::key_unusable,
                   "the public key is of a kind that is not certified");
  CertFields sorted = fields;
  std::sort(sorted.critical_options.begin(), sorted.critical_options.end());
  std::sort(sorted.extensions.begin(), sorted.extensions.end());
  if (const auto reason = objection(sorted)) return invalid(*reason);

  SshReader key(key_blob);
  const CertificateKind* kind = find_kind(&CertificateKind::key, key.string());
  if (kind == nullptr) return invalid("no certificate exists for this kind of key");
  SshWriter body;
  body.string(kind->certificate).string(fresh_nonce()).raw(key.rest());
  body.u64(sorted.serial).u32(type).string(sorted.key_id).string(packed_principals(sorted));
  body.u64(sorted.valid_after).u64(sorted.valid_before);
  body.string(packed_options(sorted)).string(packed_extensions(sorted)).string({}).string(ca_blob);
  return UnsignedCertificate{std::string(kind->certificate), body.take(), std::string(ca_blob)};
}

Result<std::string> with_signature(const UnsignedCertificate& certificate, std::string_view signature) {
  std::string line = certificate.type + ' ' + base64(certificate.body + SshWriter().string(signature).take());
  if (line.size() > kMaxCertLineBytes) return invalid("the certificate would be too long");
  return line;
}

Result<std::string> make_certificate(std::uint32_t type, std::string_view key_blob, const CertFields& fields,
                                     const SshKey& ca) {
  const auto prepared = prepare(type, key_blob, fields, ca.public_blob());
  if (!prepared) return prepared.error();
  const std::string signature = ca.sign(prepared->body);
  if (signature.empty()) return invalid("signing failed");
  return with_signature(*prepared, signature);
}

}  // namespace

std::vector<std::string> default_extensions() {
  return {"permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty",
          "permit-user-rc"};
}

Result<std::string> make_user_certificate(std::string_view user_key_blob, const CertFields& fields,
                                          const SshKey& ca) {
  return make_certificate(kUserCertificate, user_key_blob, fields, ca);
}

Result<UnsignedCertificate> prepare_user_certificate(std::string_view user_key_blob, const CertFields& fields,
                                                     std::string_view ca_blob) {
  return prepare(kUserCertificate, user_key_blob, fields, ca_blob);
}

Result<std::string> finish_certificate(const UnsignedCertificate& certificate, std::string_view signature) {
  if (check_signature(certificate.ca_blob, signature, certificate.body) != SignatureCheck::good)
    return invalid("the signature is not one that the CA's key has made");
  return with_signature(certificate, signature);
}

bool acceptable_host_key(std::string_view blob) {
  SshReader reader(blob);
  return acceptable_user_key(blob) && !reader.string().starts_with("sk-");
}

Result<std::string> make_host_certificate(std::string_view host_key_blob, const CertFields& fields,
                                          const SshKey& ca) {
  if (!acceptable_host_key(host_key_blob))
    return Failure(Stage::certificate, Cause::key_unusable, "this kind of key is not a host's");
  return make_certificate(kHostCertificate, host_key_blob, fields, ca);
}

Result<Certificate> parse_certificate(std::string_view line) {
  auto parsed = parse_public_key_line(line, kMaxCertLineBytes);
  if (!parsed) return invalid(parsed.error().detail);
  const CertificateKind* kind = find_kind(&CertificateKind::certificate, parsed->type);
  if (kind == nullptr) return invalid("not an OpenSSH certificate");

  Certificate result;
  SshReader reader(parsed->blob);
  reader.string();  // type, compared with the line's already
  reader.string();  // nonce
  result.user_key_blob = read_user_key(*kind, reader);
  result.fields.serial = reader.u64();
  if (reader.u32() != kUserCertificate) return invalid("not a user certificate");
  result.fields.key_id = reader.string();
  if (!read_principals(reader.string(), result.fields)) return invalid("malformed principals");
  result.fields.valid_after = reader.u64();
  result.fields.valid_before = reader.u64();
  if (!read_options(reader.string(), result.fields)) return invalid("malformed critical options");
  if (!read_extensions(reader.string(), result.fields)) return invalid("malformed extensions");
  reader.string();  // reserved
  result.ca_blob = reader.string();
  if (!well_formed_signature(reader.string())) return invalid("malformed signature");
  if (!reader.finished()) return invalid("something follows the signature");
  if (!acceptable_user_key(result.user_key_blob))
    return invalid("the certified key is malformed or too weak");
  if (!acceptable_user_key(result.ca_blob)) return invalid("the signer's key is malformed or too weak");

  result.type = std::move(parsed->type);
  result.line = result.type + ' ' + base64(parsed->blob);
  if (!parsed->comment.empty()) result.line += ' ' + parsed->comment;
  result.comment = std::move(parsed->comment);
  result.blob = std::move(parsed->blob);
  return result;
}

std::string line_with_comment(const Certificate& certificate, std::string_view comment) {
  std::string line = certificate.type + ' ' + base64(certificate.blob);
  if (!comment.empty()) line.append(" ").append(comment);
  return line;
}

std::string plain_key_blob(std::string_view blob) {
  SshReader reader(blob);
  const std::string_view type = reader.string();
  const CertificateKind* kind = find_kind(&CertificateKind::certificate, type);
  if (kind == nullptr) return reader.ok() && !type.empty() ? std::string(blob) : std::string();
  reader.string();  // nonce
  std::string plain = read_user_key(*kind, reader);
  return reader.ok() ? plain : std::string();
}

}  // namespace cfpipe::auth
