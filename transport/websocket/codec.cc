#include "transport/websocket/codec.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/utf8.h"

namespace cfpipe::transport {
namespace {

constexpr std::byte kFinal{0x80};
constexpr std::byte kReserved{0x70};
constexpr std::byte kOpcode{0x0f};
constexpr std::byte kMasked{0x80};
constexpr std::byte kLength{0x7f};
constexpr std::uint64_t kLength16 = 126;
constexpr std::uint64_t kLength64 = 127;

bool is_control(WsOpcode opcode) {
  return static_cast<std::uint8_t>(opcode) >= 8;
}

bool is_known(std::uint8_t opcode) {
  return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

std::uint64_t big_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (const auto byte : bytes) value = value << 8 | std::to_integer<std::uint64_t>(byte);
  return value;
}

std::uint16_t close_code_of(std::string_view payload) {
  return static_cast<std::uint16_t>(big_endian(std::as_bytes(std::span(payload.substr(0, 2)))));
}

// RFC 6455 7.4: what may stand on the wire.
bool valid_close_code(std::uint16_t code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

void apply_mask(std::span<std::byte> payload, WsMask mask, std::size_t phase) {
  std::array<std::byte, 8> pattern{};
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = mask[(i + phase) % mask.size()];
  const auto wide = std::bit_cast<std::uint64_t>(pattern);
  std::byte* at = payload.data();
  std::size_t left = payload.size();
  // By blocks, which the compiler turns into vector instructions; word by word it does not.
  std::array<std::uint64_t, 8> block{};
  for (; left >= sizeof block; at += sizeof block, left -= sizeof block) {
    std::memcpy(block.data(), at, sizeof block);
    for (auto& word : block) word ^= wide;
    std::memcpy(at, block.data(), sizeof block);
  }
  for (; left >= sizeof wide; at += sizeof wide, left -= sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word ^= wide;
    std::memcpy(at, &word, sizeof word);
  }
  for (std::size_t i = 0; i < left; ++i) at[i] ^= pattern[i];
}

std::size_t put_frame_header(std::byte* payload, std::size_t payload_size, WsOpcode opcode,
                             const WsMask* mask) {
  std::array<std::byte, kMaxFrameHeader> header{};
  std::size_t size = 2;
  header[0] = kFinal | static_cast<std::byte>(opcode);
  const auto put_length = [&](std::size_t bytes) {
    for (std::size_t i = bytes; i-- > 0;) header[size++] = static_cast<std::byte>(payload_size >> (8 * i));
  };
  if (payload_size < kLength16) {
    header[1] = static_cast<std::byte>(payload_size);
  } else if (payload_size <= 0xffff) {
    header[1] = static_cast<std::byte>(kLength16);
    put_length(2);
  } else {
    header[1] = static_cast<std::byte>(kLength64);
    put_length(8);
  }
  if (mask != nullptr) {
    header[1] |= kMasked;
    for (const auto byte : *mask) header[size++] = byte;
  }
  std::memcpy(payload - size, header.data(), size);
  return size;
}

std::string control_frame(WsOpcode opcode, std::string_view payload, const WsMask* mask) {
  payload = payload.substr(0, kMaxControlPayload);
  std::array<std::byte, kMaxFrameHeader + kMaxControlPayload> room{};
  std::byte* at = room.data() + kMaxFrameHeader;
  if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
  const auto header = put_frame_header(at, payload.size(), opcode, mask);
  if (mask != nullptr) apply_mask({at, payload.size()}, *mask);
  std::string out(header + payload.size(), '\0');
  std::memcpy(out.data(), at - header, out.size());
  return out;
}

bool WsDecoder::violation(const char* why, std::uint16_t code) {
  why_ = why;
  violation_code_ = code;
  return false;
}

// Known only once the first two bytes are there.
std::size_t WsDecoder::header_size() const {
  if (header_have_ < 2) return 2;
  const auto length = std::to_integer<std::uint64_t>(header_[1] & kLength);
  const std::size_t extended = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
  return 2 + extended + ((header_[1] & kMasked) != std::byte{0} ? sizeof(WsMask) : 0);
}

bool WsDecoder::parse_header() {
  const auto code = std::to_integer<std::uint8_t>(header_[0] & kOpcode);
  if ((header_[0] & kReserved) != std::byte{0}) return violation("a reserved bit is set");
  if (!is_known(code)) return violation("an unknown opcode");
  opcode_ = static_cast<WsOpcode>(code);
  final_ = (header_[0] & kFinal) != std::byte{0};
  masked_ = (header_[1] & kMasked) != std::byte{0};
  if (masked_ != (role_ == WsRole::server))
    return violation(masked_ ? "a masked frame" : "a frame without mask");
  left_ = std::to_integer<std::uint64_t>(header_[1] & kLength);
  std::size_t at = 2;
  if (left_ == kLength16) {
    left_ = big_endian(std::span(header_).subspan(at, 2));
    at += 2;
    if (left_ < kLength16) return violation("a length not in its shortest form");
  } else if (left_ == kLength64) {
    left_ = big_endian(std::span(header_).subspan(at, 8));
    at += 8;
    if (left_ <= 0xffff || left_ >> 63 != 0)
      return violation("a length not in its shortest form, or too large");
  }
  if (masked_) std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(at), mask_.size(), mask_.begin());
  if (is_control(opcode_)) {
    if (!final_) return violation("a fragmented control frame");
    if (left_ > kMaxControlPayload) return violation("a control frame of more than 125 bytes");
  } else if ((opcode_ == WsOpcode::continuation) != in_message_) {
    return violation(in_message_ ? "a new message inside another" : "a continuation of nothing");
  } else {
    in_message_ = !final_;
  }
  seen_ = 0;
  control_.clear();
  return true;
}

bool WsDecoder::end_of_control(Events& events) {
  if (opcode_ == WsOpcode::ping) {
    events.ping = true;
    events.ping_payload = control_;
  } else if (opcode_ == WsOpcode::pong) {
    events.pong = true;
  } else {
    if (control_.size() == 1) return violation("a Close frame of one byte");
    if (control_.size() >= 2) {
      events.close_code = close_code_of(control_);
      if (!valid_close_code(events.close_code))
        return violation("a Close frame with a code that must not be sent");
      events.close_reason = control_.substr(2);
      if (!is_utf8(events.close_reason))
        return violation("a Close frame whose reason is not UTF-8", kInvalidDataCode);
    }
    events.close = true;
    closed_ = true;
  }
  return true;
}

bool WsDecoder::feed(std::span<std::byte> in, std::vector<tunnel::Slice>& payload, Events& events) {
  while (!closed_) {
    if (!in_payload_) {
      while (header_have_ < header_size()) {
        if (in.empty()) return true;
        header_[header_have_++] = in.front();
        in = in.subspan(1);
      }
      header_have_ = 0;
      // header_size() looks at two bytes only, so resetting the count first is safe: the bytes stay.
      if (!parse_header()) return false;
      in_payload_ = true;
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
    const auto part = in.first(count);
    if (masked_) apply_mask(part, mask_, static_cast<std::size_t>(seen_ % mask_.size()));
    if (is_control(opcode_)) {
      for (const auto byte : part) control_.push_back(static_cast<char>(byte));
    } else if (count > 0) {
      payload.push_back(part);
    }
    in = in.subspan(count);
    left_ -= count;
    seen_ += count;
    if (left_ > 0) return true;
    in_payload_ = false;
    if (is_control(opcode_) && !end_of_control(events)) return false;
  }
  return true;
}

}  // namespace cfpipe::transport
