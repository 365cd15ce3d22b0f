#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

namespace cfpipe::cli {

/// Looks whether anybody is left at the other ends of our standard input and output, from its making to its
/// end, however little is read or written meanwhile: that is how an ssh that was killed is noticed while we
/// dial, wait for a login, or stand before an edge that takes nothing.
///
/// Gone means both: `in` has no writer any more (or is a file, which needs none), and `out` has no reader.
/// One alone means nothing: a program that has closed after its request may wait for the response. An `out`
/// that is no pipe, socket or terminal is never gone. The parent process says nothing either: with `ssh -f`
/// and ControlPersist it ends while the session goes on in a child of its own, and where a shell stands
/// between ssh and us it lives on.
class HangUpWatch {
 public:
  /// Calls `gone` at most once, from the executor. Does not own the descriptors.
  HangUpWatch(const boost::asio::any_io_executor& executor, int in, int out, std::function<void()> gone);
  ~HangUpWatch();
  HangUpWatch(const HangUpWatch&) = delete;
  HangUpWatch& operator=(const HangUpWatch&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// For a command that ssh runs with nothing but /dev/null to read and write (Match exec): tells when the
/// process that started us has ended; where that is a shell with a command line (`sh -c …`), the one that
/// started the shell too. Does nothing where either descriptor is something else, since there the parent may
/// be anybody.
class ParentWatch {
 public:
  ParentWatch(const boost::asio::any_io_executor& executor, int in, int out, std::function<void()> gone);
  ~ParentWatch();
  ParentWatch(const ParentWatch&) = delete;
  ParentWatch& operator=(const ParentWatch&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::cli
