#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace cfpipe::edge {

/// The end of a connector's connection.
struct AttachEnd {
  std::string reason;
  std::uint64_t tunnels = 0;  ///< opened through it
};

/// A connector's leave to attach that the audit has. Its destructor tells the site how the attachment has
/// ended, from any thread.
class AttachRecord {
 public:
  using Told = std::function<void(const AttachEnd&)>;
  /// `executor`: of the site's loop, on which `told` is called once.
  AttachRecord(boost::asio::any_io_executor executor, Told told)
      : executor_(std::move(executor)), told_(std::move(told)) {}
  ~AttachRecord();
  AttachRecord(const AttachRecord&) = delete;
  AttachRecord& operator=(const AttachRecord&) = delete;

  AttachEnd end{"the connection was lost before the connector had its answer"};

 private:
  boost::asio::any_io_executor executor_;
  Told told_;
};

}  // namespace cfpipe::edge
