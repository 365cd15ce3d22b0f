// One end of a resumable tunnel whose other end, whose carriers and whose user do what the input says: what
// leaves is what was written, from where the other end has it, and nothing is read twice.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <memory>
#include <optional>

#include "fuzz.h"
#include "tunnel/resume/frames.h"
#include "tunnel/resume/resumable_stream.h"

namespace {

using cfpipe::fuzz::Input;
using cfpipe::fuzz::require;
using namespace cfpipe::tunnel;

/// Bytes that are written at most by one input.
constexpr std::size_t kMostWritten = 1 << 20;

std::byte written_at(std::uint64_t number) {
  return static_cast<std::byte>(number * 131 >> 3);
}

/// What the other end does to a carrier, which outlives it.
struct Peer {
  std::string said, heard;
  std::uint64_t next = 0;  ///< number of the first byte that it lacks
  std::size_t room = 0;    ///< for what is written
  End how = End::open;
  bool broken = false;  ///< takes nothing any more
  bool closed = false;
};

class Carrier final : public Stream {
 public:
  explicit Carrier(std::shared_ptr<Peer> peer) : peer_(std::move(peer)) {}
  IoStatus fill() override {
    require(ready_[0].empty(), "what has come is consumed first");
    if (peer_->said.empty()) {
      if (peer_->how == End::open) return IoStatus::would_block;
      return peer_->how == End::clean ? IoStatus::eof : IoStatus::failed;
    }
    buffer_.resize(kHeadroom + peer_->said.size());
    std::memcpy(buffer_.data() + kHeadroom, peer_->said.data(), peer_->said.size());
    ready_[0] = {buffer_.data() + kHeadroom, peer_->said.size()};
    peer_->said.clear();
    return IoStatus::ok;
  }
  std::span<Slice> ready() override {
    return ready_[0].empty() ? std::span<Slice>{} : std::span<Slice>(ready_);
  }
  void consume(std::size_t bytes) override {
    require(bytes <= ready_[0].size(), "no more is consumed than there is");
    ready_[0] = ready_[0].subspan(bytes);
  }
  void on_readable(Callback) override {}
  Took take(std::span<Slice> slices) override {
    if (peer_->broken) return {IoStatus::failed, 0};
    std::size_t done = 0;
    for (Slice slice : slices) {
      const auto count = std::min(slice.size(), peer_->room);
      peer_->heard.append(reinterpret_cast<const char*>(slice.data()), count);
      peer_->room -= count;
      done += count;
      std::fill_n(slice.data(), count, std::byte{0x55});  // as one that masks in place
      if (count < slice.size()) return {IoStatus::would_block, done};
    }
    return {IoStatus::ok, done};
  }
  IoStatus flush() override { return peer_->broken ? IoStatus::failed : IoStatus::ok; }
  IoStatus finish() override { return flush(); }
  void on_writable(Callback) override {}
  bool half_closes() const override { return true; }
  bool open_after_eof() const override { return true; }
  End end() const override { return peer_->how == End::open && peer_->broken ? End::cut : peer_->how; }
  void close() override { peer_->closed = true; }

 private:
  std::shared_ptr<Peer> peer_;
  std::vector<std::byte> buffer_;
  std::array<Slice, 1> ready_{};
};

class Play {
 public:
  explicit Play(Input input) : input_(input) {}

  void run() {
    while (!input_.rest().empty()) {
      step(input_.byte());
      loop_.restart();
      loop_.poll();
    }
    check_peers();
  }

 private:
  void step(std::uint8_t what) {
    Peer& peer = *peers_.back();
    switch (what % 12) {
      case 0:
        return attach();
      case 1:
        peer.said += input_.take(input_.byte());
        return;
      case 2:
        return read(input_.byte());
      case 3:
        return write(std::size_t{input_.byte()} * 64);
      case 4:
        (void)stream_.flush();
        return;
      case 5:
        peer.broken = true;
        return;
      case 6:
        peer.how = input_.byte() % 2 == 0 ? End::clean : End::cut;
        return;
      case 7:
        return detach();
      case 8:
        finished_ = true;
        (void)stream_.finish();
        return;
      case 9:
        stream_.discard();
        discarded_ = true;
        return;
      case 10:
        peer.room += std::size_t{input_.byte()} * 16;
        return;
      default:
        stream_.leave("the end");
        return;
    }
  }
  // As who brings carriers does: what is lacked is told first.
  void attach() {
    detach();
    auto peer = std::make_shared<Peer>();
    peer->next = input_.byte() * std::uint64_t{input_.byte()};
    if (stream_.attach(std::make_unique<Carrier>(peer), peer->next)) {
      require(peer->next <= written_ + (finished_ ? 1 : 0), "no one lacks what was never written");
    } else {
      require(peer->closed, "a carrier that is not taken is closed");
    }
    peers_.push_back(std::move(peer));
    attached_ = true;
  }
  void detach() {
    const auto lacks = stream_.detach();
    require(lacks >= lacked_, "what was told stays true");
    if (!discarded_ && !attached_) require(lacks == 0, "nothing comes without a carrier");
    lacked_ = lacks;
  }
  void read(std::size_t most) {
    if (discarded_) return;
    if (stream_.ready().empty() && stream_.fill() != IoStatus::ok) return;
    while (most > 0 && !stream_.ready().empty()) {
      const auto count = std::min(most, stream_.ready().front().size());
      stream_.consume(count);
      most -= count;
    }
  }
  void write(std::size_t size) {
    if (finished_ || written_ + size > kMostWritten || size == 0) return;
    std::vector<std::byte> room(kHeadroom + size);
    for (std::size_t i = 0; i < size; ++i) room[kHeadroom + i] = written_at(written_ + i);
    std::array<Slice, 1> slices = {Slice(room.data() + kHeadroom, size)};
    const auto took = stream_.take(slices);
    require(took.bytes <= size && (took.status != IoStatus::ok || took.bytes == size), "all is taken or not");
    written_ += took.bytes;
  }
  void check_peers() {
    for (const auto& peer : peers_) {
      FrameDecoder decoder;
      FrameDecoder::Events events;
      std::vector<Slice> payload;
      require(decoder.feed({reinterpret_cast<std::byte*>(peer->heard.data()), peer->heard.size()}, payload,
                           events),
              "frames leave that a decoder takes");
      std::uint64_t number = peer->next;
      for (const Slice slice : payload)
        for (const std::byte one : slice) require(one == written_at(number++), "what was written arrives");
      require(payload.empty() || number <= written_, "and nothing else");
    }
  }

  Input input_;
  boost::asio::io_context loop_;
  std::vector<std::shared_ptr<Peer>> peers_ = {std::make_shared<Peer>()};  // of which the first is none's
  ResumableStream stream_{loop_.get_executor(), true};
  std::uint64_t written_ = 0;
  std::uint64_t lacked_ = 0;
  bool attached_ = false;
  bool finished_ = false;
  bool discarded_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(Input(data, size)).run();
  return 0;
}
