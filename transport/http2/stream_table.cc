#include "transport/http2/stream_table.h"

namespace cfpipe::transport {

H2Stream* H2StreamTable::find(std::int32_t stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second;
}

std::unique_ptr<H2Stream> H2StreamTable::make(std::int32_t id) {
  auto stream = std::make_unique<H2Stream>(life_.hold(), id);
  streams_[id] = stream.get();
  return stream;
}

void H2StreamTable::h2_head(std::int32_t id, H2Head head, bool oversized) {
  if (H2Stream* known = find(id); known != nullptr) return known->in_.set_head(std::move(head), oversized);
  if (role_ == H2Role::client) return;
  if (!handler_ || refuses_ || streams_.size() >= kH2MaxKept) return refused_.push_back(id);
  auto stream = make(id);
  stream->in_.set_head(std::move(head), oversized);
  const auto parcel = std::make_shared<std::unique_ptr<H2Stream>>(std::move(stream));
  life_.post([this, parcel] {
    if (handler_) handler_(std::move(*parcel));
  });
}

void H2StreamTable::h2_data(std::int32_t id, std::span<const std::byte> data) {
  if (H2Stream* stream = find(id); stream != nullptr) return stream->in_.add(data);
  unwanted_.emplace_back(id, data.size());
}

void H2StreamTable::h2_end(std::int32_t id) {
  if (H2Stream* stream = find(id); stream != nullptr) stream->in_.set_ended();
}

void H2StreamTable::h2_closed(std::int32_t id, std::uint32_t code) {
  if (H2Stream* stream = find(id); stream != nullptr) close(*stream, code);
}

void H2StreamTable::close(H2Stream& stream, std::uint32_t code) {
  stream.in_.set_closed(code);
  if (stream.turn_.wake) stream.connection_->wait_writable(stream);
}

void H2StreamTable::settle(H2Session& session) {
  for (const auto id : std::exchange(refused_, {})) session.reset(id, kH2RefusedStream);
  for (const auto& [id, bytes] : std::exchange(unwanted_, {})) session.consumed(id, bytes);
}

void H2StreamTable::close_all() {
  const auto all = streams_;
  for (const auto& [id, stream] : all) {
    if (!stream->closed()) close(*stream, kH2Cancel);
  }
}

}  // namespace cfpipe::transport
