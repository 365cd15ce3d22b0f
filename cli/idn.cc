#include "cli/idn.h"

#include <dlfcn.h>
#include <idn2.h>

#include <algorithm>
#include <optional>

namespace cfpipe::cli {
namespace {

using transport::Cause;
using transport::Failure;
using transport::Stage;

/// Longest text that is looked at, in bytes; a name on the wire has 253.
constexpr std::size_t kMaxBytes = 8 * 1024;

/// libidn2, loaded at the one moment it is wanted: linked, its tables would be in the memory of every tunnel.
class IdnLibrary {
 public:
  IdnLibrary() : handle_(::dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) return;
    lookup_ = reinterpret_cast<decltype(lookup_)>(::dlsym(handle_, "idn2_lookup_u8"));
    free_ = reinterpret_cast<decltype(free_)>(::dlsym(handle_, "idn2_free"));
  }
  IdnLibrary(const IdnLibrary&) = delete;
  IdnLibrary& operator=(const IdnLibrary&) = delete;
  ~IdnLibrary() {
    if (handle_ != nullptr) ::dlclose(handle_);
  }
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
  void* handle_;
  decltype(&idn2_lookup_u8) lookup_ = nullptr;
  decltype(&idn2_free) free_ = nullptr;
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
  const IdnLibrary library;
  if (!library) {
    return Failure(Stage::input, Cause::bad_hostname,
                   transport::printable(text, 120) + ": libidn2.so.0 is not here; as xn--... it needs none");
  }
  const auto name = library.lookup(host);
  if (!name) return bad;
  return std::string(text.substr(0, from)) + *name + encoded(text.substr(to));
}

}  // namespace cfpipe::cli
