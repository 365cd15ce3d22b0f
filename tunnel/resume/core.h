#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tunnel/resume/receiver.h"
#include "tunnel/resume/sender.h"
#include "tunnel/resume/times.h"

namespace cfpipe::tunnel {

/// How many times kFinishLimit an end may wait for the other to consume the last bytes without any progress:
/// a minute, for one whose reader is stopped.
inline constexpr int kUnmovedLooks = 12;

/// The state machine behind ResumableStream, whose functions these are. Each callback of a carrier comes here
/// first: what the tunnel's two directions wait for may come of either.
class ResumeCore {
 public:
  ResumeCore(boost::asio::any_io_executor executor, const ResumeTimes& times);

  bool attach(std::unique_ptr<Stream> carrier, std::uint64_t next);
  void detach();
  void give_up(End how, const std::string& detail);
  IoStatus fill();
  void consume(std::size_t bytes);
  Stream::Took take(std::span<Slice> slices);
  IoStatus flush();
  IoStatus finish();
  bool still_finishing();
  void await_reading(Stream::Callback callback);
  void discard();
  void await_writing(Stream::Callback callback);
  void await_gone(Stream::Callback callback);
  void close();

  /// Nothing can be written any more, and nothing is read but what was.
  bool over() const { return closed_ || (end_ != End::open && end_ != End::clean) || gone_; }

  std::unique_ptr<Stream> carrier_;
  ResumeSender sender_;
  ResumeReceiver receiver_;
  std::optional<Reset> last_words_;  ///< what finish() tells in place of a FIN
  bool trusts_ends_ = true;          ///< of carriers
  End carrier_end_ = End::open;      ///< of the last that has gone by itself
  Stream::Callback detached_;
  End end_ = End::open;
  std::string detail_;
  std::uint16_t close_code_ = 0;

 private:
  void lost();
  /// What there is to write to: none as well when the carrier takes nothing any more.
  Stream* sink() const { return read_out_ ? nullptr : carrier_.get(); }
  void write_failed();
  void skim();
  void retire(std::unique_ptr<Stream> carrier);
  bool react(const FrameDecoder::Events& events);
  IoStatus drive();
  void acknowledge_soon();
  void acknowledge_now();
  void watch_for_stall();
  void await_stall();
  void progressed();
  void listen();
  void carrier_readable();
  bool reads_by_itself() const { return discarding_ || receiver_.at_end(); }
  void read_on();
  void reach_end();
  void drop_payload();
  void send_on(bool& waited);
  void wake(Stream::Callback& waiting);

  boost::asio::any_io_executor executor_;
  const ResumeTimes times_;
  std::optional<Reset> reset_;  ///< has come behind what is read
  Stream::Callback reader_;
  Stream::Callback writer_;
  Stream::Callback gone_waiter_;
  bool listening_ = false;       ///< for what the carrier brings
  bool discarding_ = false;      ///< no one reads but this
  bool waits_for_room_ = false;  ///< of the carrier
  bool next_turn_ = false;       ///< of sending what is sent again, waited for
  bool read_out_ = false;        ///< the carrier takes nothing any more, and goes with what it has brought
  bool gone_ = false;            ///< ended in peace by the other end, which will not come back
  bool closed_ = false;
  bool ack_due_ = false;            ///< the timer runs
  bool watching_ = false;           ///< the same
  std::uint64_t finishing_at_ = 0;  ///< acknowledged at the last look of still_finishing()
  int unmoved_ = 0;                 ///< how often it found nothing new
  boost::asio::steady_timer ack_timer_;
  boost::asio::steady_timer stall_timer_;
  boost::asio::steady_timer rest_timer_;                 ///< of a carrier that is read out
  std::chrono::steady_clock::time_point progress_at_{};  ///< since then bytes wait without an ACK
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace cfpipe::tunnel
