#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "auth/token/sealed_box.h"
#include "edge/http/request.h"
#include "edge/limits/outstanding.h"
#include "edge/limits/party.h"
#include "edge/limits/seats.h"
#include "edge/store/pending_store.h"

namespace cfpipe::edge {

/// How long one poll may wait (clients give up after 60 s and poll up to 10 times), how long a box is kept,
/// how many polls may wait at once, in all and from one address, and how many boxes of one person are kept.
inline constexpr std::chrono::milliseconds kTransferPoll{50'000};
inline constexpr std::int64_t kTransferSeconds = 300;
inline constexpr std::size_t kMaxTransferWaiters = 4096;
inline constexpr std::size_t kMaxTransferWaitersOfAddress = 512;
inline constexpr std::size_t kMaxTransfersOfPerson = 32;

/// Sealed tokens on their way from a browser's sign-in to the program that waits for them. Each is handed out
/// once. The edge keeps what it cannot open any more: only the receiver has the key.
class TransferStore {
 public:
  TransferStore(boost::asio::any_io_executor executor, PendingStore& pending, std::chrono::milliseconds poll,
                std::function<std::int64_t()> now)
      : executor_(std::move(executor)), pending_(pending), poll_(poll), now_(std::move(now)) {}

  /// The receiver's public key: 32 bytes in padded URL-safe base64, as it is in the path.
  static bool valid_key(std::string_view key);

  /// Keeps a box for the receiver on behalf of `owner`, the person who has signed in.
  Result<Outstanding::Added> put(const PartyKey& owner, const std::string& receiver,
                                 const auth::SealedTransfer& box);
  /// The same for a rejection, which ends the poll of the waiting program.
  Result<Outstanding::Added> refuse(const PartyKey& owner, const std::string& receiver,
                                    const auth::TransferRefusal& refusal);
  /// 200 with the box, 403 with a refusal, 202 when none has come in time, or 429 when too many wait, here or
  /// at the address `peer`. A newer poll for the same key
  /// ends an older one, whose client has most likely gone.
  boost::asio::awaitable<Answer> poll(std::string receiver, std::string peer);
  std::size_t waiting() const { return waiters_.size(); }
  /// Ends all polls: a client that polls again reaches the next process, which learns of a box at once.
  void drain();
  /// The address from which that receiver is polled now; empty: it is not.
  std::string poller(const std::string& receiver) const;

 private:
  struct Waiter {
    Waiter(const boost::asio::any_io_executor& executor, std::chrono::milliseconds timeout, std::string from)
        : timer(executor, timeout), peer(std::move(from)) {}
    boost::asio::steady_timer timer;
    std::string peer;
  };
  Result<Outstanding::Added> keep(const PartyKey& owner, const std::string& receiver,
                                  const std::string& value);
  Answer take(const std::string& receiver);

  boost::asio::any_io_executor executor_;
  PendingStore& pending_;
  std::chrono::milliseconds poll_;
  std::function<std::int64_t()> now_;
  std::map<std::string, std::shared_ptr<Waiter>> waiters_;
  bool draining_ = false;
  Seats seats_{{kMaxTransferWaitersOfAddress, kMaxTransferWaiters}};  ///< of polls, by address
  Outstanding boxes_{kMaxTransfersOfPerson, static_cast<std::size_t>(kMaxPending)};
};

}  // namespace cfpipe::edge
