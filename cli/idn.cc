#include "cli/idn.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

namespace cfpipe::cli {
namespace {

using transport::Cause;
using transport::Failure;
using transport::Stage;

/// Longest text that is looked at, in bytes; a name on the wire has 253.
constexpr std::size_t kMaxBytes = 8 * 1024;

struct Free {
  void operator()(char* text) const noexcept { idn2_free(text); }
};

std::string encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace

transport::Result<std::string> to_ascii(std::string_view text) {
  const Failure bad(Stage::input, Cause::bad_hostname,
                    transport::printable(text, 120) + ": no valid internationalised name");
  if (text.size() > kMaxBytes || text.find('\0') != std::string_view::npos) return bad;
  const auto scheme = text.find("://");
  const auto from = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto to = std::min(text.find_first_of(":/?#", from), text.size());
  const std::string host(text.substr(from, to - from));
  char* label = nullptr;
  const int status =
      idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(host.c_str()),
                     reinterpret_cast<std::uint8_t**>(&label), IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, Free> owned(label);
  if (status != IDN2_OK) return bad;
  return std::string(text.substr(0, from)) + label + encoded(text.substr(to));
}

}  // namespace cfpipe::cli
