#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cfpipe::auth {

/// Writes SSH wire types (RFC 4251 5) to a byte string.
class SshWriter {
 public:
  SshWriter() = default;
  /// Room for so many bytes, within which nothing is copied to somewhere else.
  explicit SshWriter(std::size_t room) { out_.reserve(room); }
  SshWriter& byte(std::uint8_t value);
  SshWriter& u32(std::uint32_t value);
  SshWriter& u64(std::uint64_t value);
  SshWriter& string(std::string_view bytes);
  SshWriter& mpint(std::string_view big_endian);  ///< unsigned magnitude, any leading zeros
  SshWriter& raw(std::string_view bytes);
  std::string take() { return std::move(out_); }
  const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

/// Reads SSH wire types. After the first read beyond the end, everything reads as nothing; check ok() or
/// finished().
class SshReader {
 public:
  explicit SshReader(std::string_view bytes) : rest_(bytes) {}
  std::uint8_t byte();
  std::uint32_t u32();
  std::uint64_t u64();
  std::string_view string();  ///< a view into the input
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && rest_.empty(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view take(std::size_t count);
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace cfpipe::auth
