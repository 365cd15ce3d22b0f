// WebSocket frames of a peer: what is read does not depend on how the bytes are cut, stays within what came,
// and is what our own encoder wrote.
#include <cstring>

#include "fuzz.h"
#include "transport/websocket/codec.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::transport;

/// All that a decoder says of a stream.
struct Heard {
  std::string payload;
  bool ping = false, pong = false, closed = false, violated = false;
  std::string ping_payload;
  std::uint16_t close_code = 0;
  std::string close_reason;
  std::string why;
  std::uint16_t violation_code = 0;
  bool operator==(const Heard&) const = default;
};

void take_events(const WsDecoder::Events& events, Heard& heard) {
  if (events.ping) heard.ping_payload = events.ping_payload;
  heard.ping |= events.ping;
  heard.pong |= events.pong;
  if (!events.close) return;
  require(!heard.closed, "one Close is seen once");
  heard.closed = true;
  heard.close_code = events.close_code;
  heard.close_reason = events.close_reason;
}

Heard decode(const std::vector<std::string_view>& pieces, WsRole role) {
  WsDecoder decoder(role);
  Heard heard;
  for (const auto piece : pieces) {
    std::vector<std::byte> memory(piece.size());
    if (!piece.empty()) std::memcpy(memory.data(), piece.data(), piece.size());
    std::vector<cfpipe::tunnel::Slice> slices;
    WsDecoder::Events events;
    const bool taken = decoder.feed(memory, slices, events);
    for (const auto& slice : slices) {
      const auto at = static_cast<std::size_t>(slice.data() - memory.data());
      require(at < memory.size() && slice.size() <= memory.size() - at, "payload lies in what was fed");
      require(!heard.closed, "no payload follows a Close");
      heard.payload.append(reinterpret_cast<const char*>(slice.data()), slice.size());
    }
    take_events(events, heard);
    if (taken) continue;
    heard.violated = true;
    heard.why = decoder.why();
    heard.violation_code = decoder.violation_code();
    break;
  }
  return heard;
}

void check_encoder(std::string_view text, WsRole receiver, std::uint8_t plan) {
  const WsMask mask{std::byte{plan}, std::byte{0xa5}, std::byte{0}, std::byte{0xff}};
  const WsMask* const used = receiver == WsRole::server ? &mask : nullptr;
  std::vector<std::byte> room(kMaxFrameHeader + text.size());
  std::byte* const payload = room.data() + kMaxFrameHeader;
  if (!text.empty()) std::memcpy(payload, text.data(), text.size());
  const auto header = put_frame_header(payload, text.size(), WsOpcode::binary, used);
  if (used != nullptr) apply_mask({payload, text.size()}, mask);
  std::string frames(reinterpret_cast<const char*>(payload - header), header + text.size());
  frames += control_frame(WsOpcode::ping, text, used);
  const auto heard = decode(cfpipe::fuzz::cut(frames, plan), receiver);
  require(!heard.violated && heard.payload == text, "a decoder reads what the encoder wrote");
  require(heard.ping && heard.ping_payload == text.substr(0, kMaxControlPayload),
          "a ping carries its payload");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto role = input.byte() % 2 == 0 ? WsRole::client : WsRole::server;
  const auto whole = decode({input.rest()}, role);
  require(whole == decode(cfpipe::fuzz::cut(input.rest(), plan), role), "cuts change nothing");
  require(whole.ping_payload.size() <= kMaxControlPayload, "a ping is small");
  require(whole.close_reason.size() <= kMaxControlPayload - 2, "a reason is small");
  require(!whole.violated || !whole.why.empty(), "a violation has a name");
  check_encoder(input.rest(), role, plan);
  return 0;
}
