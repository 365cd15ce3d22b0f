#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cfpipe::cli {

/// Below ~/.ssh: the file that is all ours, and how the user's own includes it (ssh takes the path from
/// there).
inline constexpr std::string_view kIncludedFile = "config.d/cfpipe";

/// The included file: a header, then a block for each host between two comment lines that name it. Other
/// lines of the user stay. Pure functions: text in, text out.
class HostBlocks {
 public:
  explicit HostBlocks(std::string text) : text_(std::move(text)) {}

  /// Puts the block where that of the host was, or at the end. `lines` ends with a newline.
  void set(std::string_view host, std::string_view lines);
  void remove(std::string_view host);
  void remove_all();
  std::vector<std::string> hosts() const;
  /// What stands between the two comment lines of a host; empty if there is no block.
  std::string_view lines(std::string_view host) const;

  /// What there was not before and goes with the last block: `.ssh`, `config`, `config.d`. Kept in the
  /// header.
  void set_made(const std::vector<std::string>& names);
  std::vector<std::string> made() const;

  /// The file's text; empty if nothing but a header is left of it.
  std::string text() const;

 private:
  struct Place {
    std::size_t begin, end;
  };
  Place find(std::string_view host) const;  ///< begin == end: nowhere

  std::string text_;
};

/// The user's configuration with our file included in front of everything, once. One that includes it
/// already, before its first Host or Match, by name or by a pattern for the whole directory, is left as it
/// is.
std::string with_include(std::string_view config);
/// The same without exactly that line.
std::string without_include(std::string_view config);

}  // namespace cfpipe::cli
