#include "auth/ssh/wire.h"

namespace cfpipe::auth {

SshWriter& SshWriter::byte(std::uint8_t value) {
  out_.push_back(static_cast<char>(value));
  return *this;
}

SshWriter& SshWriter::u32(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) byte(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

SshWriter& SshWriter::u64(std::uint64_t value) {
  u32(static_cast<std::uint32_t>(value >> 32));
  return u32(static_cast<std::uint32_t>(value));
}

SshWriter& SshWriter::string(std::string_view bytes) {
  u32(static_cast<std::uint32_t>(bytes.size()));
  return raw(bytes);
}

SshWriter& SshWriter::mpint(std::string_view big_endian) {
  const auto first = big_endian.find_first_not_of('\0');
  if (first == std::string_view::npos) return u32(0);
  big_endian.remove_prefix(first);
  if ((static_cast<unsigned char>(big_endian.front()) & 0x80U) == 0) return string(big_endian);
  // A set top bit would read as negative (two's complement): a zero goes in front.
  u32(static_cast<std::uint32_t>(big_endian.size() + 1));
  byte(0);
  return raw(big_endian);
}

SshWriter& SshWriter::raw(std::string_view bytes) {
  out_.append(bytes);
  return *this;
}

std::string_view SshReader::take(std::size_t count) {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::uint8_t SshReader::byte() {
  const std::string_view taken = take(1);
  return taken.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(taken[0]);
}

std::uint32_t SshReader::u32() {
  std::uint32_t value = 0;
  for (const char c : take(4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::uint64_t SshReader::u64() {
  std::uint64_t value = 0;
  for (const char c : take(8)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string_view SshReader::string() {
  const std::uint32_t length = u32();
  return take(length);
}

}  // namespace cfpipe::auth
