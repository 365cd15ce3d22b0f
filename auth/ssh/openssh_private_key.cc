#include "auth/ssh/openssh_private_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "auth/ssh/wire.h"
#include "base/base64.h"

namespace cfpipe::auth {
namespace {

using SecretBigNum = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using ParamBuild = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using PKeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kMagic("openssh-key-v1\0", 15);
constexpr std::size_t kLineBytes = 70;  ///< of base64, as ssh-keygen breaks it
constexpr std::size_t kBlockBytes = 8;  ///< that the private part is padded to without a cipher
constexpr std::size_t kEd25519Bytes = 32;
/// Room for any stage of an ed25519 key that is written, in bytes: its comment is ours.
constexpr std::size_t kWriteBytes = 2048;

Failure unusable_key_file(std::string why) {
  ERR_clear_error();
  return {Stage::certificate, Cause::key_unusable, std::move(why)};
}

/// What stands between the armour's lines, or nothing.
std::optional<Secret> unarmoured(std::string_view text) {
  if (text.size() > kMaxKeyFileBytes || !is_openssh_key(text)) return std::nullopt;
  const auto begin = text.find(kBegin) + kBegin.size();
  const auto end = text.find(kEnd, begin);
  if (end == std::string_view::npos) return std::nullopt;
  std::string joined;
  joined.reserve(end - begin);
  for (const char c : text.substr(begin, end - begin))
    if (c != '\n' && c != '\r') joined.push_back(c);
  const Secret encoded(std::move(joined));
  auto decoded = decode_base64(encoded.reveal());
  if (!decoded) return std::nullopt;
  return Secret(std::move(*decoded));
}

struct Envelope {
  std::string_view cipher;
  std::string_view public_blob;
  std::string_view private_part;
};

std::optional<Envelope> open_envelope(std::string_view content) {
  if (!content.starts_with(kMagic)) return std::nullopt;
  SshReader reader(content.substr(kMagic.size()));
  Envelope envelope;
  envelope.cipher = reader.string();
  reader.string();  // key derivation
  reader.string();  // its options
  const bool single = reader.u32() == 1;
  envelope.public_blob = reader.string();
  envelope.private_part = reader.string();
  if (!single || !reader.ok() || envelope.public_blob.empty()) return std::nullopt;
  return envelope;
}

/// `expected` is the public blob that stands in front.
PKey ed25519_key(SshReader& reader, std::string_view expected) {
  const std::string_view public_half = reader.string();
  if (SshWriter().string("ssh-ed25519").string(public_half).bytes() != expected) return nullptr;
  const std::string_view both = reader.string();  // the seed, and the public half again
  if (public_half.size() != kEd25519Bytes || both.size() != 2 * kEd25519Bytes ||
      both.substr(kEd25519Bytes) != public_half)
    return nullptr;
  PKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(both), kEd25519Bytes));
  std::array<unsigned char, kEd25519Bytes> derived{};
  std::size_t size = derived.size();
  const bool matches = key && EVP_PKEY_get_raw_public_key(key.get(), derived.data(), &size) == 1 &&
                       CRYPTO_memcmp(derived.data(), public_half.data(), size) == 0;
  return matches ? std::move(key) : nullptr;
}

PKey p256_key(SshReader& reader, std::string_view expected) {
  const std::string_view curve = reader.string();
  const std::string_view point = reader.string();
  if (SshWriter().string("ecdsa-sha2-nistp256").string(curve).string(point).bytes() != expected)
    return nullptr;
  const std::string_view scalar = reader.string();
  const SecretBigNum number(BN_bin2bn(unsigned_bytes(scalar), static_cast<int>(scalar.size()), nullptr));
  const ParamBuild build(OSSL_PARAM_BLD_new());
  if (!build || !number ||
      OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) != 1)
    return nullptr;
  const Params params(OSSL_PARAM_BLD_to_param(build.get()));
  const PKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1)
    return nullptr;
  return PKey(key);
}

}  // namespace

bool is_openssh_key(std::string_view text) {
  return text.find(kBegin) != std::string_view::npos;
}

Result<std::string> openssh_public_blob(std::string_view text) {
  const auto content = unarmoured(text);
  const auto envelope = content ? open_envelope(content->reveal()) : std::nullopt;
  if (!envelope) return unusable_key_file("not a private key in OpenSSH's format");
  return std::string(envelope->public_blob);
}

Result<PKey> openssh_private_key(std::string_view text) {
  const auto content = unarmoured(text);
  const auto envelope = content ? open_envelope(content->reveal()) : std::nullopt;
  if (!envelope) return unusable_key_file("not a private key in OpenSSH's format");
  if (envelope->cipher != "none") return unusable_key_file("the private key has a pass phrase");
  SshReader reader(envelope->private_part);
  const std::uint32_t check = reader.u32();
  if (check != reader.u32()) return unusable_key_file("the private key is damaged");
  const std::string_view type = reader.string();
  PKey key = type == "ssh-ed25519"           ? ed25519_key(reader, envelope->public_blob)
             : type == "ecdsa-sha2-nistp256" ? p256_key(reader, envelope->public_blob)
                                             : nullptr;
  if (!key) return unusable_key_file("neither a P-256 nor an ed25519 key");
  return key;
}

Secret openssh_ed25519_key(EVP_PKEY* key, std::string_view comment) {
  std::string seed(kEd25519Bytes, '\0');
  std::string public_half(kEd25519Bytes, '\0');
  std::size_t seed_size = seed.size();
  std::size_t public_size = public_half.size();
  const auto raw = [](std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); };
  if (EVP_PKEY_get_raw_private_key(key, raw(seed), &seed_size) != 1 ||
      EVP_PKEY_get_raw_public_key(key, raw(public_half), &public_size) != 1)
    return Secret();
  const Secret private_half(std::move(seed));
  std::array<unsigned char, 4> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return Secret();
  const std::uint32_t check =
      SshReader(std::string_view(reinterpret_cast<const char*>(random.data()), random.size())).u32();

  // Reserved, so that no half of the key stays behind in a buffer that was outgrown.
  SshWriter inner(kWriteBytes);
  inner.u32(check).u32(check).string("ssh-ed25519").string(public_half);
  inner.u32(2 * kEd25519Bytes).raw(private_half.reveal()).raw(public_half).string(comment);
  for (std::uint8_t pad = 1; inner.bytes().size() % kBlockBytes != 0; ++pad) inner.byte(pad);
  const Secret private_part(inner.take());
  SshWriter outer(kWriteBytes);
  outer.raw(kMagic).string("none").string("none").string({}).u32(1);
  outer.string(SshWriter().string("ssh-ed25519").string(public_half).bytes()).string(private_part.reveal());
  const Secret content(outer.take());
  const Secret encoded(base64(content.reveal()));

  std::string text;
  text.reserve(kWriteBytes);
  text.append(kBegin).append("\n");
  for (std::string_view rest = encoded.reveal(); !rest.empty();) {
    text.append(rest.substr(0, kLineBytes)).append("\n");
    rest.remove_prefix(std::min(kLineBytes, rest.size()));
  }
  text.append(kEnd).append("\n");
  return Secret(std::move(text));
}

}  // namespace cfpipe::auth
