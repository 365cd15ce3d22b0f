#include "auth/ssh/key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <sodium/crypto_core_ed25519.h>

#include <array>
#include <optional>
#include <stdexcept>

#include "auth/ssh/openssh_private_key.h"
#include "auth/ssh/wire.h"
#include "base/base64.h"

namespace cfpipe::auth {

namespace {

/// Sizes of an RSA modulus that are certified, and of its exponent, in bits (OpenSSL's own upper bounds).
constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 16384;
constexpr int kMaxRsaExponentBits = 64;
/// Longest application name of an sk- key, in bytes.
constexpr std::size_t kMaxSkApplicationBytes = 255;
constexpr std::size_t kEd25519KeyBytes = 32;
constexpr std::size_t kP256FieldBytes = 32;

constexpr std::string_view kEd25519Name = "ssh-ed25519";
constexpr std::string_view kP256Name = "ecdsa-sha2-nistp256";
constexpr std::string_view kRsaName = "ssh-rsa";
constexpr std::string_view kRsaSignatureName = "rsa-sha2-512";
constexpr std::string_view kWhitespace = " \t\r\n";

using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using BigNum = std::unique_ptr<BIGNUM, Free<BN_free>>;
using EcGroup = std::unique_ptr<EC_GROUP, Free<EC_GROUP_free>>;
using EcPoint = std::unique_ptr<EC_POINT, Free<EC_POINT_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;

/// Of the key, and of what it signs with: RSA has one name for the key and others for signatures.
struct Names {
  std::string_view key;
  std::string_view signature;
};
Names names_of(KeyType type) {
  if (type == KeyType::rsa) return {kRsaName, kRsaSignatureName};
  const std::string_view name = type == KeyType::ed25519 ? kEd25519Name : kP256Name;
  return {name, name};
}

Failure unusable(std::string detail) {
  ERR_clear_error();
  return {Stage::certificate, Cause::key_unusable, std::move(detail)};
}

/// Big-endian, exactly `width` bytes; empty if it does not fit.
std::string fixed_width(const BIGNUM* number, std::size_t width) {
  std::string out(width, '\0');
  if (BN_bn2binpad(number, unsigned_bytes(out), static_cast<int>(width)) < 0) return {};
  return out;
}

std::string ed25519_public(EVP_PKEY* key) {
  std::string raw(kEd25519KeyBytes, '\0');
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key, unsigned_bytes(raw), &size) != 1) return {};
  return raw;
}

/// The coordinates rather than the encoded point: that one may be compressed, depending on where the key came
/// from.
std::string p256_point(EVP_PKEY* key) {
  BIGNUM* x_raw = nullptr;
  BIGNUM* y_raw = nullptr;
  const bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x_raw) == 1 &&
                  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y_raw) == 1;
  const BigNum x(x_raw);
  const BigNum y(y_raw);
  if (!ok) return {};
  return '\x04' + fixed_width(x.get(), kP256FieldBytes) + fixed_width(y.get(), kP256FieldBytes);
}

/// A number of an RSA key as an mpint's bytes (RFC 4253 6.6).
std::string rsa_number(EVP_PKEY* key, const char* param) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, param, &raw) != 1) return {};
  const BigNum number(raw);
  return fixed_width(number.get(), static_cast<std::size_t>(BN_num_bytes(number.get())));
}

std::optional<KeyType> type_of(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyType::ed25519;
  if (EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kMinRsaBits &&
      EVP_PKEY_get_bits(key) <= kMaxRsaBits)
    return KeyType::rsa;
  if (EVP_PKEY_is_a(key, "EC") != 1) return std::nullopt;
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) return std::nullopt;
  if (std::string_view(group.data(), size) != "prime256v1") return std::nullopt;
  return KeyType::ecdsa_p256;
}

/// True if the private half belongs to the public one. A PKCS#8 ed25519 key holds no public half to disagree
/// with.
bool consistent(EVP_PKEY* key, KeyType type) {
  if (type == KeyType::ed25519) return true;
  const std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_check(context.get()) == 1;
}

/// SSH's form of an ECDSA signature: two mpints (RFC 5656 3.1.2) instead of DER.
std::string ecdsa_to_ssh(std::string_view der) {
  const unsigned char* at = unsigned_bytes(der);
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature) return {};
  const std::string r = fixed_width(ECDSA_SIG_get0_r(signature.get()), kP256FieldBytes);
  const std::string s = fixed_width(ECDSA_SIG_get0_s(signature.get()), kP256FieldBytes);
  if (r.empty() || s.empty()) return {};
  return SshWriter().mpint(r).mpint(s).take();
}

