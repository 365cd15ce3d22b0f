#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "tunnel/resume/times.h"
#include "tunnel/stream.h"

namespace cfpipe::tunnel {

class ResumeCore;

/// One end of a tunnel that outlives what carries it. Beneath it is one carrier at a time, a stream to the
/// other end, or none: then what is written waits (kDetachedBytes), and nothing is read, until attach()
/// brings the next one. No byte is lost, doubled, or reordered. It half-closes, and finish() is ok once the
/// other end has consumed everything.
class ResumableStream final : public Stream {
 public:
  /// `open_after_eof`: whether the other end still takes bytes when it has sent all of its own. An edge does
  /// not, whose origin has ended then.
  ResumableStream(boost::asio::any_io_executor executor, bool open_after_eof, const ResumeTimes& times = {});
  ~ResumableStream() override;

  /// Drops the carrier, if there is one, and what has come over it and was not consumed. Returns the number
  /// of the next byte that the other end has to send.
  std::uint64_t detach();
  /// Goes on over `carrier`, after detach(), whose result the other end has been told. `next`: the number of
  /// the first byte that the other end lacks. False: the tunnel is over, or `next` is not held any more or
  /// was never sent; `carrier` is closed.
  bool attach(std::unique_ptr<Stream> carrier, std::uint64_t next);
  /// Carriers that end in peace say nothing of the other end: a program between the two ends what it carries
  /// in that way, whatever it has lost.
  void distrust_ends();
  /// Whether the other end has acknowledged anything.
  bool was_acknowledged() const;
  /// The same, or has sent something that was passed on. False: it may not know of this tunnel.
  bool was_heard() const { return heard() > 0; }
  /// Grows with each of these.
  std::uint64_t heard() const;
  /// How the last carrier ended that has gone by itself.
  End carrier_end() const;
  /// Called from the executor whenever the carrier has gone by itself and the tunnel has not ended.
  void on_detached(Callback callback);
  /// Ends the tunnel for good: there will be no more carriers. End::cut is End::clean where the other end has
  /// sent all that it had, and that was consumed.
  void give_up(End how, const std::string& detail);

  IoStatus fill() override;
  std::span<Slice> ready() override;
  void consume(std::size_t bytes) override;
  void on_readable(Callback callback) override;
  void discard() override;
  Took take(std::span<Slice> slices) override;
  IoStatus flush() override;
  void breaks_off() override;
  IoStatus finish() override;
  bool still_finishing() override;
  void dismiss(const std::string& why) override;
  void leave(const std::string& why) override;
  void on_writable(Callback callback) override;
  void on_gone(Callback callback) override;
  bool half_closes() const override { return true; }
  bool open_after_eof() const override { return open_after_eof_; }
  End end() const override;
  std::string end_detail() const override;
  std::uint16_t peer_close_code() const override;
  void check(std::chrono::milliseconds limit) override;
  void close() override;

 private:
  const std::unique_ptr<ResumeCore> core_;
  const bool open_after_eof_;
};

}  // namespace cfpipe::tunnel
