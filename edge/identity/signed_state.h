#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/secret.h"
#include "edge/store/key_store.h"

namespace cfpipe::edge {

/// Longest note that is read, in bytes.
inline constexpr std::size_t kMaxNoteBytes = 8 * 1024;

/// What this edge says to itself through a browser (the state of a login): JSON under an HMAC whose key never
/// leaves it. Not a JWT, so that no note can ever pass for a token. The kind is part of what is
/// authenticated.
class SignedState {
 public:
  static Result<SignedState> open(KeyStore& keys);
  std::string write(std::string_view kind, boost::json::object content, std::int64_t expires) const;
  /// 43 characters of base64url that only this edge can make of that text: what need not be kept anywhere to
  /// be known again. Apart from notes, and from those of other kinds.
  std::string derive(std::string_view kind, std::string_view text) const;
  /// Nothing unless the note is ours, of that kind, and not expired.
  std::optional<boost::json::object> read(std::string_view kind, std::string_view note,
                                          std::int64_t now) const;

 private:
  explicit SignedState(Secret key) : key_(std::move(key)) {}
  std::string tag(std::string_view kind, std::string_view payload) const;
  Secret key_;
};

}  // namespace cfpipe::edge
