#include "edge/policy/app_name.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/host.h"

namespace cfpipe::edge {
namespace {

using transport::Cause;
using transport::Failure;
using transport::Stage;

/// First segment of the edge's own pages.
constexpr std::string_view kOwnSegment = "cdn-cgi";
/// Longest text that a message repeats, in bytes.
constexpr std::size_t kShownBytes = 120;
/// Rank of a label or segment without a `*`.
constexpr std::size_t kLiteral = std::numeric_limits<std::size_t>::max();

Failure bad(std::string_view text, const std::string& why) {
  return {Stage::input, Cause::bad_option, "'" + transport::printable(text, kShownBytes) + "' " + why};
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

/// A label or segment against one that may have a `*`.
bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const std::string_view before = pattern.substr(0, star), behind = pattern.substr(star + 1);
  return text.size() >= before.size() + behind.size() && text.starts_with(before) && text.ends_with(behind);
}

std::size_t rank_of(const std::string& part) {
  return part.find('*') == std::string::npos ? kLiteral : part.size();
}

/// Decoded once; nothing if the segment has no one reading.
std::optional<std::string> decoded_segment(std::string_view encoded) {
  std::string out;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '%') {
      unsigned byte = 0;
      const char* const digits = encoded.data() + i + 1;
      const auto width = std::min<std::size_t>(2, encoded.size() - i - 1);
      const auto [end, error] = std::from_chars(digits, digits + width, byte, 16);
      if (error != std::errc() || end != digits + 2) return std::nullopt;
      c = static_cast<char>(byte);
      i += 2;
    }
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  if (out.empty() || out == "." || out == "..") return std::nullopt;
  return out;
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
  if (!segments.empty() && matches(segments.front(), kOwnSegment))
    return "has a path that covers the edge's own, /cdn-cgi";
  return {};
}

}  // namespace

std::optional<std::vector<std::string>> path_segments(std::string_view path) {
  std::vector<std::string> out;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) return out;
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  for (;;) {
    const std::size_t end = path.find('/');
    auto segment = decoded_segment(path.substr(0, end));
    if (!segment) return std::nullopt;
    if (out.size() < kMaxAppPathSegments) out.push_back(std::move(*segment));
    if (end == std::string_view::npos) return out;
    path.remove_prefix(end + 1);
  }
}

transport::Result<AppName> AppName::parse(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  AppName out;
  const auto host = transport::Host::parse(text.substr(0, slash), transport::Wildcards::allowed);
  if (!host || host->address() || host->text().find('_') != std::string::npos)
    return bad(text, "is not a host name, with a path or without, such as vm.example.com/team-a");
  out.host_ = host->text();
  out.labels_ = split(out.host_, '.');
  if (!std::all_of(out.labels_.begin(), out.labels_.end(), one_star_at_most))
    return bad(text, "has more than one * in a part of the host name");
  if (out.labels_.back().find('*') != std::string::npos)
    return bad(text, "has a * in the last part of the host name");
  std::string_view path = text.substr(slash);
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path == "/*") path = {};
  if (!path.empty()) out.segments_ = split(path.substr(1), '/');
  if (const std::string fault = path_fault(path, out.segments_); !fault.empty()) return bad(text, fault);
  out.path_ = path;
  out.text_ = out.host_ + out.path_;
  for (auto label = out.labels_.rbegin(); label != out.labels_.rend(); ++label)
    out.rank_.push_back(rank_of(*label));
  out.rank_.push_back(out.segments_.size());
  for (const std::string& segment : out.segments_) out.rank_.push_back(rank_of(segment));
  return out;
}

bool AppName::covers_host(std::string_view host) const {
  if (!is_pattern()) return host == host_;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const std::size_t dot = host.find('.');
    if ((dot == std::string_view::npos) != (i + 1 == labels_.size())) return false;
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || !matches(labels_[i], label)) return false;
    host.remove_prefix(std::min(label.size() + 1, host.size()));
  }
  return true;
}

bool AppName::covers_path(const std::vector<std::string>& segments) const {
  return segments.size() >= segments_.size() &&
         std::equal(segments_.begin(), segments_.end(), segments.begin(), matches);
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
  std::optional<std::vector<std::string>> segments;
  for (const AppName* name : at(host)) {
    if (!name->has_path()) return {name, false};
    if (!segments) segments = path_segments(path);
    if (!segments) return {nullptr, true};
    if (name->covers_path(*segments)) return {name, false};
  }
  return {};
}

}  // namespace cfpipe::edge
