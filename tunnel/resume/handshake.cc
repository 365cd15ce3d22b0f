#include "tunnel/resume/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <vector>

#include "base/base64.h"

namespace cfpipe::tunnel {
namespace {

constexpr std::string_view kVersion = "1";
/// What the key and its proofs are for, so that they are good for nothing else.
constexpr std::string_view kPurpose = "cfpipe-resume-1";

using PKeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

std::string big_endian(std::uint64_t number, std::size_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) out[bytes - 1 - i] = static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}

std::string text_of(const SessionId& id) {
  return base64url({reinterpret_cast<const char*>(id.data()), id.size()});
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  if (text.size() > kMaxResumeValue) return words;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(' ', from), text.size());
    words.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return words;
}

std::optional<std::string> bytes_in(std::string_view word, std::size_t size) {
  auto bytes = decode_base64url(word);
  if (!bytes || bytes->size() != size) return std::nullopt;
  return bytes;
}

template <class Number>
bool read(std::string_view word, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

bool read(std::string_view word, SessionId& id) {
  const auto bytes = bytes_in(word, id.size());
  if (bytes) std::copy(bytes->begin(), bytes->end(), id.begin());
  return bytes.has_value();
}

bool read(std::string_view word, std::size_t size, std::string& out) {
  auto bytes = bytes_in(word, size);
  if (bytes) out = std::move(*bytes);
  return bytes.has_value();
}

std::string joined(std::initializer_list<std::string> words) {
  std::string out(kVersion);
  for (const auto& word : words) out += " " + word;
  return out;
}

bool is(const std::vector<std::string_view>& words, std::string_view kind, std::size_t count) {
  return words.size() == count && words[0] == kVersion && words[1] == kind;
}

}  // namespace

SessionId new_session_id() {
  SessionId id{};
  RAND_bytes(id.data(), static_cast<int>(id.size()));
  return id;
}

std::optional<ResumeKeys> ResumeKeys::make() {
  ResumeKeys out;
  out.own_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  std::string key(kResumeKeyBytes, '\0');
  std::size_t size = key.size();
  if (!out.own_ || EVP_PKEY_get_raw_public_key(out.own_.get(), bytes_of(key), &size) != 1)
    return std::nullopt;
  out.public_ = std::move(key);
  return out;
}

ResumeKeys ResumeKeys::again() const {
  ResumeKeys out;
  EVP_PKEY_up_ref(own_.get());
  out.own_.reset(own_.get());
  out.public_ = public_;
  return out;
}

// HKDF (RFC 5869) over the shared secret and both keys. OpenSSL refuses a peer's key that makes the shared
// secret zero (RFC 7748 6.1).
bool ResumeKeys::agree(std::string_view other, ResumeEnd other_is) {
  if (other.size() != kResumeKeyBytes) return false;
  const PKey theirs(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, bytes_of(other), other.size()));
  const PKeyContext exchange(EVP_PKEY_CTX_new(own_.get(), nullptr));
  std::string shared(kResumeKeyBytes, '\0');
  std::size_t size = shared.size();
  const bool agreed = theirs && exchange && EVP_PKEY_derive_init(exchange.get()) == 1 &&
                      EVP_PKEY_derive_set_peer(exchange.get(), theirs.get()) == 1 &&
                      EVP_PKEY_derive(exchange.get(), bytes_of(shared), &size) == 1;
  const Secret secret(std::move(shared));
  if (!agreed) return false;
  const bool client = other_is == ResumeEnd::client;
  const std::string info = std::string(kPurpose) + (client ? std::string(other) : public_) +
                           (client ? public_ : std::string(other));
  const PKeyContext kdf(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  std::string key(kProofBytes, '\0');
  size = key.size();
  const bool derived = kdf && EVP_PKEY_derive_init(kdf.get()) == 1 &&
                       EVP_PKEY_CTX_set_hkdf_md(kdf.get(), EVP_sha256()) == 1 &&
                       EVP_PKEY_CTX_set1_hkdf_key(kdf.get(), bytes_of(secret.reveal()),
                                                  static_cast<int>(secret.reveal().size())) == 1 &&
                       EVP_PKEY_CTX_add1_hkdf_info(kdf.get(), bytes_of(std::string_view(info)),
                                                   static_cast<int>(info.size())) == 1 &&
                       EVP_PKEY_derive(kdf.get(), bytes_of(key), &size) == 1;
  key_ = Secret(std::move(key));
  if (!derived) key_ = Secret();
  return derived;
}

std::string ResumeKeys::proof(ResumeEnd by, const SessionId& session, std::uint32_t epoch,
                              std::uint64_t next) const {
  if (key_.empty()) return {};
  const std::string said = std::string(kPurpose) + (by == ResumeEnd::client ? " client" : " edge") +
                           std::string(session.begin(), session.end()) + big_endian(epoch, sizeof epoch) +
                           big_endian(next, sizeof next);
  std::string code(kProofBytes, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.reveal().data(), static_cast<int>(key_.reveal().size()),
       bytes_of(std::string_view(said)), said.size(), bytes_of(code), &size);
  return code;
}

bool same_proof(std::string_view one, std::string_view other) {
  return one.size() == kProofBytes && other.size() == kProofBytes &&
         CRYPTO_memcmp(one.data(), other.data(), kProofBytes) == 0;
}

std::string text_of(const ResumeOpen& open) {
  return joined({"new", base64url(open.client_key)});
}
std::string text_of(const ResumeAttach& attach) {
  return joined({"attach", text_of(attach.session), std::to_string(attach.epoch), std::to_string(attach.next),
                 base64url(attach.proof)});
}
std::string text_of(const ResumeOpened& opened) {
  return joined(
      {"opened", base64url(opened.edge_key), text_of(opened.session), std::to_string(opened.grace)});
}
std::string text_of(const ResumeAttached& attached) {
  return joined({"attached", std::to_string(attached.next), base64url(attached.proof)});
}

std::optional<ResumeRequest> parse_resume_request(std::string_view text) {
  const auto words = words_of(text);
  if (ResumeOpen open; is(words, "new", 3) && read(words[2], kResumeKeyBytes, open.client_key)) return open;
  ResumeAttach attach;
  if (!is(words, "attach", 6) || !read(words[2], attach.session) || !read(words[3], attach.epoch) ||
      !read(words[4], attach.next) || !read(words[5], kProofBytes, attach.proof))
    return std::nullopt;
  return attach;
}

std::optional<ResumeOpened> parse_resume_opened(std::string_view text) {
  const auto words = words_of(text);
  ResumeOpened opened;
  if (!is(words, "opened", 5) || !read(words[2], kResumeKeyBytes, opened.edge_key) ||
      !read(words[3], opened.session) || !read(words[4], opened.grace))
    return std::nullopt;
  return opened;
}

std::optional<ResumeAttached> parse_resume_attached(std::string_view text) {
  const auto words = words_of(text);
  ResumeAttached attached;
  if (!is(words, "attached", 4) || !read(words[2], attached.next) ||
      !read(words[3], kProofBytes, attached.proof))
    return std::nullopt;
  return attached;
}

}  // namespace cfpipe::tunnel
