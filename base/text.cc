#include "base/text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <ctime>
#include <limits>
#include <stdexcept>
#include <utility>

#include "base/base64.h"
#include "base/host.h"

namespace cfpipe {
namespace {

constexpr const char* kDateAndTime = "%Y-%m-%dT%H:%M:%SZ";
constexpr const char* kDate = "%Y-%m-%d";
constexpr int kFirstYear = 1000;  ///< that has four digits, as RFC 3339 wants

char lower_char(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return lower_char(c) >= 'a' && lower_char(c) <= 'z';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower_char(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::string formatted(std::int64_t time, const char* format) {
  const std::time_t seconds = time;
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return {};
  std::array<char, 64> out{};
  return {out.data(), std::strftime(out.data(), out.size(), format, &parts)};
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower_char(c);
  return out;
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && lower(a) == lower(b);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string random_bytes(std::size_t bytes) {
  std::string out(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(bytes)) != 1)
    throw std::runtime_error("the system gives no random bytes");
  return out;
}

std::string random_id(std::size_t bytes) {
  std::string id = base64url(random_bytes(bytes));
  while (id.starts_with('-')) id = base64url(random_bytes(bytes));
  return id;
}

std::string sha256(std::string_view bytes) {
  std::string out(32, '\0');
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &length, EVP_sha256(),
             nullptr);
  return out;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string rfc3339(std::int64_t time) {
  return formatted(time, kDateAndTime);
}
std::string http_date(std::int64_t time) {
  return formatted(time, "%a, %d %b %Y %H:%M:%S GMT");
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  const std::string copy(text);
  for (const char* format : {kDateAndTime, kDate}) {
    std::tm parts{};
    const char* end = strptime(copy.c_str(), format, &parts);
    if (end == nullptr || *end != '\0' || parts.tm_year < kFirstYear - 1900) continue;
    // A day or a second that does not exist becomes another one: what comes out has to be what was written.
    const std::int64_t time = timegm(&parts);
    if (formatted(time, format) == text) return time;
  }
  return std::nullopt;
}

namespace {

// The largest first.
constexpr std::pair<std::string_view, unsigned> kByteUnits[] = {
    {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

}  // namespace

std::optional<std::size_t> parse_bytes(std::string_view text) {
  unsigned shift = 0;
  for (const auto& [unit, bits] : kByteUnits) {
    if (!text.ends_with(unit)) continue;
    text.remove_suffix(unit.size());
    shift = bits;
    break;
  }
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (number > std::numeric_limits<std::size_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

std::string bytes_text(std::size_t bytes) {
  for (const auto& [unit, bits] : kByteUnits) {
    if (bytes > 0 && (bytes >> bits) << bits == bytes)
      return std::to_string(bytes >> bits) + std::string(unit);
  }
  return std::to_string(bytes);
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  constexpr std::int64_t kMaxNumber = 1'000'000;
  std::int64_t total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0 || number > kMaxNumber) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) return std::nullopt;
    switch (text.front()) {
      case 'd':
        total += number * 86400;
        break;
      case 'h':
        total += number * 3600;
        break;
      case 'm':
        total += number * 60;
        break;
      case 's':
        total += number;
        break;
      default:
        return std::nullopt;
    }
    text.remove_prefix(1);
  }
  return std::chrono::seconds(total);
}

std::string duration_text(std::chrono::seconds duration) {
  const std::int64_t total = duration.count();
  std::string out;
  if (const auto hours = total / 3600; hours > 0) out += std::to_string(hours) + "h";
  if (const auto minutes = total / 60 % 60; minutes > 0) out += std::to_string(minutes) + "m";
  if (const auto seconds = total % 60; seconds > 0 || out.empty()) out += std::to_string(seconds) + "s";
  return out;
}

bool valid_hostname(std::string_view name) {
  const auto host = Host::parse(name);
  return host && !host->address() && host->text() == name && name.find('_') == std::string_view::npos;
}

bool valid_email(std::string_view email) {
  const std::size_t at = email.find('@');
  if (at == std::string_view::npos || at == 0 || at > kMaxEmailPrefixBytes || email.size() > kMaxEmailBytes)
    return false;
  const std::string_view prefix = email.substr(0, at);
  if (prefix.front() == '.' || prefix.back() == '.' || prefix.front() == '-') return false;
  for (const char c : prefix)
    if (!is_letter(c) && !is_digit(c) &&
        std::string_view(".!#$%&'*+-/=?^_`{|}~").find(c) == std::string_view::npos)
      return false;
  return valid_hostname(lower(email.substr(at + 1)));
}

std::string email_prefix(std::string_view email) {
  return std::string(email.substr(0, email.find('@')));
}

std::string email_domain(std::string_view email) {
  const std::size_t at = email.rfind('@');
  return at == std::string_view::npos ? std::string() : lower(email.substr(at + 1));
}

}  // namespace cfpipe
