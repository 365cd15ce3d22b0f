#include "service/sshd_sources.h"

#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/ip_range.h"
#include "base/platform/own_file.h"
#include "base/text.h"

namespace cfpipe::service {
namespace {

constexpr const char* kUsual = "127.0.0.1";
/// Addresses that connector/tunnel/origin_dial makes of users.
constexpr std::array<const char*, 4> kOthers{"127.0.0.2", "127.1.0.1", "127.100.55.200", "127.254.255.254"};
/// Where sshd looks for what a relative Include names.
constexpr const char* kSshdDirectory = "/etc/ssh/";
/// What AuthorizedKeysFile is by default.
constexpr std::array<const char*, 2> kUsualKeyFiles{".ssh/authorized_keys", ".ssh/authorized_keys2"};

using Words = std::vector<std::string>;

/// Of the whole text; `*` stands for any characters, `?` for one.
bool matches_pattern(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0, star = std::string_view::npos, after = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++after;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool names_address(std::string_view pattern, const std::string& address) {
  const auto range = parse_ip_range(pattern);
  const auto parsed = parse_ip(address);
  return range && parsed ? range->contains(*parsed) : matches_pattern(address, pattern);
}

/// What is read of a file that other users may have written; nothing if it cannot be, or is too large.
std::optional<std::string> text_of(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  std::string text(kMaxSshdFileBytes + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length > kMaxSshdFileBytes) return std::nullopt;
  text.resize(length);
  return text;
}

template <class Each>
void each_line(std::string_view text, Each each) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    each(number, trimmed(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// Words of a line of the configuration, in quotes or not; a `=` behind the first one is a blank.
Words words_of(std::string_view line) {
  Words out;
  for (;;) {
    const std::size_t begin = line.find_first_not_of(out.size() == 1 ? " \t=" : " \t");
    if (begin == std::string_view::npos || line[begin] == '#') return out;
    line.remove_prefix(begin);
    const bool quoted = line.front() == '"';
    if (quoted) line.remove_prefix(1);
    const char* const ends = quoted ? "\"" : out.empty() ? " \t=" : " \t";
    const std::size_t end = std::min(line.find_first_of(ends), line.size());
    out.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + (quoted ? 1 : 0), line.size()));
  }
}

/// `from=` among the options in front of a key; nothing if there is none.
std::optional<std::string> from_option(std::string_view line) {
  constexpr std::string_view kFrom = "from=\"";
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '"' && (at == 0 || line[at - 1] != '\\')) quoted = !quoted;
    if (quoted) continue;
    if (line[at] == ',' || line[at] == ' ' || line[at] == '\t') {
      const std::string_view option = line.substr(begin, at - begin);
      if (same_text(option.substr(0, kFrom.size()), kFrom) && option.back() == '"')
        return std::string(option.substr(kFrom.size(), option.size() - kFrom.size() - 1));
      if (line[at] != ',') return std::nullopt;
      begin = at + 1;
    }
  }
  return std::nullopt;
}

class Search {
 public:
  void configuration(const std::string& path, int depth);
  void keys_of_accounts();
  std::vector<std::string> found;

 private:
  void rule(const std::string& path, std::size_t line, const std::string& which);
  bool tells_apart(std::string_view list, bool names) const;
  void match(const std::string& path, std::size_t number, const Words& words);
  void users(const std::string& path, std::size_t number, const Words& words);
  void keys(const std::string& path);
  std::vector<std::string> files_of(const passwd& account) const;

  std::size_t files_ = 0;
  bool in_match_ = false;
  bool resolves_ = false;  ///< UseDNS
  Words key_files_;
  std::set<std::string> keys_read_;
};

void Search::rule(const std::string& path, std::size_t line, const std::string& which) {
  if (found.size() < kMaxSshdRules)
    found.push_back(
        printable(path + ":" + std::to_string(line) + ": " + which) +
        " takes 127.0.0.1 for another address than the rest of 127.0.0.0/8, where tunnels come from "
        "with per_user_addresses; name 127.0.0.0/8 there first");
}

bool Search::tells_apart(std::string_view list, bool names) const {
  const bool usual = matches_client(list, {kUsual, resolves_ ? "localhost" : kUsual}, names);
  return std::any_of(kOthers.begin(), kOthers.end(), [&](const char* other) {
    return matches_client(list, {other, other}, names) != usual;
  });
}

void Search::configuration(const std::string& path, int depth) {
  if (depth > kMaxSshdIncludes || ++files_ > kMaxSshdFiles) return;
  const auto text = text_of(path);
  if (!text) return;
  each_line(*text, [&](std::size_t number, std::string_view line) {
    const Words words = words_of(line);
    if (words.size() < 2) return;
    const std::string keyword = lower(words[0]);
    if (keyword == "match") {
      in_match_ = true;
      match(path, number, words);
    } else if (keyword == "allowusers" || keyword == "denyusers") {
      users(path, number, words);
    } else if (keyword == "usedns" && !in_match_) {
      resolves_ = resolves_ || same_text(words[1], "yes");
    } else if (keyword == "authorizedkeysfile") {
      key_files_.insert(key_files_.end(), words.begin() + 1, words.end());
    } else if (keyword == "include") {
      for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string pattern = words[i].starts_with('/') ? words[i] : kSshdDirectory + words[i];
        glob_t files{};
        if (::glob(pattern.c_str(), 0, nullptr, &files) == 0)
          for (std::size_t f = 0; f < files.gl_pathc; ++f) configuration(files.gl_pathv[f], depth + 1);
        ::globfree(&files);
      }
    }
  });
}

