#include "edge/connector/attach_record.h"

#include <boost/asio/post.hpp>
#include <exception>

#include "edge/limits/run_all.h"

namespace cfpipe::edge {

AttachRecord::~AttachRecord() {
  try {
    boost::asio::post(executor_, [told = std::move(told_), end = std::move(end)] { told(end); });
  } catch (...) {
    log_exception("the record of a connector", std::current_exception());
  }
}

}  // namespace cfpipe::edge
