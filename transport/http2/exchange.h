#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "transport/http2/life.h"
#include "transport/http2/session.h"
#include "transport/http2/wire.h"

namespace cfpipe::transport {

/// The bytes of a connection: reads its socket into the session, and sends what the session has to say, until
/// either has ended.
class H2Exchange {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// What the rest of a connection does about that. Not called from inside the session.
  class Observer {
   public:
    virtual ~Observer() = default;
    /// Bytes have been parsed.
    virtual void received(Time now) = 0;
    /// What may leave now has been sent, or there is nothing to send any more.
    virtual void sent() = 0;
    /// Reading has come to the end of the bytes, or failed: end() is to be called.
    virtual void lost() = 0;
    virtual void ended() = 0;
  };

  H2Exchange(std::unique_ptr<SocketChannel> channel, H2Role role, H2Events& events, Observer& observer,
             const H2Life& life, H2NuisanceBudget nuisance);
  ~H2Exchange();
  H2Exchange(const H2Exchange&) = delete;
  H2Exchange& operator=(const H2Exchange&) = delete;

  /// Sends the preface and begins to read. `early`: what the peer has sent already.
  void start(std::span<const std::byte> early);
  /// Sends what there is to send. The peer's end is for the reader to find, who may have much to read before
  /// it.
  void transmit();
  /// The same, from the loop.
  void transmit_soon();
  /// transmit() when the socket takes more.
  void await_wire();
  void end(std::string why);
  bool over() const { return over_; }
  bool can_send() const { return !over_ && !wire_.failed(); }
  const std::string& why() const { return why_; }
  H2Session& session() { return session_; }
  const H2Session& session() const { return session_; }
  H2Wire& wire() { return wire_; }
  const H2Wire& wire() const { return wire_; }

 private:
  void listen();
  void receive();
  bool receive_some();
  bool take_in(std::span<const std::byte> bytes);
  void take_in_later(std::span<const std::byte> early);

  const H2Life& life_;
  Observer& observer_;
  H2Wire wire_;
  H2Session session_;
  bool awaiting_wire_ = false;
  bool transmit_posted_ = false;
  bool over_ = false;
  std::string why_;
};

}  // namespace cfpipe::transport
