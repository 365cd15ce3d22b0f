#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace cfpipe::edge {

/// The number that all of `text` spells, in decimal.
template <class T>
std::optional<T> number_in(std::string_view text) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace cfpipe::edge
