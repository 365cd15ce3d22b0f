#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "edge/tunnel/handle.h"
#include "edge/tunnel/recorder.h"

namespace cfpipe::edge {

/// A tunnel that the site has registered. Its destructor reports the end to the site, from any thread.
class TunnelRecord {
 public:
  /// `executor`: of the site's loop, where `recorder` lives, which outlives the loop. `id`: of
  /// TunnelRecorder::opened().
  TunnelRecord(boost::asio::any_io_executor executor, TunnelRecorder& recorder, std::int64_t id,
               std::shared_ptr<TunnelHandle> for_site)
      : handle(std::move(for_site)), executor_(std::move(executor)), recorder_(recorder), id_(id) {}
  ~TunnelRecord();
  TunnelRecord(const TunnelRecord&) = delete;
  TunnelRecord& operator=(const TunnelRecord&) = delete;

  std::int64_t id() const { return id_; }

  const std::shared_ptr<TunnelHandle> handle;  ///< by which the site ends the tunnel
  std::uint64_t up_bytes = 0;                  ///< from the client
  std::uint64_t down_bytes = 0;                ///< to the client
  std::string reason = "an internal error";    ///< why the tunnel has ended

 private:
  boost::asio::any_io_executor executor_;
  TunnelRecorder& recorder_;
  std::int64_t id_;
};

}  // namespace cfpipe::edge