std::string raw_signature(EVP_PKEY* key, KeyType type, std::string_view data) {
  const MdCtx context(EVP_MD_CTX_new());
  const EVP_MD* digest = type == KeyType::ed25519 ? nullptr
                         : type == KeyType::rsa   ? EVP_sha512()
                                                  : EVP_sha256();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key) != 1) return {};
  std::size_t size = 0;
  if (EVP_DigestSign(context.get(), nullptr, &size, unsigned_bytes(data), data.size()) != 1) return {};
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), unsigned_bytes(out), &size, unsigned_bytes(data), data.size()) != 1)
    return {};
  out.resize(size);
  return out;
}

bool acceptable_ed25519(std::string_view point) {
  return point.size() == kEd25519KeyBytes && crypto_core_ed25519_is_valid_point(unsigned_bytes(point)) == 1;
}

/// Uncompressed points only, as every SSH implementation writes them.
bool acceptable_point(int curve, std::size_t field_bytes, std::string_view encoded) {
  if (encoded.size() != 1 + 2 * field_bytes || encoded[0] != '\x04') return false;
  const EcGroup group(EC_GROUP_new_by_curve_name(curve));
  if (!group) return false;
  const EcPoint point(EC_POINT_new(group.get()));
  const bool on_curve = point && EC_POINT_oct2point(group.get(), point.get(), unsigned_bytes(encoded),
                                                    encoded.size(), nullptr) == 1;
  ERR_clear_error();
  return on_curve;
}

struct Curve {
  std::string_view name;
  int nid;
  std::size_t field_bytes;
};
constexpr std::array<Curve, 3> kCurves{{{"nistp256", NID_X9_62_prime256v1, 32},
                                        {"nistp384", NID_secp384r1, 48},
                                        {"nistp521", NID_secp521r1, 66}}};

/// What follows the type of an ECDSA key: curve name, point.
bool acceptable_ecdsa(std::string_view curve_name, SshReader& reader) {
  if (reader.string() != curve_name) return false;
  const std::string_view point = reader.string();
  for (const Curve& curve : kCurves) {
    if (curve.name == curve_name) return acceptable_point(curve.nid, curve.field_bytes, point);
  }
  return false;
}

/// A positive mpint in its shortest form (RFC 4251 5), or null.
BigNum positive_mpint(std::string_view bytes) {
  const auto top = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.empty() || (top(0) & 0x80U) != 0 || bytes.size() > kMaxRsaBits / 8 + 1) return nullptr;
  if (top(0) == 0 && (bytes.size() == 1 || (top(1) & 0x80U) == 0)) return nullptr;
  return BigNum(BN_bin2bn(unsigned_bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

bool acceptable_rsa(SshReader& reader) {
  const BigNum e = positive_mpint(reader.string());
  const BigNum n = positive_mpint(reader.string());
  if (!e || !n) return false;
  const bool exponent_ok =
      BN_is_odd(e.get()) == 1 && BN_is_one(e.get()) == 0 && BN_num_bits(e.get()) <= kMaxRsaExponentBits;
  const int bits = BN_num_bits(n.get());
  return exponent_ok && BN_is_odd(n.get()) == 1 && bits >= kMinRsaBits && bits <= kMaxRsaBits;
}

bool acceptable_application(std::string_view application) {
  return !application.empty() && application.size() <= kMaxSkApplicationBytes;
}

bool acceptable_fields(std::string_view type, SshReader& reader) {
  if (type == kEd25519Name) return acceptable_ed25519(reader.string());
  if (type == kP256Name) return acceptable_ecdsa("nistp256", reader);
  if (type == "ecdsa-sha2-nistp384") return acceptable_ecdsa("nistp384", reader);
  if (type == "ecdsa-sha2-nistp521") return acceptable_ecdsa("nistp521", reader);
  if (type == kRsaName) return acceptable_rsa(reader);
  if (type == "sk-ssh-ed25519@openssh.com")
    return acceptable_ed25519(reader.string()) && acceptable_application(reader.string());
  if (type == "sk-ecdsa-sha2-nistp256@openssh.com")
    return acceptable_ecdsa("nistp256", reader) && acceptable_application(reader.string());
  return false;
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') return true;
  }
  return false;
}

/// The next word, and `text` cut to what follows its separators.
std::string_view next_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return word;
}

}  // namespace

