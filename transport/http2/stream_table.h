#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "transport/http2/life.h"
#include "transport/http2/session.h"
#include "transport/http2/stream.h"

namespace cfpipe::transport {

/// Streams of one connection at a time that may be open, or whose owners have not let go of them yet.
inline constexpr std::size_t kH2MaxKept = 2 * kH2MaxStreams;

/// The streams of a connection by number, from their heads until their owners let go of them, which may be
/// after their end. Passes on to them what the peer does.
class H2StreamTable final : public H2Events {
 public:
  using Handler = std::function<void(std::unique_ptr<H2Stream>)>;
  H2StreamTable(H2Role role, const H2Life& life) : role_(role), life_(life) {}
  H2StreamTable(const H2StreamTable&) = delete;
  H2StreamTable& operator=(const H2StreamTable&) = delete;

  /// Server: who takes the streams that the peer opens; they are refused where there is none.
  void on_request(Handler handler) { handler_ = std::move(handler); }
  /// Refuses those that the peer opens from now on.
  void refuse() { refuses_ = true; }
  bool refuses() const { return refuses_; }
  std::unique_ptr<H2Stream> make(std::int32_t stream);
  void remove(std::int32_t stream) { streams_.erase(stream); }
  H2Stream* find(std::int32_t stream) const;
  std::size_t size() const { return streams_.size(); }
  /// After the session has received: what may not be told to it before.
  void settle(H2Session& session);
  /// The connection is over.
  void close_all();

  void h2_head(std::int32_t stream, H2Head head, bool oversized) override;
  void h2_data(std::int32_t stream, std::span<const std::byte> data) override;
  void h2_end(std::int32_t stream) override;
  void h2_closed(std::int32_t stream, std::uint32_t code) override;

 private:
  void close(H2Stream& stream, std::uint32_t code);

  const H2Role role_;
  const H2Life& life_;
  Handler handler_;
  bool refuses_ = false;
  std::unordered_map<std::int32_t, H2Stream*> streams_;
  std::vector<std::int32_t> refused_;                           ///< streams to reset
  std::vector<std::pair<std::int32_t, std::size_t>> unwanted_;  ///< bytes for streams that were dropped
};

}  // namespace cfpipe::transport
