#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "auth/transfer_box.h"
#include "edge/site.h"
#include "edge/state.h"

namespace cfpipe::edge {

/// How long one poll may wait (clients give up after 60 s and poll up to 10 times), how long a box is kept,
/// and how many polls may wait at once.
inline constexpr std::chrono::milliseconds kTransferPoll{50'000};
inline constexpr std::int64_t kTransferSeconds = 300;
inline constexpr std::size_t kMaxTransferWaiters = 4096;

/// Sealed tokens on their way from a browser's sign-in to the program that waits for them. Each is handed out
/// once. The edge keeps what it cannot open any more: only the receiver has the key.
class TransferStore {
 public:
  TransferStore(boost::asio::any_io_executor executor, State& state, std::chrono::milliseconds poll,
                std::function<std::int64_t()> now)
      : executor_(std::move(executor)), state_(state), poll_(poll), now_(std::move(now)) {}

  /// The receiver's public key: 32 bytes in padded URL-safe base64, as it is in the path.
  static bool valid_key(std::string_view key);

  Result<bool> put(const std::string& receiver, const auth::SealedTransfer& box);
  /// The same for a refusal: whoever waits need not wait any longer.
  Result<bool> refuse(const std::string& receiver, const auth::TransferRefusal& refusal);
  /// 200 with the box, 403 with a refusal, or 202 when none has come in time. A newer poll for the same key
  /// ends an older one, whose client has most likely gone.
  boost::asio::awaitable<Answer> poll(std::string receiver);
  std::size_t waiting() const { return waiters_.size(); }

 private:
  using Timer = boost::asio::steady_timer;
  Result<bool> keep(const std::string& receiver, const std::string& value);
  Answer take(const std::string& receiver);

  boost::asio::any_io_executor executor_;
  State& state_;
  std::chrono::milliseconds poll_;
  std::function<std::int64_t()> now_;
  std::map<std::string, std::shared_ptr<Timer>> waiters_;
};

}  // namespace cfpipe::edge
