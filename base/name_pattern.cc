#include "base/name_pattern.h"

#include <algorithm>
#include <cstddef>

namespace cfpipe {
namespace {

constexpr auto kNone = std::string_view::npos;

/// Whether the text has the pieces between the stars in that order, the first at its beginning. `ends(at)`
/// says whether the last piece may end at that offset. Every piece but the last is taken where it is found
/// first, so nothing is tried twice.
template <typename Ends>
bool matches(std::string_view pattern, std::string_view text, Ends ends) {
  std::size_t star = pattern.find('*');
  if (!text.starts_with(pattern.substr(0, star))) return false;
  if (star == kNone) return ends(pattern.size());
  for (std::size_t at = star;;) {
    pattern.remove_prefix(star + 1);
    star = pattern.find('*');
    const std::string_view piece = pattern.substr(0, star);
    at = text.find(piece, at);
    while (star == kNone && at != kNone && !ends(at + piece.size())) at = text.find(piece, at + 1);
    if (star == kNone || at == kNone) return at != kNone;
    at += piece.size();
  }
}

}  // namespace

bool label_matches(std::string_view pattern, std::string_view label) {
  return matches(pattern, label, [label](std::size_t at) { return at == label.size(); });
}

bool host_matches(std::string_view pattern, std::string_view host) {
  for (;;) {
    const std::size_t dot = pattern.find('.'), end = host.find('.');
    if ((dot == kNone) != (end == kNone) || end == 0 || host.empty()) return false;
    if (!label_matches(pattern.substr(0, dot), host.substr(0, end))) return false;
    if (end == kNone) return true;
    pattern.remove_prefix(dot + 1);
    host.remove_prefix(end + 1);
  }
}

bool path_matches(std::string_view pattern, std::string_view path) {
  return matches(pattern, path, [path](std::size_t at) { return at == path.size() || path[at] == '/'; });
}

}  // namespace cfpipe
