#include "base/unknown_word.h"

#include <array>
#include <cctype>

#include "base/error.h"

namespace cfpipe {
namespace {

/// Characters in which a name may differ: one in so many of them, and at least one.
constexpr std::size_t kSamePerDifference = 3;
/// Shortest beginning of a name that means it.
constexpr std::size_t kShortestBeginning = 3;

std::string_view without_dashes(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  return word;
}

bool is_name(std::string_view word) {
  return word.size() <= kMaxComparedWord && std::all_of(word.begin(), word.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
         });
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the table: the one before the last, the last, and the one that is being made.
  std::array<std::vector<std::size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) rows[1][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& now = rows[2];
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = rows[1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({rows[1][j] + 1, now[j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], rows[0][j - 2] + 1);
    }
    std::rotate(rows.begin(), rows.begin() + 1, rows.end());
  }
  return rows[1][b.size()];
}

std::string nearest_name(std::string_view given, const std::vector<std::string>& names) {
  const std::string_view word = without_dashes(given);
  if (word.empty() || word.size() > kMaxComparedWord) return {};
  std::string nearest;
  std::size_t least = std::max(word.size() / kSamePerDifference, std::size_t{1}) + 1;
  for (const std::string& whole : names) {
    const std::string_view name = without_dashes(whole);
    if (name.size() > kMaxComparedWord) continue;
    const bool begun = word.size() >= kShortestBeginning && name.starts_with(word);
    const std::size_t distance = begun ? 1 : edit_distance(word, name);
    if (distance >= least || distance >= name.size()) continue;
    least = distance;
    nearest = whole;
  }
  return nearest;
}

std::string shown_option(std::string_view word, const std::string& nearest) {
  // Behind one dash and a letter, or after what no name has, there may be a value.
  if (!nearest.empty() || (word.starts_with("--") && is_name(word))) return printable(word);
  return printable(word.substr(0, 2)) + "...";
}

std::string UnknownWord::text() const {
  std::string out = kind == Kind::option ? "there is no option " : "there is no command ";
  out += printable(word);
  return nearest.empty() ? out : out + " (did you mean " + nearest + "?)";
}

}  // namespace cfpipe
