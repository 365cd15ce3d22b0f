#include "base/error.h"

#include <stdexcept>

namespace cfpipe {

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::logic_error("value() of a failed result: " + failure.detail);
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  text = text.substr(0, text.find_last_not_of("\r\n") + 1);  // pages and bodies end in one
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte >= 0x7f ? '?' : c);
  }
  if (text.size() > limit) out += "...";
  return out;
}

}  // namespace cfpipe
