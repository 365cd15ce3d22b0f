// In the place of the terminal's page where that could not be built.
#include "edge/http/terminal_bundle.h"

namespace cfpipe::edge {

std::optional<TerminalFile> terminal_file(std::string_view) {
  return std::nullopt;
}

bool has_terminal() {
  return false;
}

}  // namespace cfpipe::edge
