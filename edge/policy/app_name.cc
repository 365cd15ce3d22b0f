#include "edge/policy/app_name.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/host.h"
#include "base/name_pattern.h"

namespace cfpipe::edge {
namespace {

/// Above the edge's own pages.
constexpr std::string_view kOwnPath = "/cdn-cgi";
constexpr std::string_view kOwnSegment = kOwnPath.substr(1);
/// Longest text that a message repeats, in bytes.
constexpr std::size_t kShownBytes = 120;
/// Rank of a label or segment without a `*`.
constexpr std::size_t kLiteral = std::numeric_limits<std::size_t>::max();

Failure bad(std::string_view text, const std::string& why) {
  return {Stage::input, Cause::bad_option, "'" + printable(text, kShownBytes) + "' " + why};
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (;;) {
    const std::size_t end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

bool one_star_at_most(const std::string& part) {
  return std::count(part.begin(), part.end(), '*') <= 1;
}

bool in_segment(char c) {
  constexpr std::string_view kOthers = "-._~*";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

std::size_t rank_of(const std::string& part) {
  return part.find('*') == std::string::npos ? kLiteral : part.size();
}

/// Adds it, decoded once; false if the segment has no one reading.
bool append_decoded(std::string& out, std::string_view encoded) {
  const std::size_t begin = out.size();
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '%') {
      unsigned byte = 0;
      const char* const digits = encoded.data() + i + 1;
      const auto width = std::min<std::size_t>(2, encoded.size() - i - 1);
      const auto [end, error] = std::from_chars(digits, digits + width, byte, 16);
      if (error != std::errc() || end != digits + 2) return false;
      c = static_cast<char>(byte);
      i += 2;
    }
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    out += c;
  }
  const std::string_view segment = std::string_view(out).substr(begin);
  return !segment.empty() && segment != "." && segment != "..";
}

/// Why a path is not one of an application; nothing if it is.
std::string path_fault(std::string_view path, const std::vector<std::string>& segments) {
  if (path.size() > kMaxAppPathBytes)
    return "has a path of more than " + std::to_string(kMaxAppPathBytes) + " bytes";
  if (segments.size() > kMaxAppPathSegments)
    return "has a path of more than " + std::to_string(kMaxAppPathSegments) + " segments";
  for (const std::string& segment : segments) {
    if (segment.empty()) return "has an empty segment in its path";
    if (segment == "." || segment == "..") return "has '.' or '..' in its path";
    if (!std::all_of(segment.begin(), segment.end(), in_segment))
      return "has a path of other characters than letters, digits and -._~";
    if (!one_star_at_most(segment)) return "has more than one * in a segment of its path";
  }
  if (!segments.empty() && label_matches(segments.front(), kOwnSegment))
    return "has a path that covers the edge's own, /cdn-cgi";
  return {};
}

}  // namespace

std::optional<std::string> canonical_path(std::string_view path) {
  std::string out;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) return out;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  out.reserve(path.size() + 1);
  for (;;) {
    const std::size_t end = path.find('/');
    out += '/';
    if (!append_decoded(out, path.substr(0, end))) return std::nullopt;
    if (end == std::string_view::npos) return out;
    path.remove_prefix(end + 1);
  }
}

Result<AppName> AppName::parse(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  AppName out;
  const auto host = Host::parse(text.substr(0, slash), Wildcards::allowed);
  if (!host || host->address() || host->text().find('_') != std::string::npos)
    return bad(text, "is not a host name, with a path or without, such as vm.example.com/team-a");
  out.host_ = host->text();
  const auto labels = split(out.host_, '.');
  if (!std::all_of(labels.begin(), labels.end(), one_star_at_most))
    return bad(text, "has more than one * in a part of the host name");
  if (labels.back().find('*') != std::string::npos)
    return bad(text, "has a * in the last part of the host name");
  std::string_view path = text.substr(slash);
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path == "/*") path = {};
  std::vector<std::string> segments;
  if (!path.empty()) segments = split(path.substr(1), '/');
  if (const std::string fault = path_fault(path, segments); !fault.empty()) return bad(text, fault);
  out.path_ = path;
  out.text_ = out.host_ + out.path_;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) out.rank_.push_back(rank_of(*label));
  out.rank_.push_back(segments.size());
  for (const std::string& segment : segments) out.rank_.push_back(rank_of(segment));
  return out;
}

bool AppName::covers_host(std::string_view host) const {
  return is_pattern() ? host_matches(host_, host) : host == host_;
}

bool AppName::covers_path(std::string_view path) const {
  // A `*` further on may cover what the first segment alone does not.
  return !has_path() || (!path_matches(kOwnPath, path) && path_matches(path_, path));
}

bool AppName::is_front(std::string_view path) const {
  if (!covers_path(path)) return false;
  return path.empty() || !covers_path(path.substr(0, path.rfind('/')));
}

std::string AppName::sample_host() const {
  std::string out;
  for (const char c : host_) out += c == '*' ? std::string("any") : std::string(1, c);
  return out;
}

bool valid_app_name(std::string_view text) {
  const auto name = AppName::parse(text);
  return name && name->text() == text;
}

bool names_many_hosts(std::string_view app_name) {
  return app_name.substr(0, app_name.find('/')).find('*') != std::string_view::npos;
}

AppIndex::AppIndex(std::vector<AppName> names) {
  std::stable_sort(names.begin(), names.end(),
                   [](const AppName& a, const AppName& b) { return more_specific(a, b); });
  for (AppName& name : names) {
    auto& list = name.is_pattern() ? patterns_ : hosts_[name.host()];
    list.push_back(std::move(name));
  }
}

std::vector<const AppName*> AppIndex::at(std::string_view host) const {
  std::vector<const AppName*> out;
  if (const auto found = hosts_.find(host); found != hosts_.end())
    for (const AppName& name : found->second) out.push_back(&name);
  for (const AppName& name : patterns_)
    if (name.covers_host(host)) out.push_back(&name);
  return out;
}

AppIndex::Found AppIndex::find(std::string_view host, std::string_view path) const {
  std::optional<std::string> canonical;
  for (const AppName* name : at(host)) {
    if (!name->has_path()) return {name, false};
    if (!canonical) canonical = canonical_path(path);
    if (!canonical) return {nullptr, true};
    if (name->covers_path(*canonical)) return {name, false};
  }
  return {};
}

}  // namespace cfpipe::edge
