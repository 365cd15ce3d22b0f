// The frames of a resumable tunnel, and the header or the lines that open one: what is read does not depend
// on how the bytes are cut, stays within what came, and is what our own encoder wrote.
#include <cstring>

#include "fuzz.h"
#include "tunnel/resume/frames.h"
#include "tunnel/resume/handshake.h"
#include "tunnel/resume/in_band.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe::tunnel;

struct Heard {
  std::string payload, reset, why;
  std::optional<std::uint64_t> ack, fin;
  bool operator==(const Heard&) const = default;
};

Heard decode(const std::vector<std::string_view>& pieces) {
  FrameDecoder decoder;
  Heard heard;
  for (const auto piece : pieces) {
    std::vector<std::byte> memory(piece.size());
    if (!piece.empty()) std::memcpy(memory.data(), piece.data(), piece.size());
    std::vector<Slice> slices;
    FrameDecoder::Events events;
    const bool taken = decoder.feed(memory, slices, events);
    for (const auto& slice : slices) {
      const auto at = static_cast<std::size_t>(slice.data() - memory.data());
      require(at < memory.size() && slice.size() <= memory.size() - at, "payload lies in what was fed");
      require(!heard.fin && heard.reset.empty(), "nothing follows the end");
      heard.payload.append(reinterpret_cast<const char*>(slice.data()), slice.size());
    }
    if (events.ack) heard.ack = events.ack;
    if (events.fin) heard.fin = events.fin;
    if (events.reset) {
      require(events.reset->text.size() <= kMaxResetText, "a reason is small");
      heard.reset = std::to_string(static_cast<int>(events.reset->code)) + " " + events.reset->text;
    }
    if (taken) continue;
    heard.why = decoder.why();
    require(!heard.why.empty(), "a violation has a name");
    break;
  }
  return heard;
}

void check_header(std::string_view text) {
  if (const auto asked = parse_resume_request(text)) {
    const std::string again = std::visit([](const auto& one) { return text_of(one); }, *asked);
    require(parse_resume_request(again).has_value(), "what is printed is read");
  }
  if (const auto opened = parse_resume_opened(text))
    require(parse_resume_opened(text_of(*opened)).has_value(), "what is printed is read");
  if (const auto attached = parse_resume_attached(text))
    require(parse_resume_attached(text_of(*attached)).has_value(), "what is printed is read");
  if (const auto announced = parse_announcement(text)) {
    require(looks_announced(text), "it begins as one does");
    require(announced->key.size() == kResumeKeyBytes && announced->agent.size() == kAgentCharacters,
            "its parts are bounded");
    require(text_of(*announced) == text, "there is one way to write it");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto text = input.rest();
  require(decode({text}) == decode(cfpipe::fuzz::cut(text, plan)), "cuts change nothing");
  check_header(text);
  std::vector<std::byte> room(kFrameHeader + text.size());
  if (!text.empty()) std::memcpy(room.data() + kFrameHeader, text.data(), text.size());
  put_data_header(room.data() + kFrameHeader, text.size());
  std::string frames = ack_frame(size);
  if (!text.empty()) frames.append(reinterpret_cast<const char*>(room.data()), room.size());
  frames += fin_frame(text.size()) + reset_frame({ResetCode::left, std::string(text)});
  const auto heard = decode(cfpipe::fuzz::cut(frames, plan));
  const bool whole = text.size() > kMaxDataBytes ||
                     (heard.payload == text && heard.ack == size && heard.fin == text.size() &&
                      heard.reset == "4 " + std::string(text.substr(0, kMaxResetText)));
  require(whole, "a decoder reads what the encoder wrote");
  return 0;
}