void Search::match(const std::string& path, std::size_t number, const Words& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string criterion = lower(words[i]), list;
    if (const std::size_t equals = criterion.find('='); equals != std::string::npos) {
      list = words[i].substr(equals + 1);
      criterion.resize(equals);
    } else if (criterion == "all" || criterion == "invalid-user") {
      continue;
    } else if (++i < words.size()) {
      list = words[i];
    }
    const bool address = criterion == "address";
    if ((address || criterion == "host") && tells_apart(list, !address))
      return rule(path, number, "Match " + (address ? std::string("Address") : std::string("Host")));
  }
}

/// A pattern for the same people that takes all of 127.0.0.0/8 makes up for one that does not.
void Search::users(const std::string& path, std::size_t number, const Words& words) {
  const auto user_of = [](const std::string& word) { return word.substr(0, word.find('@')); };
  const auto takes_all = [&](const std::string& word) {
    const std::size_t at = word.find('@');
    return at == std::string::npos || (!tells_apart(word.substr(at + 1), true) &&
                                       matches_client(word.substr(at + 1), {kUsual, kUsual}, true));
  };
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t at = words[i].find('@');
    if (at == std::string::npos || !tells_apart(words[i].substr(at + 1), true)) continue;
    const bool made_up = std::any_of(words.begin() + 1, words.end(), [&](const std::string& other) {
      return (user_of(other) == user_of(words[i]) || user_of(other) == "*") && takes_all(other);
    });
    if (!made_up) return rule(path, number, words[0] + " " + words[i]);
  }
}

void Search::keys(const std::string& path) {
  if (!keys_read_.insert(path).second) return;
  const auto text = text_of(path);
  if (!text) return;
  each_line(*text, [&](std::size_t number, std::string_view line) {
    if (line.empty() || line.front() == '#') return;
    if (const auto from = from_option(line); from && tells_apart(*from, true)) rule(path, number, "from=");
  });
}

std::vector<std::string> Search::files_of(const passwd& account) const {
  std::vector<std::string> out;
  const Words files = key_files_.empty() ? Words(kUsualKeyFiles.begin(), kUsualKeyFiles.end()) : key_files_;
  for (const std::string& pattern : files) {
    if (pattern == "none") continue;
    std::string path;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '%' || i + 1 == pattern.size()) {
        path += pattern[i];
        continue;
      }
      const char token = pattern[++i];
      if (token == 'h') path += account.pw_dir;
      if (token == 'u') path += account.pw_name;
      if (token == 'U') path += std::to_string(account.pw_uid);
      if (token == '%') path += '%';
    }
    out.push_back(path.starts_with('/') ? path : std::string(account.pw_dir) + "/" + path);
  }
  return out;
}

void Search::keys_of_accounts() {
  ::setpwent();
  for (std::size_t i = 0; i < kMaxSshdAccounts; ++i) {
    const passwd* account = ::getpwent();
    if (account == nullptr) break;
    for (const std::string& file : files_of(*account)) keys(file);
  }
  ::endpwent();
}

}  // namespace

// A negated pattern that matches decides against the whole list, wherever it stands.
bool matches_client(std::string_view list, const SshdClient& client, bool names) {
  bool matched = false;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const bool negated = one.starts_with('!');
    if (negated) one.remove_prefix(1);
    if (!names_address(one, client.address) && !(names && matches_pattern(lower(client.name), lower(one))))
      continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

std::vector<std::string> sshd_loopback_rules(const std::string& config) {
  Search search;
  search.configuration(config, 0);
  search.keys_of_accounts();
  return std::move(search.found);
}

}  // namespace cfpipe::service
