#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "relay_fixture.h"
#include "tunnel/loop_pipe.h"
#include "tunnel/resume/resumable_stream.h"

namespace cfpipe::tunnel {

/// A carrier that is cut, for both its ends, when `left` bytes have passed; what it holds then is lost.
/// `step`: it takes so many bytes at once. `holds`: they leave with flush() only.
struct Cut {
  std::size_t left = std::numeric_limits<std::size_t>::max();
  std::size_t step = std::numeric_limits<std::size_t>::max();
  bool holds = false;
};

class CutCarrier final : public Stream {
 public:
  CutCarrier(std::unique_ptr<Stream> inner, std::shared_ptr<Cut> cut)
      : inner_(std::move(inner)), cut_(std::move(cut)) {}
  IoStatus fill() override { return broken_ ? IoStatus::failed : inner_->fill(); }
  std::span<Slice> ready() override { return inner_->ready(); }
  void consume(std::size_t bytes) override { inner_->consume(bytes); }
  void on_readable(Callback callback) override { inner_->on_readable(std::move(callback)); }
  Took take(std::span<Slice> slices) override {
    if (cut_->left == 0) return broken();
    if (full_ && !pass_on()) return {IoStatus::would_block, 0};
    std::size_t done = 0;
    for (const Slice slice : slices) {
      const auto part =
          slice.first(std::min({slice.size(), cut_->step - std::min(cut_->step, done), cut_->left}));
      held_.append(reinterpret_cast<const char*>(part.data()), part.size());
      // As a carrier does that masks in place, and one that writes a header.
      std::memset(part.data() - 1, 0x55, part.size() + 1);
      cut_->left -= part.size();
      done += part.size();
      if (cut_->left == 0) return {broken().status, done};
      if (!cut_->holds) pass_on();
      if (part.size() < slice.size() || full_) return {IoStatus::would_block, done};
    }
    return {IoStatus::ok, done};
  }
  IoStatus flush() override {
    if (cut_->left == 0) return broken().status;
    return held_.empty() || pass_on() ? IoStatus::ok : IoStatus::would_block;
  }
  IoStatus finish() override { return inner_->finish(); }
  void on_writable(Callback callback) override { inner_->on_writable(std::move(callback)); }
  bool half_closes() const override { return inner_->half_closes(); }
  bool open_after_eof() const override { return inner_->open_after_eof(); }
  End end() const override {
    return inner_->end() == End::open && cut_->left == 0 ? End::cut : inner_->end();
  }
  void close() override { inner_->close(); }

 private:
  // What has come and was not read is lost, but not what is in ready().
  Took broken() {
    if (!std::exchange(broken_, true)) {
      inner_->breaks_off();
      inner_->finish();
    }
    return {IoStatus::failed, 0};
  }
  bool pass_on() {
    std::string room(kHeadroom, '\0');
    room += held_;
    std::array<Slice, 1> slices = {
        Slice(reinterpret_cast<std::byte*>(room.data()) + kHeadroom, held_.size())};
    held_.erase(0, inner_->take(slices).bytes);
    full_ = !held_.empty();
    return !full_;
  }

  std::unique_ptr<Stream> inner_;
  std::shared_ptr<Cut> cut_;
  std::string held_;
  bool full_ = false;
  bool broken_ = false;
};

/// The two ends of a resumable tunnel, each behind a relay to a stream whose peer is the test, and carriers
/// between them, of which the next comes when one has gone.
struct ResumePair {
  explicit ResumePair(std::function<Cut()> next_cut, Faults faults = {})
      : next(std::move(next_cut)),
        user(loop.get_executor(), faults),
        server(loop.get_executor(), faults),
        client(loop.get_executor(), true, kTimes),
        edge(loop.get_executor(), true, kTimes) {
    client.on_detached([this] { connect(); });
    edge.on_detached([this] { connect(); });
  }

  void connect() {
    // Where one end is complete, and so knows the tunnel no more, the other has only missed to be told.
    if (client_outcome) return edge.give_up(End::cut, "");
    if (edge_outcome) return client.give_up(End::cut, "");
    const auto client_lacks = client.detach();
    const auto edge_lacks = edge.detach();
    const auto cut = std::make_shared<Cut>(next());
    auto [one, other] = make_loop_pipe(loop.get_executor(), loop.get_executor());
    ++carriers;
    EXPECT_TRUE(client.attach(std::make_unique<CutCarrier>(std::move(one), cut), edge_lacks));
    EXPECT_TRUE(edge.attach(std::make_unique<CutCarrier>(std::move(other), cut), client_lacks));
  }

  void start() {
    up.emplace(loop.get_executor(), user, client, times);
    down.emplace(loop.get_executor(), edge, server, times);
    up->start([this](const Outcome& outcome) { client_outcome = outcome; });
    down->start([this](const Outcome& outcome) { edge_outcome = outcome; });
    connect();
  }
  void run_for(std::chrono::milliseconds time) {
    loop.restart();
    loop.run_for(time);
  }
  /// Whether both ends have ended.
  bool run() {
    loop.restart();
    loop.run_for(kHung);
    EXPECT_EQ(user.misuse(), "");
    EXPECT_EQ(server.misuse(), "");
    return client_outcome && edge_outcome;
  }

  static constexpr ResumeTimes kTimes{5ms, 50ms};
  RelayTimes times = kShort;
  net::io_context loop;
  std::function<Cut()> next;
  MemoryStream user, server;
  ResumableStream client, edge;
  std::optional<Relay> up, down;
  std::optional<Outcome> client_outcome, edge_outcome;
  int carriers = 0;
};

}  // namespace cfpipe::tunnel
