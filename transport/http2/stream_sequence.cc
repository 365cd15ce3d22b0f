#include "transport/http2/stream_sequence.h"

#include <algorithm>

#include "transport/http2/codes.h"

namespace cfpipe::transport {

std::uint32_t H2Sequence::fault_of_head(std::int32_t stream) {
  if (stream > last_) {
    last_ = stream;
    if (opened_.size() == kH2RememberedStreams) opened_.erase(opened_.begin());
    opened_.push_back({stream, false});
    return kH2NoError;
  }
  const auto known = std::find_if(opened_.begin(), opened_.end(),
                                  [&](const Opened& opened) { return opened.stream == stream; });
  if (known == opened_.end()) return kH2ProtocolError;
  return known->ended ? kH2StreamClosed : kH2NoError;
}

void H2Sequence::ended(std::int32_t stream) {
  for (auto& opened : opened_) {
    if (opened.stream == stream) opened.ended = true;
  }
}

}  // namespace cfpipe::transport
