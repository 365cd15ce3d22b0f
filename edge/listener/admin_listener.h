#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/platform/own_file.h"
#include "edge/config/listen_address.h"
#include "edge/http/request.h"
#include "service/monitor_server.h"

namespace cfpipe::edge {

/// A listener for monitoring (service::MonitorServer).
class Admin {
 public:
  using Answers = std::function<Answer(std::string_view path)>;
  /// Listens, and asks `answers` on the executor's loop from then on. Stage::config. `given`: a socket that
  /// listens already, perhaps other processes' too.
  static Result<std::unique_ptr<Admin>> open(boost::asio::any_io_executor executor, const Listener& listen,
                                             Answers answers, Fd given = {});
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  boost::asio::ip::tcp::endpoint endpoint() const { return server_.endpoint(); }

 private:
  Admin(boost::asio::ip::tcp::acceptor acceptor, Answers answers);
  service::MonitorServer server_;  ///< once it is destroyed, `answers` is not called any more
};

}  // namespace cfpipe::edge
