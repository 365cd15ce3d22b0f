#pragma once

#include <optional>
#include <string_view>

namespace cfpipe::edge {

/// A file of the terminal's page as it was built.
struct TerminalFile {
  std::string_view plain;
  std::string_view gzip;
  std::string_view version;  ///< changes with the content
};

/// `terminal.js` or `terminal.css`; nothing where the program was built without the terminal.
std::optional<TerminalFile> terminal_file(std::string_view name);
bool has_terminal();

}  // namespace cfpipe::edge
