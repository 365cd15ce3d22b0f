#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace edge_mock {

/// The transfer store: sealed tokens under the public key they are sealed to, each handed out once.
class TransferStore {
 public:
  static constexpr std::uint64_t kPollMilliseconds = 10'000;  ///< how long a poll is held open
  static constexpr std::uint64_t kBoxMilliseconds = 300'000;  ///< how long a box waits for its poll

  struct Box {
    std::string body;        ///< standard base64 of nonce || box
    std::string sender_key;  ///< URL-safe base64
  };
  /// Says whether the client that polled is still there; a box is not spent on one that has left.
  using Waiter = std::function<bool(std::optional<Box>)>;

  explicit TransferStore(uv_loop_t* loop) : loop_(loop) {}

  /// Seals `plain` to the public key. Nothing if the key is malformed.
  static std::optional<Box> seal(const std::string& receiver_key, const std::string& plain);
  /// Stores a box, or hands it to a poll that waits for it.
  void put(const std::string& receiver_key, Box box);
  /// Calls `waiter` with the box as soon as there is one, with nothing after kPollMilliseconds.
  void take(const std::string& receiver_key, Waiter waiter);

 private:
  /// The padding is cut off, so that a key means the same however it was written.
  static std::string name_of(const std::string& receiver_key);

  uv_loop_t* loop_;
  std::map<std::string, Box> boxes_;
  std::map<std::string, std::shared_ptr<Waiter>> waiters_;
};

}  // namespace edge_mock
