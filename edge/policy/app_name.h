#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::edge {

/// Bounds of an application's path: bytes, and segments.
inline constexpr std::size_t kMaxAppPathBytes = 256;
inline constexpr std::size_t kMaxAppPathSegments = 8;
/// Applications of one edge whose host is a pattern: each may be compared with the host of a request.
inline constexpr std::size_t kMaxHostPatterns = 256;

/// A request's path, percent-decoded once, without `/` at its end: empty, or `/a/b`. Nothing if two readers
/// may take the path for different ones: a segment that is empty, `.` or `..`, an encoded `/` or `\`, a
/// control character, a malformed escape.
std::optional<std::string> canonical_path(std::string_view path);

/// The name of an application: a host, or all hosts that a pattern covers, and maybe a path, below which all
/// belongs to the application as well. As Cloudflare's documentation ("Application paths") has it, a `*`
/// stands for characters of one label of a host, or for any characters of a path, and each label and segment
/// has one at most.
///
///     vm.example.com    vm.example.com/team-a    *.example.com    build-*.example.com/logs
///
/// The canonical text is what everything is kept under that belongs to the application: AUD, CA, audit.
class AppName {
 public:
  /// The host in any case, one `/` or `/*` behind the host and one `/` at the end are dropped. The last label
  /// has no `*`. A segment is of letters, digits and `-._~`, and the first is not the edge's own `cdn-cgi`.
  /// Stage::input, Cause::bad_option, with what is wrong.
  static Result<AppName> parse(std::string_view text);

  const std::string& text() const { return text_; }
  const std::string& host() const { return host_; }  ///< may be a pattern
  const std::string& path() const { return path_; }  ///< `/team-a`; empty: all of the host
  bool has_path() const { return !path_.empty(); }
  bool is_pattern() const { return host_.find('*') != std::string::npos; }  ///< of hosts

  /// `host` is canonical. A label of the name is one label of the host.
  bool covers_host(std::string_view host) const;
  /// `path` is canonical. A name with a path does not cover the edge's own, /cdn-cgi.
  bool covers_path(std::string_view path) const;
  /// The path that no other of the application's is above of, which has a page for people. `path` is
  /// canonical.
  bool is_front(std::string_view path) const;
  /// A host that the name covers, to compare a TLS certificate with: the host itself unless it is a pattern.
  std::string sample_host() const;

  /// Of two names that cover the same URL, the one that decides: by the host, whose labels are compared from
  /// the right, a literal one before one with a `*`; then by the path, the longer one first.
  friend bool more_specific(const AppName& a, const AppName& b) { return a.rank_ > b.rank_; }

 private:
  std::string text_;
  std::string host_;
  std::string path_;
  std::vector<std::size_t> rank_;
};

/// Whether a text is the canonical name of an application.
bool valid_app_name(std::string_view text);

/// Whether an application's canonical name is of more than one host.
bool names_many_hosts(std::string_view app_name);

/// Which application a URL belongs to. Of two names that none is more specific of, the first one counts.
class AppIndex {
 public:
  AppIndex() = default;
  explicit AppIndex(std::vector<AppName> names);

  /// All that have this host, the most specific first. Valid as long as the index.
  std::vector<const AppName*> at(std::string_view host) const;

  struct Found {
    const AppName* name = nullptr;  ///< null: none covers it
    bool ambiguous = false;         ///< the path has no one reading, and it is the path that decides
  };
  Found find(std::string_view host, std::string_view path) const;

 private:
  std::map<std::string, std::vector<AppName>, std::less<>> hosts_;
  std::vector<AppName> patterns_;
};

}  // namespace cfpipe::edge
