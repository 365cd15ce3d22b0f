#include "cli/command/installed_block.h"

#include <fnmatch.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/platform/own_file.h"
#include "cli/command/ssh_config_blocks.h"
#include "cli/options/parse_options.h"

namespace cfpipe::cli {
namespace {

constexpr std::string_view kProxyCommand = "  ProxyCommand ";
constexpr std::string_view kKeyType = "--key-type";

/// Of the options that a block has, those that `doctor` has too; whether a value follows.
struct BlockOption {
  std::string_view name;
  bool has_value;
};
constexpr std::array<BlockOption, 17> kTaken{{{"--ca-file", true},
                                              {"--auth-domain", true},
                                              {"--connect-to", true},
                                              {"--service-token-file", true},
                                              {"--proxy", true},
                                              {"--cert", true},
                                              {"--key-file", true},
                                              {"--key", true},
                                              {kKeyType, true},
                                              {"--dns-timeout", true},
                                              {"--connect-timeout", true},
                                              {"--proxy-timeout", true},
                                              {"--tls-timeout", true},
                                              {"--upgrade-timeout", true},
                                              {"--first-byte-timeout", true},
                                              {"--fedramp", false},
                                              {"--short-lived-cert", false}}};

/// Parts a line as a POSIX shell does, as far as ssh-config needs that: words, single and double quotes.
/// Nothing if a quote is left open, or there are too many words.
std::optional<std::vector<std::string>> shell_words(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : line) {
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) {
      if (words.size() == kMaxBlockWords) return std::nullopt;
      words.emplace_back();
      in_word = true;
    }
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else {
      words.back() += c;
    }
  }
  return quote == 0 ? std::optional(std::move(words)) : std::nullopt;
}

/// ssh's tokens of a word: %h is the host, %% a percent sign. Others stay: they are not for what is read
/// here.
std::string expanded(std::string_view word, std::string_view host) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char next = word[i] == '%' && i + 1 < word.size() ? word[i + 1] : '\0';
    if (next == 'h') out += host;
    if (next == '%') out += '%';
    if (next != 'h' && next != '%') {
      out += word[i];
    } else {
      ++i;
    }
  }
  return out;
}

/// `--key-type` and its value, of the ssh-gen in a line of style match (`Match … exec "…"`) or chain (`bash
/// -c '…; ssh …'`): there that command makes the key. Empty if the line has neither.
std::vector<std::string> key_type_of_line(std::string_view line) {
  constexpr std::string_view kMaker = " access ssh-gen ";
  const auto at = line.size() > kMaxBlockLine ? std::string_view::npos : line.find(kMaker);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + kMaker.size());
  line = line.substr(0, std::min(line.find("; ssh "), line.rfind('"')));
  const auto words = shell_words(line);
  if (!words) return {};
  const auto name = std::find(words->begin(), words->end(), kKeyType);
  if (name == words->end() || name + 1 == words->end()) return {};
  return {*name, *(name + 1)};
}

/// Of a ProxyCommand that starts this program itself; style chain has another one too, which starts bash.
std::vector<std::string> words_of_line(std::string_view line, std::string_view host) {
  if (!line.starts_with(kProxyCommand) || line.size() > kMaxBlockLine) return {};
  auto words = shell_words(line.substr(kProxyCommand.size()));
  if (!words || words->size() < 3 || (*words)[1] != "access" || (*words)[2] != "ssh") return {};
  std::vector<std::string> out;
  for (std::size_t i = 3; i < words->size(); ++i) out.push_back(expanded((*words)[i], host));
  return out;
}

/// `--name` of an argument, however many dashes it has and whatever value is behind it.
std::string option_name(std::string_view argument) {
  if (!argument.starts_with('-')) return {};
  argument.remove_prefix(std::min(argument.find_first_not_of('-'), argument.size()));
  return "--" + std::string(argument.substr(0, argument.find('=')));
}

bool gives_service_token(std::string_view name) {
  return name.starts_with("--service-token") || name == "--id" || name == "--secret";
}

/// A key of the user's, or the kind of one that is made: never both.
bool chooses_key(std::string_view name) {
  return name == "--key" || name == kKeyType;
}

/// Puts another target in the place of the one that was given, wherever that was.
void name_host(std::vector<std::string>& arguments, const std::string& given, const std::string& target) {
  for (auto& argument : arguments) {
    if (argument == given) {
      argument = target;
    } else if (argument.starts_with('-') && argument.ends_with("=" + given)) {
      argument = argument.substr(0, argument.size() - given.size()) + target;
    } else {
      continue;
    }
    return;
  }
  arguments.insert(arguments.end(), {"--hostname", target});  // the environment named it
}

