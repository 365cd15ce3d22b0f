#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <string>

#include "edge/limits/memory_budget.h"

namespace cfpipe::edge {

/// A body of Beast's kind whose bytes are charged as they come. Reading fails with errc::not_enough_memory
/// where they do not fit.
struct ChargedBody {
  struct value_type {
    std::string text;
    MemoryCharge* charge = nullptr;  ///< set before the first byte; outlives the reading
  };
  static std::uint64_t size(const value_type& body) { return body.text.size(); }

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& error) { error = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      const auto size = boost::asio::buffer_size(buffers);
      if (!body_.charge->add(size)) {
        error = make_error_code(boost::system::errc::not_enough_memory);
        return 0;
      }
      error = {};
      for (const boost::asio::const_buffer part : boost::beast::buffers_range_ref(buffers))
        body_.text.append(static_cast<const char*>(part.data()), part.size());
      return size;
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

}  // namespace cfpipe::edge
