#pragma once

#include <nghttp2/nghttp2.h>
#include <sys/types.h>

#include <unordered_map>

#include "transport/http2/session.h"
#include "tunnel/held_bytes.h"

namespace cfpipe::transport {

/// One stream as the session keeps it.
struct H2Session::Stream {
  explicit Stream(H2Window& its_window) : window(its_window) {}

  // Receiving.
  H2Head head;
  std::size_t head_bytes = 0;
  bool oversized = false;
  tunnel::HeldBytes head_held;  ///< until it is handed on
  bool head_done = false;       ///< what follows are trailers, which mean nothing here
  int interim = 0;              ///< heads before the final one
  H2Window& window;

  // Sending. `rest` lies in the memory of a write() that is under way, or in `kept`.
  Slice rest;
  std::unique_ptr<std::byte[]> kept;
  tunnel::HeldBytes kept_held;
  bool ends = false;
  bool end_sent = false;

  /// Before write() returns: what has not left is copied, behind room for a frame header.
  void keep_rest();
};

/// The streams that are open, by number.
class H2Session::Streams {
 public:
  Stream* find(std::int32_t stream) const {
    const auto found = all_.find(stream);
    return found == all_.end() ? nullptr : found->second.get();
  }
  void add(std::int32_t stream, H2Window& window) { all_[stream] = std::make_unique<Stream>(window); }
  void remove(std::int32_t stream) { all_.erase(stream); }
  std::size_t size() const { return all_.size(); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::unordered_map<std::int32_t, std::unique_ptr<Stream>> all_;
};

/// What nghttp2 calls; `user` is the session. None of them throws, nor calls back into nghttp2 other than to
/// queue a frame.
struct H2Session::Callbacks {
  static nghttp2_session_callbacks* table();

  static ssize_t read(nghttp2_session*, std::int32_t stream, std::uint8_t*, std::size_t length,
                      std::uint32_t* flags, nghttp2_data_source*, void* user);
  static int put_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header, std::size_t length,
                      nghttp2_data_source*, void* user);
  static ssize_t put(nghttp2_session*, const std::uint8_t* bytes, std::size_t length, int, void* user);
  static ssize_t frame_size(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t connection_window,
                            std::int32_t stream_window, std::uint32_t peer_limit, void* user);
  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user);

  static std::uint32_t fault_of(H2Session& self, const nghttp2_frame_hd& frame);
  static int frame_begins(nghttp2_session*, const nghttp2_frame_hd* header, void* user);
  static int head_begins(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                    void* user);
  static int frame_ends(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                  std::size_t length, void* user);
  static int closed(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* user);
};

}  // namespace cfpipe::transport
