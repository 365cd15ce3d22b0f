#include "base/base64.h"

#include <array>
#include <cstdint>

namespace cfpipe {
namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNotADigit = 0xff;

enum class Padding { required, optional };

using DigitTable = std::array<std::uint8_t, 256>;

constexpr DigitTable digit_table(std::string_view alphabet) {
  DigitTable table{};
  for (auto& entry : table) entry = kNotADigit;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}

constexpr DigitTable kStandardDigits = digit_table(kStandard);
constexpr DigitTable kUrlSafeDigits = digit_table(kUrlSafe);

std::string encode(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out.push_back(alphabet[(bits >> (count - 6)) & 63]);
  }
  if (count > 0) out.push_back(alphabet[(bits << (6 - count)) & 63]);
  while (padded && out.size() % 4 != 0) out.push_back('=');
  return out;
}

/// Takes the padding off; false if it is not what the length asks for.
bool strip_padding(std::string_view& text, Padding padding) {
  std::size_t pads = 0;
  while (pads < 3 && text.size() > pads && text[text.size() - 1 - pads] == '=') ++pads;
  if ((pads > 0 || padding == Padding::required) && text.size() % 4 != 0) return false;
  if (pads > 2) return false;
  text.remove_suffix(pads);
  return true;
}

std::optional<std::string> decode(std::string_view text, const DigitTable& digits, Padding padding) {
  if (!strip_padding(text, padding) || text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t digit = digits[static_cast<unsigned char>(c)];
    if (digit == kNotADigit) return std::nullopt;
    bits = (bits << 6) | digit;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>((bits >> count) & 0xff));
    }
  }
  // Bits behind the last whole byte must be zero, or two texts would stand for the same bytes (RFC 4648 3.5).
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace

std::string base64(std::string_view bytes) {
  return encode(bytes, kStandard, true);
}
std::string base64url(std::string_view bytes) {
  return encode(bytes, kUrlSafe, false);
}
std::string base64url_padded(std::string_view bytes) {
  return encode(bytes, kUrlSafe, true);
}

std::optional<std::string> decode_base64(std::string_view text) {
  return decode(text, kStandardDigits, Padding::required);
}

std::optional<std::string> decode_base64url(std::string_view text) {
  return decode(text, kUrlSafeDigits, Padding::optional);
}

}  // namespace cfpipe
