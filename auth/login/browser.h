#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace cfpipe::auth {

/// Run time after which a program counts as a browser that has opened; no other is tried.
inline constexpr std::chrono::seconds kBrowserSettled{10};

/// What the choice of a browser depends on.
struct BrowserEnvironment {
  std::string browser;   ///< $BROWSER: commands separated by colons; `%s` is the URL, else it is put last
  bool display = false;  ///< of X11 or Wayland
  bool wsl = false;
  bool ssh_session = false;  ///< the user, and so their browser, is at another machine
  static BrowserEnvironment current();
};

using BrowserCommand = std::vector<std::string>;

/// Argument vectors to try, best first. Empty: there is no browser here. What $BROWSER names is taken under
/// an ssh session too: an editor that works remotely puts a program there that opens the page at home.
std::vector<BrowserCommand> browser_commands(const BrowserEnvironment& environment, std::string_view url);

/// Result of opening a page.
struct BrowserEnd {
  bool opened = false;  ///< by a program that ended well, or ran for kBrowserSettled
  std::string why;      ///< what went wrong, also after that; empty if nothing did
};

/// Starts the commands one after the other, without a shell and apart from our terminal and descriptors,
/// until one ends well or goes on running. Returns when the last that was started has ended; children are
/// reaped. `settled` is for tests.
boost::asio::awaitable<BrowserEnd> open_browser(std::vector<BrowserCommand> commands,
                                                std::chrono::milliseconds settled = kBrowserSettled);

}  // namespace cfpipe::auth
