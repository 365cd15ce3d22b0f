#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace edge_mock {

/// Certificates from ssh-keygen, with DIR/ssh-ca as the authority of every application.
class Signer {
 public:
  static constexpr std::int64_t kBackdateSeconds = 60;
  static constexpr std::int64_t kValiditySeconds = 240;

  /// Makes DIR/ssh-ca at the first start and, if it will be asked for, the other key. Throws on failure.
  Signer(uv_loop_t* loop, const std::string& dir, bool with_other_key);

  struct Order {
    std::string public_key;  ///< authorized_keys line, as it came
    std::string key_id;
    std::string principal;
    std::uint64_t serial = 0;
    std::int64_t validity_seconds = kValiditySeconds;
    bool over_another_key = false;
  };
  using Done = std::function<void(std::optional<std::string> certificate)>;
  /// Runs ssh-keygen as a child process; calls `done` when it has ended.
  void sign(const Order& order, Done done);

 private:
  uv_loop_t* loop_;
  std::string dir_;
};

}  // namespace edge_mock