SshKey SshKey::generate(KeyType type) {
  PKey key(type == KeyType::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
           : type == KeyType::rsa   ? EVP_RSA_gen(kNewRsaBits)
                                    : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!key) throw std::runtime_error("OpenSSL could not make a key");
  return {type, std::move(key)};
}

namespace {

Result<PKey> read_pem(std::string_view pem) {
  if (is_openssh_key(pem)) return openssh_private_key(pem);
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without a callback of ours OpenSSL would ask for the pass phrase of an encrypted key at the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  PKey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) return unusable("not an unencrypted PEM private key");
  return key;
}

}  // namespace

Result<SshKey> SshKey::from_pem(std::string_view pem) {
  if (pem.size() > kMaxKeyFileBytes) return unusable("the private key is too long");
  auto key = read_pem(pem);
  if (!key) return key.error();
  const std::optional<KeyType> type = type_of(key->get());
  if (!type) return unusable("not an ed25519 key, a P-256 key, or an RSA key of 2048 bits or more");
  if (!consistent(key->get(), *type)) return unusable("the private key does not match its public half");
  return SshKey(*type, std::move(*key));
}

std::string SshKey::public_blob() const {
  SshWriter blob;
  blob.string(names_of(type_).key);
  if (type_ == KeyType::ed25519) return blob.string(ed25519_public(key_.get())).take();
  if (type_ == KeyType::rsa)
    return blob.mpint(rsa_number(key_.get(), OSSL_PKEY_PARAM_RSA_E))
        .mpint(rsa_number(key_.get(), OSSL_PKEY_PARAM_RSA_N))
        .take();
  return blob.string("nistp256").string(p256_point(key_.get())).take();
}

std::string SshKey::authorized_key(std::string_view comment) const {
  std::string line = public_key_line(public_blob());
  if (!comment.empty()) line.append(" ").append(comment);
  return line;
}

Secret SshKey::private_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));  // wipes its memory when it grows and when it is freed
  if (!bio) throw std::bad_alloc();
  const int ok =
      type_ == KeyType::ecdsa_p256
          ? PEM_write_bio_PrivateKey_traditional(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr)
          : PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  if (ok != 1) throw std::runtime_error("OpenSSL could not write a key");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Secret(std::string(data, static_cast<std::size_t>(size)));
}

Secret SshKey::private_file() const {
  return type_ == KeyType::ed25519 ? openssh_ed25519_key(key_.get(), {}) : private_pem();
}

std::string SshKey::sign(std::string_view data) const {
  std::string signature = raw_signature(key_.get(), type_, data);
  if (type_ == KeyType::ecdsa_p256) signature = ecdsa_to_ssh(signature);
  if (signature.empty()) {
    ERR_clear_error();
    return {};
  }
  return SshWriter().string(names_of(type_).signature).string(signature).take();
}

Result<PublicKeyLine> parse_public_key_line(std::string_view line, std::size_t limit) {
  if (line.size() > limit) return unusable("the public key line is too long");
  line.remove_prefix(std::min(line.find_first_not_of(kWhitespace), line.size()));
  line = line.substr(0, line.find_last_not_of(kWhitespace) + 1);
  PublicKeyLine parsed;
  parsed.type = next_word(line);
  const std::string_view encoded = next_word(line);
  if (has_control(parsed.type) || has_control(line))
    return unusable("control characters in the public key line");
  std::optional<std::string> blob = decode_base64(encoded);
  if (!blob || blob->empty()) return unusable("the public key line is not `type base64 [comment]`");
  SshReader reader(*blob);
  if (reader.string() != parsed.type || reader.rest().empty())
    return unusable("the public key is not of the type it names");
  parsed.blob = std::move(*blob);
  parsed.comment = line;
  return parsed;
}

std::string public_key_line(std::string_view blob) {
  return std::string(SshReader(blob).string()) + ' ' + base64(blob);
}

bool acceptable_user_key(std::string_view blob) {
  if (blob.size() > kMaxKeyLineBytes) return false;
  SshReader reader(blob);
  const std::string_view type = reader.string();
  return acceptable_fields(type, reader) && reader.finished();
}

std::string fingerprint(std::string_view blob) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  std::size_t size = 0;
  EVP_Q_digest(nullptr, "SHA256", nullptr, blob.data(), blob.size(), digest.data(), &size);
  std::string text = base64(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  text.erase(text.find_last_not_of('=') + 1);
  return "SHA256:" + text;
}

}  // namespace cfpipe::auth
