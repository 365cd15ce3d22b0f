#include "cli/command/ssh_config_blocks.h"

#include <algorithm>

#include "base/text.h"

namespace cfpipe::cli {
namespace {

constexpr std::string_view kHeader =
    "# Written by cfpipe access ssh-config --install, which replaces the block of a host when it is run "
    "again.\n";
constexpr std::string_view kMade = "# Made with it: ";
constexpr std::string_view kBegin = "# cfpipe begin ";
constexpr std::string_view kEnd = "# cfpipe end ";
constexpr std::string_view kInclude = "Include config.d/cfpipe\n";

/// Takes a line, with its newline if it has one, off the front.
std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string_view without_newline(std::string_view line) {
  return line.ends_with('\n') ? line.substr(0, line.size() - 1) : line;
}

/// The words of a line of ssh_config, as far as they matter here: quotes and an equals sign part words too.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  constexpr std::string_view kGaps = " \t\r\n\"=";
  for (auto from = line.find_first_not_of(kGaps); from != std::string_view::npos;) {
    const auto to = std::min(line.find_first_of(kGaps, from), line.size());
    words.emplace_back(line.substr(from, to - from));
    from = line.find_first_not_of(kGaps, to);
  }
  return words;
}

bool names_our_file(std::string word) {
  for (const std::string_view home : {"~/.ssh/", "%d/.ssh/"}) {
    if (word.starts_with(home)) word.erase(0, home.size());
  }
  return word == kIncludedFile || word == "config.d/*";
}

bool includes_it(std::string_view config) {
  while (!config.empty()) {
    const auto words = words_of(take_line(config));
    if (words.empty() || words[0][0] == '#') continue;
    const auto keyword = lower(words[0]);
    if (keyword == "host" || keyword == "match") return false;
    if (keyword == "include" && std::any_of(words.begin() + 1, words.end(), names_our_file)) return true;
  }
  return false;
}

std::string marker(std::string_view kind, std::string_view host) {
  return std::string(kind) + std::string(host) + '\n';
}

}  // namespace

HostBlocks::Place HostBlocks::find(std::string_view host) const {
  const auto begin_line = marker(kBegin, host), end_line = marker(kEnd, host);
  for (auto begin = text_.find(begin_line); begin != std::string::npos;
       begin = text_.find(begin_line, begin + 1)) {
    if (begin != 0 && text_[begin - 1] != '\n') continue;
    const auto end = text_.find('\n' + end_line, begin);
    // A block whose end line is missing does not reach into the next one.
    if (end < text_.find('\n' + std::string(kBegin), begin)) return {begin, end + 1 + end_line.size()};
  }
  return {text_.size(), text_.size()};
}

void HostBlocks::set(std::string_view host, std::string_view lines) {
  if (text_.empty()) text_ = kHeader;
  if (!text_.ends_with('\n')) text_ += '\n';
  const auto place = find(host);
  text_.replace(place.begin, place.end - place.begin,
                marker(kBegin, host) + std::string(lines) + marker(kEnd, host));
}

void HostBlocks::remove(std::string_view host) {
  const auto place = find(host);
  text_.erase(place.begin, place.end - place.begin);
}

// Where blocks stand inside of each other, one is whole only when another has gone.
void HostBlocks::remove_all() {
  for (auto found = hosts(); !found.empty(); found = hosts())
    for (const auto& host : found) remove(host);
}

std::vector<std::string> HostBlocks::hosts() const {
  std::vector<std::string> found;
  std::string_view rest = text_;
  while (!rest.empty()) {
    const auto line = without_newline(take_line(rest));
    if (!line.starts_with(kBegin)) continue;
    const auto host = line.substr(kBegin.size());
    const auto place = find(host);
    if (place.begin != place.end) found.emplace_back(host);
  }
  return found;
}

std::string_view HostBlocks::lines(std::string_view host) const {
  const auto place = find(host);
  if (place.begin == place.end) return {};
  auto block = std::string_view(text_).substr(place.begin, place.end - place.begin);
  (void)take_line(block);
  block.remove_suffix(marker(kEnd, host).size());
  return block;
}

void HostBlocks::set_made(const std::vector<std::string>& names) {
  if (names.empty()) return;
  if (text_.empty()) text_ = kHeader;
  std::string line(kMade);
  for (const auto& name : names) line += (&name == &names.front() ? "" : " ") + name;
  text_.insert(text_.starts_with(kHeader) ? kHeader.size() : 0, line + '\n');
}

std::vector<std::string> HostBlocks::made() const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (line.starts_with(kMade)) return words_of(line.substr(kMade.size()));
  }
  return {};
}

std::string HostBlocks::text() const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (line != kHeader && !line.starts_with(kMade) && line != "\n") return text_;
  }
  return {};
}

std::string with_include(std::string_view config) {
  return includes_it(config) ? std::string(config) : std::string(kInclude) + std::string(config);
}

std::string without_include(std::string_view config) {
  std::string out(config);
  for (auto at = out.find(kInclude); at != std::string::npos; at = out.find(kInclude, at + 1)) {
    if (at != 0 && out[at - 1] != '\n') continue;
    out.erase(at, kInclude.size());
    break;
  }
  return out;
}

}  // namespace cfpipe::cli
