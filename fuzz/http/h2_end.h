#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fuzz.h"
#include "transport/http2/session.h"

namespace cfpipe::fuzz {

/// Frames of one input: fewer than a peer may send that carry nothing.
inline constexpr int kMaxH2Frames = 200;

/// One end of an HTTP/2 connection whose peer is the fuzzer. Keeps what the session says of each stream and
/// checks that it says it in order.
class H2End final : public transport::H2Events, public transport::H2Output {
 public:
  using IoStatus = tunnel::IoStatus;
  struct Seen {
    transport::H2Head head;
    std::string data;
    bool headed = false, oversized = false, ended = false, closed = false;
    std::uint32_t code = 0;
    std::size_t unconsumed = 0;
    bool answered = false;
    bool operator==(const Seen&) const = default;
  };

  explicit H2End(transport::H2Role role)
      : session(role, *this, *this),
        max_head_(role == transport::H2Role::server ? transport::kH2MaxRequestHeadBytes
                                                    : transport::kH2MaxHeadBytes),
        window_(role == transport::H2Role::server ? transport::kH2UnprovenWindow
                                                  : transport::kH2ConnectionWindow) {}

  void h2_head(std::int32_t stream, transport::H2Head head, bool oversized) override {
    auto& s = open(stream);
    require(!s.headed && !s.ended, "a head comes once, and first");
    s.headed = true;
    s.oversized = oversized;
    std::size_t bytes = 0;
    for (const auto& [name, value] : head) {
      bytes += name.size() + value.size() + 32;
      require(!name.empty(), "a field has a name");
      for (const char c : value) require(c != '\r' && c != '\n' && c != '\0', "a value is one line");
      for (const char c : name)
        require(c > ' ' && c < 0x7f && (c < 'A' || c > 'Z'), "a name is in lower case");
    }
    require(bytes <= max_head_, "a head has a bound");
    s.head = std::move(head);
  }
  void h2_data(std::int32_t stream, std::span<const std::byte> data) override {
    auto& s = open(stream);
    require(s.headed && !s.ended, "data comes between head and end");
    s.data.append(reinterpret_cast<const char*>(data.data()), data.size());
    s.unconsumed += data.size();
    unconsumed_ += data.size();
    require(unconsumed_ <= window_, "what is held has a bound");
  }
  void h2_end(std::int32_t stream) override {
    auto& s = open(stream);
    require(!s.ended, "an end comes once");
    s.ended = true;
  }
  void h2_closed(std::int32_t stream, std::uint32_t code) override {
    auto& s = open(stream);
    s.closed = true;
    s.code = code;
  }
  IoStatus put(std::span<const std::byte> bytes) override {
    sent += bytes.size();
    return IoStatus::ok;
  }

  /// False: the session is broken.
  bool receive(const std::vector<std::string_view>& pieces) {
    for (const auto piece : pieces) {
      if (!session.receive(std::as_bytes(std::span(piece)), transport::H2Session::Clock::time_point{})) {
        require(!session.why().empty(), "what is broken has a name");
        return false;
      }
      require(session.streams() <= transport::kH2MaxStreams + 2, "streams have a bound");
    }
    return true;
  }
  /// Answers what is asked, or goes on with what was answered: some of each kind, by the stream's number.
  void react() {
    for (auto& [id, s] : seen) {
      if (std::exchange(s.unconsumed, 0) > 0) unconsumed_ -= consume(id, s);
      if (!s.headed || s.closed || s.answered) continue;
      s.answered = true;
      if (id % 8 == 5) session.reset(id, transport::kH2Cancel);
      if (id % 8 != 5) answer(id);
    }
    session.send();
  }

  std::map<std::int32_t, Seen> seen;
  std::size_t sent = 0;
  transport::H2Session session;

 private:
  Seen& open(std::int32_t stream) {
    auto& s = seen[stream];
    require(!s.closed, "nothing comes of a stream that is closed");
    return s;
  }
  std::size_t consume(std::int32_t id, Seen& s) {
    const auto bytes = s.data.size();
    session.consumed(id, bytes);
    s.data.clear();
    return bytes;
  }
  void answer(std::int32_t id) {
    const bool ends = id % 8 == 3;
    (void)session.respond(id, {{":status", "200"}, {"server", "fuzz"}}, ends);
    if (ends) return;
    const std::string text(100, 'x');
    std::vector<std::byte> memory(transport::kH2FrameHeader + text.size());
    std::memcpy(memory.data() + transport::kH2FrameHeader, text.data(), text.size());
    (void)session.write(id, tunnel::Slice(memory).subspan(transport::kH2FrameHeader));
    if (id % 8 == 7) session.end(id);
  }

  std::size_t max_head_;
  std::size_t window_;
  std::size_t unconsumed_ = 0;
};

/// Bytes as they stand; or, where `as_frames`, frames whose lengths are right: type, flags, stream and length
/// in a byte each, then the payload.
inline std::string h2_bytes(Input input, bool as_frames) {
  if (!as_frames) return std::string(input.rest());
  std::string out;
  for (int i = 0; i < kMaxH2Frames && !input.rest().empty(); ++i) {
    const char type = static_cast<char>(input.byte()), flags = static_cast<char>(input.byte());
    const char stream = static_cast<char>(input.byte());
    const auto payload = input.take(input.byte());
    out.append(2, '\0').append(1, static_cast<char>(payload.size())).append({type, flags, 0, 0, 0, stream});
    out += payload;
  }
  return out;
}

/// What an end has seen of each stream. Nothing: of these cuts nothing can be told. nghttp2 bounds how many
/// CONTINUATION frames follow a HEADERS frame, and counts the pieces that their heads come in.
using H2Played = std::optional<std::map<std::int32_t, H2End::Seen>>;

/// Plays a peer's bytes to a fresh end that `start` has made ready: in two halves, between which the end
/// answers.
template <class Start>
H2Played h2_play(transport::H2Role role, const Start& start, std::string_view bytes, std::uint8_t plan,
                 bool whole) {
  H2End end(role);
  start(end);
  const auto half = bytes.size() / 2;
  std::map<std::int32_t, H2End::Seen> seen;
  for (const auto part : {bytes.substr(0, half), bytes.substr(half)}) {
    const auto pieces = whole ? std::vector{part} : cut(part, plan);
    const bool good = end.receive(pieces);
    if (end.session.why().starts_with("Too many CONTINUATION")) return std::nullopt;
    for (const auto& [id, s] : end.seen) seen[id] = s;
    end.react();
    if (end.session.going_away()) return H2Played(std::in_place);
    if (!good) break;
  }
  return seen;
}

}  // namespace cfpipe::fuzz
