#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "base/platform/own_file.h"

namespace cfpipe::edge {

/// The socket to which processes that serve say what sd_notify(3) has words for. The kernel says which
/// process a notice is from.
class Notices {
 public:
  struct Notice {
    pid_t from = 0;  ///< 0: the kernel does not say
    std::string text;
  };
  /// Stage::tunnel.
  static Result<Notices> open();
  int fd() const { return socket_.get(); }
  /// As NOTIFY_SOCKET has it.
  const std::string& name() const { return name_; }
  /// Nothing: none has come.
  std::optional<Notice> next() const;

 private:
  Fd socket_;
  std::string name_;
};

}  // namespace cfpipe::edge
