#include "tunnel/resume/frames.h"

#include <algorithm>

namespace cfpipe::tunnel {
namespace {

constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kCodeBytes = 2;

template <class Out>
void put_number(Out out, std::uint64_t number, std::size_t bytes) {
  using Byte = std::remove_reference_t<decltype(*out)>;
  for (std::size_t i = bytes; i-- > 0;) *out++ = static_cast<Byte>(number >> (8 * i) & 0xff);
}

std::uint64_t number_in(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string frame(FrameType type, std::string_view payload) {
  std::string out(kFrameHeader, static_cast<char>(type));
  put_number(out.begin() + 1, payload.size(), kFrameHeader - 1);
  return out.append(payload);
}

std::string numbered_frame(FrameType type, std::uint64_t number) {
  std::string payload(kNumberBytes, '\0');
  put_number(payload.begin(), number, kNumberBytes);
  return frame(type, payload);
}

}  // namespace

void put_data_header(std::byte* payload, std::size_t size) {
  *(payload - kFrameHeader) = static_cast<std::byte>(FrameType::data);
  put_number(payload - kFrameHeader + 1, size, kFrameHeader - 1);
}

std::string ack_frame(std::uint64_t next) {
  return numbered_frame(FrameType::ack, next);
}

std::string fin_frame(std::uint64_t end) {
  return numbered_frame(FrameType::fin, end);
}

std::string reset_frame(const Reset& reset) {
  std::string payload(kCodeBytes, '\0');
  put_number(payload.begin(), static_cast<std::uint16_t>(reset.code), kCodeBytes);
  return frame(FrameType::reset, payload.append(reset.text, 0, kMaxResetText));
}

bool FrameDecoder::violation(const char* why) {
  why_ = why;
  return false;
}

// The header is whole.
bool FrameDecoder::begin() {
  left_ = 0;
  for (std::size_t i = 1; i < kFrameHeader; ++i)
    left_ = left_ << 8 | std::to_integer<std::size_t>(header_[i]);
  type_ = static_cast<FrameType>(header_[0]);
  control_.clear();
  if (reset_) return violation("a frame behind a RESET");
  switch (type_) {
    case FrameType::data:
      if (left_ == 0 || left_ > kMaxDataBytes) return violation("a DATA of no or too many bytes");
      return !finished_ || violation("DATA behind a FIN");
    case FrameType::ack:
    case FrameType::fin:
      return left_ == kNumberBytes || violation("an ACK or FIN of another length");
    case FrameType::reset:
      return (left_ >= kCodeBytes && left_ <= kCodeBytes + kMaxResetText) ||
             violation("a RESET of no or too many bytes");
  }
  return violation("a frame of an unknown type");
}

// All of a frame has come that is not DATA.
bool FrameDecoder::end(Events& events) {
  switch (type_) {
    case FrameType::data:
      break;
    case FrameType::ack:
      events.ack = number_in(control_);
      break;
    case FrameType::fin:
      if (finished_) return violation("two FIN");
      finished_ = true;
      events.fin = number_in(control_);
      break;
    case FrameType::reset:
      reset_ = true;
      events.reset =
          Reset{static_cast<ResetCode>(number_in(std::string_view(control_).substr(0, kCodeBytes))),
                control_.substr(kCodeBytes)};
      break;
  }
  return true;
}

bool FrameDecoder::feed(Slice in, std::vector<Slice>& payload, Events& events) {
  while (!in.empty()) {
    if (have_ < kFrameHeader) {
      const auto count = std::min(in.size(), kFrameHeader - have_);
      std::copy_n(in.begin(), count, header_.begin() + static_cast<std::ptrdiff_t>(have_));
      have_ += count;
      in = in.subspan(count);
      if (have_ == kFrameHeader && !begin()) return false;
      continue;
    }
    const auto part = in.first(std::min(in.size(), left_));
    in = in.subspan(part.size());
    left_ -= part.size();
    if (type_ == FrameType::data) {
      payload.push_back(part);
    } else {
      control_.append(reinterpret_cast<const char*>(part.data()), part.size());
    }
    if (left_ > 0) continue;
    have_ = 0;
    if (!end(events)) return false;
  }
  return true;
}

}  // namespace cfpipe::tunnel
