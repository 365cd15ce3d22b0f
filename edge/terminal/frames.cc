#include "edge/terminal/frames.h"

#include <openssl/crypto.h>

#include <cstdint>

namespace cfpipe::edge::terminal {
namespace {

constexpr std::size_t kHeadBytes = 5;

std::size_t length_at(std::string_view head) {
  std::size_t out = 0;
  for (const char c : head.substr(1, 4)) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

}  // namespace

std::string encode(FrameType type, std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string out;
  out.reserve(kHeadBytes + payload.size());
  out += static_cast<char>(type);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  return out.append(payload);
}

FrameReader::~FrameReader() {
  OPENSSL_cleanse(held_.data(), held_.size());
}

void FrameReader::feed(std::string_view bytes) {
  if (broken_) return;
  if (begin_ > 0 || held_.capacity() - held_.size() < bytes.size()) {
    std::string rest;
    rest.reserve(held() + bytes.size());
    rest.append(held_, begin_);
    OPENSSL_cleanse(held_.data(), held_.size());
    held_ = std::move(rest);
    begin_ = 0;
  }
  held_.append(bytes);
}

std::optional<Frame> FrameReader::next() {
  const std::string_view rest = std::string_view(held_).substr(begin_);
  if (broken_ || rest.size() < kHeadBytes) return std::nullopt;
  const std::size_t length = length_at(rest);
  if (length > kMaxFrameBytes) {
    broken_ = true;
    return std::nullopt;
  }
  if (rest.size() < kHeadBytes + length) return std::nullopt;
  Frame out{FrameType{rest.front()}, std::string(rest.substr(kHeadBytes, length))};
  OPENSSL_cleanse(held_.data() + begin_, kHeadBytes + length);
  begin_ += kHeadBytes + length;
  return out;
}

}  // namespace cfpipe::edge::terminal
