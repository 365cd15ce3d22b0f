#pragma once

#include <array>
#include <random>
#include <string>
#include <string_view>

namespace cfpipe::testing {

/// Texts out of pieces that parsers of hosts disagree about, the same at each run.
class HostileTexts {
 public:
  std::string next() {
    std::string out;
    for (std::size_t n = 1 + random_() % 9; n > 0; --n) out += kPieces[random_() % kPieces.size()];
    if (random_() % 4 == 0) out.insert(random_() % (out.size() + 1), 1, static_cast<char>(random_() % 256));
    return out;
  }

 private:
  static constexpr std::array<std::string_view, 48> kPieces{
      "vm",    "a",        "Z",     "0",      "1",         "127",      "0x7f",  "255",     "256",  "65535",
      "65536", "99999",    ".",     "..",     ":",         "::",       "[",     "]",       "%",    "%25",
      "%2e",   "-",        "_",     "*",      "/",         "//",       "?",     "#",       "@",    "\\",
      " ",     "=",        "&",     "+",      "localhost", "example",  "com",   "xn--",    "ffff", "fe80",
      "db8",   "https://", "http:", "wss://", "127.0.0.1", "10.0.0.1", "[::1]", "1.2.3.4."};
  std::mt19937 random_{20240607};
};

}  // namespace cfpipe::testing