std::string blocks_path(const Home& home) {
  return home.path + "/.ssh/" + std::string(kIncludedFile);
}

Result<std::string> read_blocks(const std::string& path) {
  auto file = open_own_file(path);
  if (file && !*file) return std::string();
  auto text = file ? read_own_file(**file, path) : Result<Secret>(file.error());
  if (!text) return Failure(Stage::config, Cause::file_unusable, text.error().detail);
  return std::string(text->reveal());
}

}  // namespace

Result<Home> find_home() {
  const char* home = std::getenv("HOME");
  const passwd* entry = ::getpwuid(::geteuid());
  const std::string account = entry == nullptr || entry->pw_dir == nullptr ? "" : entry->pw_dir;
  Home found{home == nullptr || *home == '\0' ? account : home, true};
  if (found.path.empty())
    return Failure(Stage::config, Cause::file_unusable, "~: there is no home directory; set HOME");
  found.of_the_account = account.empty() || account == found.path;
  return found;
}

Result<std::string> installed_blocks(const Home& home) {
  return read_blocks(blocks_path(home));
}

std::vector<std::string> words_of_block(const std::string& file, std::string_view host) {
  const HostBlocks blocks(file);
  const std::string name(host);
  for (const auto& pattern : blocks.hosts()) {
    // A chain's second block, which has the command, is for a name with this in front.
    if (::fnmatch(pattern.c_str(), name.c_str(), 0) != 0 &&
        ::fnmatch(pattern.c_str(), ("cfpipe-" + name).c_str(), 0) != 0)
      continue;
    std::string_view lines = blocks.lines(pattern);
    std::vector<std::string> key_type;
    while (!lines.empty()) {
      const auto end = std::min(lines.find('\n'), lines.size());
      const auto line = lines.substr(0, end);
      auto words = words_of_line(line, host);
      if (!words.empty()) {
        words.insert(words.end(), key_type.begin(), key_type.end());
        return words;
      }
      if (key_type.empty()) key_type = key_type_of_line(line);
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
  }
  return {};
}

std::vector<std::string> with_block(std::vector<std::string> arguments, const std::string& host,
                                    const std::vector<std::string>& words) {
  std::vector<std::string> given;
  for (const auto& argument : arguments) given.push_back(option_name(argument));
  const auto is_given = [&given](std::string_view name) {
    return std::any_of(given.begin(), given.end(), [&](const std::string& one) {
      return one == name || (gives_service_token(name) && gives_service_token(one)) ||
             (chooses_key(name) && chooses_key(one));
    });
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool last = i + 1 == words.size();
    if (word == "--hostname" && !last) {
      if (!host.empty()) name_host(arguments, host, words[i + 1]);
      continue;
    }
    // With an agent there is a certificate, as with the flag.
    const std::string_view name = word == "--agent" ? "--short-lived-cert" : std::string_view(word);
    const auto taken = std::find_if(kTaken.begin(), kTaken.end(),
                                    [&](const BlockOption& option) { return option.name == name; });
    if (taken == kTaken.end() || is_given(name) || (taken->has_value && last)) continue;
    arguments.emplace_back(name);
    given.emplace_back(name);
    if (taken->has_value) arguments.push_back(words[++i]);
  }
  return arguments;
}

Result<void> use_block(const std::vector<std::string>& arguments, const Environment& environment,
                       Options& options) {
  const auto home = find_home();
  if (!home) return {};  // then ssh has no such file either
  const std::string path = blocks_path(*home);
  const auto file = read_blocks(path);
  if (!file) return file.error();
  const auto words = words_of_block(*file, options.url.host.text());
  if (words.empty()) return {};
  const bool bare = options.url.port == kHttpsPort && options.url.target == "/";
  const auto merged = with_block(arguments, bare ? options.target : std::string(), words);
  auto parsed = parse_command_line(merged, environment);
  if (auto* failure = std::get_if<Failure>(&parsed)) return *failure;
  if (auto* read = std::get_if<Options>(&parsed)) options = std::move(*read);
  options.block = path;
  options.key_in_memory = std::find(words.begin(), words.end(), "--agent") != words.end();
  return {};
}

}  // namespace cfpipe::cli
