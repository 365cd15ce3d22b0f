#include "tunnel/resume/receiver.h"

#include <algorithm>

namespace cfpipe::tunnel {

bool ResumeReceiver::judge(const FrameDecoder::Events& events) {
  if (!events.fin) return true;
  if (end_ ? *events.fin != *end_ : *events.fin != come_) {
    why_ = "a FIN elsewhere than at the end";
    return false;
  }
  end_ = events.fin;
  return true;
}

IoStatus ResumeReceiver::read(Stream& carrier, FrameDecoder::Events& events) {
  payload_.clear();
  next_ = 0;
  const auto status = carrier.fill();
  if (status != IoStatus::ok) return status;
  carrier_bytes_ = 0;
  for (const Slice slice : carrier.ready()) {
    carrier_bytes_ += slice.size();
    if (decoder_.feed(slice, payload_, events)) continue;
    why_ = decoder_.why();
    return IoStatus::failed;
  }
  for (const Slice slice : payload_) come_ += slice.size();
  if (!judge(events)) return IoStatus::failed;
  // The carrier's memory stays while there is payload in it.
  if (payload_.empty()) carrier.consume(carrier_bytes_);
  return IoStatus::ok;
}

FrameDecoder::Events ResumeReceiver::skim(Stream& carrier) {
  FrameDecoder::Events events;
  if (!payload_.empty()) carrier.consume(carrier_bytes_);
  for (std::size_t skimmed = 0; skimmed < kMaxSkimmedBytes && !events.reset; skimmed += carrier_bytes_) {
    if (read(carrier, events) != IoStatus::ok) break;
    if (!payload_.empty()) carrier.consume(carrier_bytes_);
  }
  return events;
}

void ResumeReceiver::consume(std::size_t bytes, Stream& carrier) {
  consumed_ += bytes;
  while (bytes > 0) {
    auto& slice = payload_[next_];
    const auto count = std::min(bytes, slice.size());
    slice = slice.subspan(count);
    bytes -= count;
    if (slice.empty()) ++next_;
  }
  if (next_ < payload_.size()) return;
  payload_.clear();
  next_ = 0;
  carrier.consume(carrier_bytes_);
}

void ResumeReceiver::restart() {
  payload_.clear();
  next_ = 0;
  carrier_bytes_ = 0;
  come_ = consumed_;
  if (!at_end()) end_.reset();
  decoder_.restart();
}

}  // namespace cfpipe::tunnel
