#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cfpipe {

/// Longest word for which a similar one is suggested, in bytes.
inline constexpr std::size_t kMaxComparedWord = 64;

/// The Damerau-Levenshtein distance of two words (optimal string alignment): insertions, deletions,
/// substitutions and transpositions of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name that `given` most likely stands for: it begins with `given`, or at most a third of its characters
/// differ. Leading dashes do not count. Empty if there is none.
std::string nearest_name(std::string_view given, const std::vector<std::string>& names);

/// A word of a command line that is neither an option nor a command of the program.
struct UnknownWord {
  enum class Kind { option, command };
  Kind kind = Kind::option;
  std::string word;     ///< without its value, which may be a secret
  std::string nearest;  ///< the suggestion, or empty

  /// `there is no option --hostnam (did you mean --hostname?)`
  std::string text() const;
};

/// The name of an unknown option for a message, without a value that may be attached to it.
std::string shown_option(std::string_view word, const std::string& nearest);

/// The first such word; nothing if the command line has another fault. `App` is CLI::App, whose own message
/// neither tells options from arguments nor suggests a name.
template <class App>
std::optional<UnknownWord> first_unknown(const App& root, const std::vector<std::string>& words) {
  const App* at = &root;
  const auto option_of = [&](const std::string& name) {
    for (const App* app = at; app != nullptr; app = app->get_parent())
      if (const auto* option = app->get_option_no_throw(name); option != nullptr) return option;
    return static_cast<decltype(at->get_option_no_throw(name))>(nullptr);
  };
  const auto options_here = [&] {
    std::vector<std::string> names;
    for (const App* app = at; app != nullptr; app = app->get_parent())
      for (const auto* option : app->get_options())
        if (!option->get_group().empty())
          for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    return names;
  };
  const auto commands_here = [&] {
    std::vector<std::string> names;
    for (const App* sub : at->get_subcommands(nullptr)) names.push_back(sub->get_name());
    return names;
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--" || at->get_prefix_command()) return std::nullopt;
    if (word.size() > 1 && word[0] == '-') {
      const std::string name = word.substr(0, word.find('='));
      const auto* option = option_of(name);
      const bool value_attached = option == nullptr || name.size() < word.size();
      if (option == nullptr && word[1] != '-') option = option_of(word.substr(0, 2));  // -Tvalue
      if (option == nullptr) {
        const std::string nearest = nearest_name(name, options_here());
        return UnknownWord{UnknownWord::Kind::option, shown_option(name, nearest), nearest};
      }
      if (!value_attached && option->get_items_expected_max() > 0) ++i;
      continue;
    }
    const auto below = at->get_subcommands(nullptr);
    const auto sub =
        std::find_if(below.begin(), below.end(), [&](const App* one) { return one->check_name(word); });
    if (sub != below.end()) {
      at = *sub;
    } else if (!below.empty()) {
      return UnknownWord{UnknownWord::Kind::command, word, nearest_name(word, commands_here())};
    }
  }
  return std::nullopt;
}

}  // namespace cfpipe
