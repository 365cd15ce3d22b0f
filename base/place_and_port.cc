#include "base/place_and_port.h"

#include "base/host.h"

namespace cfpipe {

PlaceAndPort split_port(std::string_view text) {
  PlaceAndPort out;
  out.bracketed = text.starts_with('[');
  const auto end = out.bracketed ? text.find("]:") : text.find(':');
  if (end == std::string_view::npos) return out;
  out.where = out.bracketed ? text.substr(1, end - 1) : text.substr(0, end);
  out.port = parse_port(text.substr(out.bracketed ? end + 2 : end + 1));
  return out;
}

}  // namespace cfpipe
