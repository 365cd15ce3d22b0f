#include "transport/websocket/handshake.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace cfpipe::transport {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kKeyText = 24;

std::string to_base64(const unsigned char* bytes, std::size_t size) {
  std::string out(4 * ((size + 2) / 3) + 1, '\0');
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes, static_cast<int>(size));
  out.resize(static_cast<std::size_t>(written));
  return out;
}

}  // namespace

std::string websocket_key() {
  std::array<unsigned char, kKeyBytes> bytes{};
  RAND_bytes(bytes.data(), bytes.size());
  return to_base64(bytes.data(), bytes.size());
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + std::string(kGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  return to_base64(digest.data(), size);
}

const char* unasked_for(bool extension, bool subprotocol) {
  if (extension) return "an extension that was not asked for";
  return subprotocol ? "a subprotocol that was not asked for" : nullptr;
}

bool is_websocket_key(std::string_view value) {
  return value.size() == kKeyText && value.ends_with("==") &&
         std::all_of(value.begin(), value.end() - 2, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
                  c == '/';
         });
}

}  // namespace cfpipe::transport
