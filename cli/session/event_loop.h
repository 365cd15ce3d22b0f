#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

namespace cfpipe::cli {

/// What SIGHUP, SIGTERM and SIGINT do: by default they cancel the command, which then unwinds.
class Interrupts {
 public:
  /// From now on they call this instead; an empty function gives them back.
  void divert(std::function<void()> to) { to_ = std::move(to); }
  bool raised() const { return raised_; }
  /// As if one of them had come: the program that started us is gone.
  void raise() { raise_(); }

 private:
  friend int run_to_end(std::function<boost::asio::awaitable<int>(Interrupts&)> command);
  std::function<void()> to_;
  std::function<void()> raise_;  ///< run_to_end()'s
  bool raised_ = false;
};

/// Runs a command on an event loop of its own and returns its exit status. Throws if there can be no such
/// loop; what the command itself throws is reported.
int run_to_end(std::function<boost::asio::awaitable<int>(Interrupts&)> command);

}  // namespace cfpipe::cli
