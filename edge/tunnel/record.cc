#include "edge/tunnel/record.h"

#include <boost/asio/post.hpp>
#include <exception>

#include "edge/limits/run_all.h"

namespace cfpipe::edge {

TunnelRecord::~TunnelRecord() {
  handle->forget();
  try {
    boost::asio::post(executor_, [&recorder = recorder_, id = id_, up = up_bytes, down = down_bytes,
                                  why = std::move(reason)] { recorder.closed(id, up, down, why); });
  } catch (...) {
    log_exception("the record of a tunnel", std::current_exception());
  }
}

}  // namespace cfpipe::edge
