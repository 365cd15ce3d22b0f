#include "edge/http/device.h"

#include <array>

namespace cfpipe::edge {
namespace {

struct Mark {
  std::string_view text;
  std::string_view name;
};

// The first that is found counts: browsers also name those that they are built like, and systems those that
// they are made of.
constexpr std::array<Mark, 13> kBrowsers{{{"Edg/", "Edge"},
                                          {"EdgA/", "Edge"},
                                          {"EdgiOS/", "Edge"},
                                          {"OPR/", "Opera"},
                                          {"SamsungBrowser/", "Samsung Internet"},
                                          {"Vivaldi/", "Vivaldi"},
                                          {"FxiOS/", "Firefox"},
                                          {"Firefox/", "Firefox"},
                                          {"CriOS/", "Chrome"},
                                          {"HeadlessChrome/", "Chrome"},
                                          {"Chrome/", "Chrome"},
                                          {"Safari/", "Safari"},
                                          {"curl/", "curl"}}};
constexpr std::array<Mark, 9> kSystems{{{"iPhone", "iPhone"},
                                        {"iPad", "iPad"},
                                        {"Android", "Android"},
                                        {"CrOS", "ChromeOS"},
                                        {"Windows", "Windows"},
                                        {"Macintosh", "macOS"},
                                        {"FreeBSD", "FreeBSD"},
                                        {"OpenBSD", "OpenBSD"},
                                        {"Linux", "Linux"}}};

template <std::size_t N>
std::string_view first_named(const std::array<Mark, N>& marks, std::string_view text) {
  for (const Mark& mark : marks)
    if (text.find(mark.text) != std::string_view::npos) return mark.name;
  return {};
}

}  // namespace

std::string device_of(std::string_view user_agent) {
  const std::string_view text = user_agent.substr(0, kMaxUserAgentBytes);
  std::string out(first_named(kBrowsers, text));
  const std::string_view system = first_named(kSystems, text);
  if (!out.empty() && !system.empty()) out += " on ";
  return out.append(system);
}

}  // namespace cfpipe::edge
