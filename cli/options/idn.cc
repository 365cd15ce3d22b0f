#include "cli/options/idn.h"

#include <idn2.h>

#include <algorithm>
#include <optional>

#include "base/platform/dynamic_library.h"

namespace cfpipe::cli {
namespace {

/// Longest text that is looked at, in bytes; a name on the wire has 253.
constexpr std::size_t kMaxBytes = 8 * 1024;

/// What is wanted of libidn2.
class IdnLibrary {
 public:
  explicit operator bool() const { return lookup_ != nullptr && free_ != nullptr; }
  /// The host in A-labels, or nothing if it is no name.
  std::optional<std::string> lookup(const std::string& host) const {
    std::uint8_t* label = nullptr;
    const int status = lookup_(reinterpret_cast<const std::uint8_t*>(host.c_str()), &label,
                               IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status != IDN2_OK) return std::nullopt;
    std::string out(reinterpret_cast<const char*>(label));
    free_(label);
    return out;
  }

 private:
  DynamicLibrary library_{"libidn2.so.0"};
  decltype(&idn2_lookup_u8) lookup_ = library_.function<decltype(idn2_lookup_u8)>("idn2_lookup_u8");
  decltype(&idn2_free) free_ = library_.function<decltype(idn2_free)>("idn2_free");
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

Result<std::string> to_ascii(std::string_view text) {
  const Failure bad(Stage::input, Cause::bad_hostname,
                    printable(text, 120) + ": no valid internationalised name");
  if (text.size() > kMaxBytes || text.find('\0') != std::string_view::npos) return bad;
  const auto scheme = text.find("://");
  const auto from = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto to = std::min(text.find_first_of(":/?#", from), text.size());
  const std::string host(text.substr(from, to - from));
  const IdnLibrary library;
  if (!library) {
    return Failure(Stage::input, Cause::bad_hostname,
                   printable(text, 120) + ": libidn2.so.0 is not here; as xn--... it needs none");
  }
  const auto name = library.lookup(host);
  if (!name) return bad;
  return std::string(text.substr(0, from)) + *name + encoded(text.substr(to));
}

}  // namespace cfpipe::cli
