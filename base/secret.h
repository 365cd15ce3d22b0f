#pragma once

#include <string>
#include <string_view>

namespace cfpipe {

/// A token, key or password. Move-only, overwritten before it is freed, and without an operator<<.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  /// The value, for the code that sends or stores it. Valid while this object lives.
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  Secret clone() const { return Secret(value_); }

 private:
  void wipe() noexcept;
  std::string value_;
};

}  // namespace cfpipe
