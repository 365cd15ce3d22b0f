#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cfpipe {

/// A library in a program.
struct Library {
  std::string name;
  std::string version;
  /// Linked through pkg-config: an archive inside the program, or, if the build was told so, the system's
  /// shared library. False for Boost and for headers, which are always inside.
  bool may_be_shared = false;
};

/// `0.10.6` of 10 * 100 + 6 with `major` 10000 and `minor` 100: how headers of C++ libraries give their
/// version.
std::string version_of_number(int number, int major, int minor);

/// The version of the program, on a line; if `verbose`, then the libraries inside, each with its version on a
/// line of its own, in alphabetical order. To `more` come those that every program has: Boost, OpenSSL, the
/// C++ runtime.
std::string version_text(std::string_view program, bool verbose, std::vector<Library> more);

}  // namespace cfpipe
