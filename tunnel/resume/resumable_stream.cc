#include "tunnel/resume/resumable_stream.h"

#include <utility>

#include "tunnel/resume/core.h"

namespace cfpipe::tunnel {

ResumableStream::ResumableStream(boost::asio::any_io_executor executor, bool open_after_eof,
                                 const ResumeTimes& times)
    : core_(std::make_unique<ResumeCore>(std::move(executor), times)), open_after_eof_(open_after_eof) {}

ResumableStream::~ResumableStream() {
  core_->close();
}

bool ResumableStream::attach(std::unique_ptr<Stream> carrier, std::uint64_t next) {
  return core_->attach(std::move(carrier), next);
}
std::uint64_t ResumableStream::detach() {
  core_->detach();
  return core_->receiver_.next_expected();
}
void ResumableStream::distrust_ends() {
  core_->trusts_ends_ = false;
}
bool ResumableStream::was_acknowledged() const {
  return core_->sender_.acknowledged_to() > 0;
}
std::uint64_t ResumableStream::heard() const {
  return core_->receiver_.next_expected() + core_->sender_.acknowledged_to();
}
End ResumableStream::carrier_end() const {
  return core_->carrier_end_;
}
void ResumableStream::on_detached(Callback callback) {
  core_->detached_ = std::move(callback);
}
void ResumableStream::give_up(End how, const std::string& detail) {
  core_->give_up(how, detail);
}
void ResumableStream::leave(const std::string& why) {
  if (!core_->last_words_) core_->last_words_ = Reset{ResetCode::going_away, why};
}

IoStatus ResumableStream::fill() {
  return core_->fill();
}
std::span<Slice> ResumableStream::ready() {
  return core_->receiver_.ready();
}
void ResumableStream::consume(std::size_t bytes) {
  core_->consume(bytes);
}
void ResumableStream::on_readable(Callback callback) {
  core_->await_reading(std::move(callback));
}
void ResumableStream::discard() {
  core_->discard();
}
Stream::Took ResumableStream::take(std::span<Slice> slices) {
  return core_->take(slices);
}
IoStatus ResumableStream::flush() {
  return core_->flush();
}
void ResumableStream::breaks_off() {
  if (!core_->last_words_) core_->last_words_ = Reset{ResetCode::broken_off, {}};
}
IoStatus ResumableStream::finish() {
  return core_->finish();
}
bool ResumableStream::still_finishing() {
  return core_->still_finishing();
}
void ResumableStream::dismiss(const std::string& why) {
  core_->last_words_ = Reset{ResetCode::dismissed, why};
}
void ResumableStream::on_writable(Callback callback) {
  core_->await_writing(std::move(callback));
}
void ResumableStream::on_gone(Callback callback) {
  core_->await_gone(std::move(callback));
}
End ResumableStream::end() const {
  return core_->end_;
}
std::string ResumableStream::end_detail() const {
  return core_->detail_;
}
std::uint16_t ResumableStream::peer_close_code() const {
  return core_->close_code_;
}
void ResumableStream::check(std::chrono::milliseconds limit) {
  if (core_->carrier_) core_->carrier_->check(limit);
}
void ResumableStream::close() {
  core_->close();
}

}  // namespace cfpipe::tunnel
