#include "auth/token/sealed_box.h"

#include <sodium.h>

#include <boost/json/memory_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <new>
#include <optional>
#include <stdexcept>

#include "base/base64.h"
#include "base/json.h"
#include "base/openssl.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

static_assert(crypto_box_PUBLICKEYBYTES == 32 && crypto_box_SECRETKEYBYTES == 32);

/// Largest transfer that is opened, in bytes of its base64 text. Two JWTs of the longest kind fit.
constexpr std::size_t kMaxTransferBytes = 128 * 1024;

/// A code: 40 bits in characters of 5 bits, without letters that are taken for others (Crockford's base 32).
constexpr std::string_view kCodeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kCodeBytes = 5;
constexpr std::size_t kCodeCharacterBits = 5;
constexpr std::size_t kCodeGroup = 4;

/// How a refusal is told from tokens, and the two kinds of them from each other.
constexpr const char* kDenied = "denied";
constexpr const char* kDeclined = "declined";

json::string_view view(std::string_view text) {
  return {text.data(), text.size()};
}

Failure failed(std::string why) {
  return {Stage::login, Cause::login_failed, std::move(why)};
}

void init_sodium() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
}

/// Memory for JSON that holds tokens: overwritten before it is given back. Alignment is left to plain new,
/// which is enough for everything in Boost.JSON; the library does not ask for the same one on both ways.
class WipingMemory final : public json::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t) override { return ::operator new(bytes); }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t) override {
    sodium_memzero(memory, bytes);
    ::operator delete(memory);
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override { return this == &other; }
};

/// A public key as it travels; padding is optional.
std::optional<std::string> decode_key(std::string_view text) {
  auto key = decode_base64url(text);
  if (!key || key->size() != crypto_box_PUBLICKEYBYTES) return std::nullopt;
  return key;
}

Secret token_of(const json::object& object, json::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return Secret();
  return Secret(std::string(value->get_string().data(), value->get_string().size()));
}

Result<TransferredTokens> read_tokens(std::string_view plain) {
  WipingMemory memory;
  json::parser parser{json::storage_ptr(&memory)};
  parser.reset(json::storage_ptr(&memory));
  boost::system::error_code ec;
  parser.write(plain.data(), plain.size(), ec);
  if (ec) return failed("the transferred tokens are malformed");
  const json::value value = parser.release();
  if (!value.is_object()) return failed("the transferred tokens are malformed");
  TransferredTokens tokens{token_of(value.get_object(), "app_token"),
                           token_of(value.get_object(), "org_token")};
  if (tokens.app_token.empty() && tokens.org_token.empty()) return failed("the login delivered no token");
  return tokens;
}

}  // namespace

std::optional<Secret> open_box(const BoxPrivateKey& key, std::string_view nonce_and_box,
                               std::string_view sender) {
  constexpr std::size_t kOverhead = crypto_box_NONCEBYTES + crypto_box_MACBYTES;
  if (sender.size() != crypto_box_PUBLICKEYBYTES || nonce_and_box.size() < kOverhead) return std::nullopt;
  const std::string_view nonce = nonce_and_box.substr(0, crypto_box_NONCEBYTES);
  const std::string_view box = nonce_and_box.substr(crypto_box_NONCEBYTES);
  std::string plain(box.size() - crypto_box_MACBYTES, '\0');
  if (crypto_box_open_easy(unsigned_bytes(plain), unsigned_bytes(box), box.size(), unsigned_bytes(nonce),
                           unsigned_bytes(sender), key.data()) != 0) {
    return std::nullopt;
  }
  return Secret(std::move(plain));
}

TransferReceiver::TransferReceiver() {
  init_sodium();
  std::array<std::uint8_t, crypto_box_PUBLICKEYBYTES> key{};
  crypto_box_keypair(key.data(), private_.data());
  public_key_ = base64url_padded({reinterpret_cast<const char*>(key.data()), key.size()});
}

