#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "transport/failure.h"

namespace cfpipe::auth {

using transport::Result;

/// A program that has run this long has opened something: its exit status says nothing about that any more.
inline constexpr std::chrono::seconds kBrowserSettled{10};

/// What the choice of a browser depends on.
struct BrowserEnvironment {
  std::string browser;  ///< $BROWSER: commands separated by colons; `%s` is the URL, else it is put last
  bool display = false;
  bool wsl = false;
  static BrowserEnvironment current();
};

using BrowserCommand = std::vector<std::string>;

/// Argument vectors to try, best first. Empty: there is no browser here.
std::vector<BrowserCommand> browser_commands(const BrowserEnvironment& environment, std::string_view url);

/// Starts the commands one after the other, without a shell and apart from our terminal and descriptors,
/// until one ends well or goes on running. Returns when that is known; children are reaped. Stage::login,
/// Cause::browser_failed.
boost::asio::awaitable<Result<void>> open_browser(std::vector<BrowserCommand> commands);

}  // namespace cfpipe::auth
