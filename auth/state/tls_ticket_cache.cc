#include "auth/state/tls_ticket_cache.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <map>

namespace cfpipe::auth {
namespace {

constexpr std::string_view kSuffix = ".tls-ticket";
/// Characters of a name: 16 bytes of the key's hash, a dash, microseconds since 1970, 4 bytes of chance. So
/// names of one key sort by age.
constexpr std::size_t kKeyCharacters = 32;
constexpr std::size_t kTimeCharacters = 16;
constexpr std::size_t kChanceCharacters = 8;
constexpr std::size_t kNameCharacters =
    kKeyCharacters + 1 + kTimeCharacters + kChanceCharacters + kSuffix.size();

std::string hex(const unsigned char* bytes, std::size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

std::string prefix_of(const std::string& key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(key.data(), key.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return hex(digest.data(), kKeyCharacters / 2) + "-";
}

std::int64_t now_microseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

std::string padded_hex(std::uint64_t value, std::size_t characters) {
  std::array<char, kTimeCharacters> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  const std::string text(digits.data(), end);
  return std::string(characters - text.size(), '0') + text;
}

/// When it was made, in microseconds since 1970; nothing if the name is not one of ours.
std::optional<std::int64_t> time_of(std::string_view name) {
  if (name.size() != kNameCharacters || name[kKeyCharacters] != '-') return std::nullopt;
  const auto digits = name.substr(kKeyCharacters + 1, kTimeCharacters);
  std::int64_t time = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), time, 16);
  if (bad != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return time;
}

}  // namespace

std::optional<Secret> TicketCache::take(const std::string& key) {
  const auto prefix = prefix_of(key);
  auto names = state_.list(kSuffix);
  if (!names) return std::nullopt;
  std::reverse(names->begin(), names->end());
  for (const auto& name : *names) {
    if (!name.starts_with(prefix)) continue;
    auto session = state_.take(name);
    if (session && *session && (*session)->reveal().size() <= transport::kMaxSessionBytes) {
      return std::move(*session);
    }
  }
  return std::nullopt;
}

void TicketCache::put(const std::string& key, const Secret& session) {
  std::array<unsigned char, kChanceCharacters / 2> chance{};
  if (RAND_bytes(chance.data(), static_cast<int>(chance.size())) != 1) return;
  const auto time = padded_hex(static_cast<std::uint64_t>(now_microseconds()), kTimeCharacters);
  const auto name = prefix_of(key) + time + hex(chance.data(), chance.size()) + std::string(kSuffix);
  // A ticket that is lost with the power costs a handshake; a flush of the disk would cost every connect
  // more.
  if (state_.write(name, session.reveal(), 0600, Durability::none)) tidy();
}

void TicketCache::tidy() const {
  const auto oldest = now_microseconds() - kTicketMaxAge * 1'000'000;
  std::vector<std::pair<std::int64_t, std::string>> kept;  // newest first
  auto names = state_.list(kSuffix);
  if (!names) return;
  for (auto& name : *names) {
    if (const auto time = time_of(name)) kept.emplace_back(*time, std::move(name));
  }
  std::sort(kept.rbegin(), kept.rend());
  std::map<std::string_view, std::size_t> of_key;
  std::size_t all = 0;
  for (const auto& [time, name] : kept) {
    const bool fits =
        time >= oldest && ++of_key[std::string_view(name).substr(0, kKeyCharacters)] <= kTicketsPerKey;
    if (!fits || ++all > kTicketsKept) (void)state_.remove(name);
  }
}

}  // namespace cfpipe::auth