TransferReceiver::~TransferReceiver() {
  sodium_memzero(private_.data(), private_.size());
}

Result<Secret> TransferReceiver::unseal(std::string_view body, std::string_view sender) const {
  if (body.size() > kMaxTransferBytes) return failed("the transfer is larger than 128 KiB");
  while (body.ends_with('\n') || body.ends_with('\r')) body.remove_suffix(1);
  const auto key = decode_key(sender);
  if (!key) return failed("the transfer names no usable sender key");
  const auto sealed = decode_base64(body);
  if (!sealed) return failed("the transfer is not base64");
  auto plain = open_box(private_, *sealed, *key);
  if (!plain) return failed("the transfer does not open with this login's key");
  return std::move(*plain);
}

Result<TransferredTokens> TransferReceiver::open(std::string_view body, std::string_view sender) const {
  const auto plain = unseal(body, sender);
  if (!plain) return plain.error();
  return read_tokens(plain->reveal());
}

std::optional<TransferRefusal> TransferReceiver::open_refusal(std::string_view body,
                                                              std::string_view sender) const {
  const auto plain = unseal(body, sender);
  if (!plain) return std::nullopt;
  const auto object = parse_json_object(plain->reveal());
  if (!object) return std::nullopt;
  for (const bool declined : {false, true}) {
    const char* name = declined ? kDeclined : kDenied;
    if (const auto* reason = object->if_contains(name); reason != nullptr && reason->is_string())
      return TransferRefusal{declined, std::string(reason->get_string())};
  }
  return std::nullopt;
}

namespace {

Result<SealedTransfer> seal(std::string_view receiver_public_key, const Secret& plain) {
  init_sodium();
  const auto receiver = decode_key(receiver_public_key);
  if (!receiver) return failed("malformed public key");
  std::string public_key(crypto_box_PUBLICKEYBYTES, '\0');
  std::array<std::uint8_t, crypto_box_SECRETKEYBYTES> private_key{};
  crypto_box_keypair(unsigned_bytes(public_key), private_key.data());
  std::string sealed(crypto_box_NONCEBYTES + crypto_box_MACBYTES + plain.reveal().size(), '\0');
  randombytes_buf(sealed.data(), crypto_box_NONCEBYTES);
  const int status = crypto_box_easy(unsigned_bytes(sealed) + crypto_box_NONCEBYTES,
                                     unsigned_bytes(plain.reveal()), plain.reveal().size(),
                                     unsigned_bytes(sealed), unsigned_bytes(*receiver), private_key.data());
  sodium_memzero(private_key.data(), private_key.size());
  // The only key that has the right length and does not work is a point of low order.
  if (status != 0) return failed("malformed public key");
  return SealedTransfer{base64(sealed), base64url_padded(public_key)};
}

}  // namespace

std::string transfer_code(std::string_view public_key) {
  const auto key = decode_key(public_key);
  if (!key) return {};
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), unsigned_bytes(*key), key->size());
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kCodeBytes; ++i) bits = bits << 8 | digest[i];
  std::string code;
  for (std::size_t left = kCodeBytes * 8; left > 0; left -= kCodeCharacterBits) {
    if (code.size() == kCodeGroup) code += '-';
    code += kCodeAlphabet[bits >> (left - kCodeCharacterBits) & (kCodeAlphabet.size() - 1)];
  }
  return code;
}

Result<SealedTransfer> seal_transfer(std::string_view receiver_public_key, std::string_view app_token,
                                     std::string_view org_token) {
  json::object tokens;
  tokens["app_token"] = view(app_token);
  tokens["org_token"] = view(org_token);
  return seal(receiver_public_key, Secret(json::serialize(tokens)));
}

Result<SealedTransfer> seal_refusal(std::string_view receiver_public_key, const TransferRefusal& refusal) {
  const json::object plain{{refusal.declined ? kDeclined : kDenied, refusal.reason}};
  return seal(receiver_public_key, Secret(json::serialize(plain)));
}

}  // namespace cfpipe::auth
