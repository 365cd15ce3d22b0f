// The channel for files, between a page that may be hostile and a server.
#include "edge/terminal/files.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/fake_ssh_server.h"
#include "tunnel/held_bytes.h"

namespace cfpipe::edge::terminal {
namespace {

namespace net = boost::asio;
using std::chrono::seconds;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // as the programs do
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    page_ = pair[0];
    window_ = std::make_unique<Window>(Window::Socket(io_, net::local::stream_protocol(), pair[1]));
  }
  void TearDown() override {
    if (files_) files_->end();
    client_.reset();
    if (server_) server_->join();
    ::close(page_);
    std::signal(SIGPIPE, SIG_DFL);
  }

  /// A shell at a server like that, and the channel's keeper.
  void connect(FakeSshServer::Options options = {}, seconds timeout = kFilesTimeout) {
    server_ = std::make_unique<FakeSshServer>(options);
    client_ = std::make_unique<SshClient>(OriginSocket(io_, {AF_UNIX, 0}, server_->take_client()), "ann", "");
    settle([this] { return client_->connect(); });
    settle([this] { return client_->log_in_without() == Step::again ? Step::again : Step::done; });
    const Secret password("right");
    settle([&] { return client_->log_in_with_password(password); });
    settle([this] { return client_->open_shell({}); });
    keep(true, timeout);
  }
  void keep(bool allowed, seconds timeout = kFilesTimeout) {
    files_ = std::make_unique<Files>(
        allowed, "vm.localhost", counters_, [this](const FilesUse& use) { used_.push_back(use); }, timeout);
  }
  template <class Op>
  void settle(Op op) {
    Step step = op();
    while (step == Step::again && wait()) step = op();
    ASSERT_EQ(step, Step::done);
  }
  bool wait() {
    client_->arm(event_, true);
    io_.restart();
    return io_.run_one_for(seconds(20)) > 0;
  }

  /// A frame of the page, as the session hands it on.
  bool say(FrameType type, std::string payload = {}) {
    return files_->take({type, std::move(payload)}, client_.get(), *window_);
  }
  bool acknowledge(std::uint64_t position) {
    return say(FrameType::files_acknowledge, R"({"position":)" + std::to_string(position) + "}");
  }
  /// What a session does once something has happened.
  void pass_on() {
    bool moved = true;
    while (moved) {
      client_->flush(files_->reads());
      moved = files_->put_out(window_.get());
      moved = files_->put_in(window_.get()) || moved;
      moved = client_->arrived() || moved;
    }
    hear();
  }
  template <class Done>
  void until(Done done) {
    for (pass_on(); !done(); pass_on()) ASSERT_TRUE(wait()) << event_text() << " " << output_.size();
  }
  void hear() {
    window_->flush();
    std::array<char, 64 * 1024> room;
    for (;;) {
      const auto got = ::recv(page_, room.data(), room.size(), MSG_DONTWAIT);
      if (got <= 0) break;
      reader_.feed({room.data(), static_cast<std::size_t>(got)});
      window_->flush();
    }
    while (auto frame = reader_.next()) {
      if (frame->type == FrameType::files_output) output_ += frame->payload;
      if (frame->type == FrameType::files_taken) taken_ = frame->payload;
      if (frame->type == FrameType::event) events_.push_back(frame->payload);
    }
  }
  std::string event_text() const { return events_.empty() ? std::string() : events_.back(); }
  bool told(const std::string& what) const { return event_text().find(what) != std::string::npos; }
  void open() {
    ASSERT_TRUE(say(FrameType::files_open));
    until([this] { return told(R"("open":true)"); });
  }

  net::io_context io_;
  std::shared_ptr<Event> event_ = std::make_shared<Event>(io_.get_executor());
  std::shared_ptr<tunnel::Counters> counters_ = std::make_shared<tunnel::Counters>();
  std::unique_ptr<FakeSshServer> server_;
  std::unique_ptr<SshClient> client_;
  std::unique_ptr<Window> window_;
  std::unique_ptr<Files> files_;
  std::vector<FilesUse> used_;
  int page_ = -1;
  FrameReader reader_;
  std::string output_;
  std::string taken_;
  std::vector<std::string> events_;
};

TEST_F(FilesTest, GoBothWaysAndAreReported) {
  connect();
  open();
  const std::string text(100'000, 'x');
  for (std::size_t at = 0; at < text.size(); at += 50'000)
    ASSERT_TRUE(say(FrameType::files_input, text.substr(at, 50'000)));
  until([&] { return output_.size() == text.size(); });
  EXPECT_EQ(output_, text);
  EXPECT_EQ(taken_, R"({"position":100000})");
  EXPECT_EQ(counters_->get(0), text.size());
  EXPECT_EQ(counters_->get(1), text.size());
  ASSERT_TRUE(say(FrameType::files_close));
  until([this] { return told(R"("code":"done")"); });
  ASSERT_EQ(used_.size(), 1u);
  EXPECT_EQ(used_[0].up_bytes, text.size());
  EXPECT_EQ(used_[0].down_bytes, text.size());
}

TEST_F(FilesTest, ThatThePageDoesNotConfirmStayWithTheServer) {
  FakeSshServer::Options options;
  options.greeting = 3 * kFilesWindowBytes;
  connect(options);
  open();
  const std::size_t before = tunnel::held_bytes();
  ASSERT_TRUE(say(FrameType::files_input, "hello"));
  until([this] { return output_.size() >= kFilesWindowBytes; });
  for (int i = 0; i < 20; ++i) pass_on();
  EXPECT_EQ(output_.size(), kFilesWindowBytes);
  EXPECT_FALSE(files_->reads()) << "what the server says next is not wanted";
  EXPECT_LE(tunnel::held_bytes() - before, 4 * kFilesWindowBytes);
  // What never was cannot have been drawn, and what has been confirmed stays so.
  EXPECT_TRUE(acknowledge(kFilesWindowBytes + 1));
  EXPECT_TRUE(acknowledge(1000));
  EXPECT_TRUE(acknowledge(10));
  until([this] { return output_.size() == kFilesWindowBytes + 1000; });
  pass_on();
  EXPECT_EQ(output_.size(), kFilesWindowBytes + 1000);
}

TEST_F(FilesTest, OfAPageThatKeepsToNoWindowEndTheSession) {
  FakeSshServer::Options options;
  options.reads = false;
  connect(options);
  open();
  const std::string part(kMaxFrameBytes, 'x');
  std::size_t sent = 0;
  bool taken = true;
  while (taken && sent < 64 * kMaxFilesInput) {
    taken = say(FrameType::files_input, part);
    sent += part.size();
    pass_on();
  }
  EXPECT_FALSE(taken) << "the server takes nothing";
  EXPECT_LE(sent, kMaxFilesInput + counters_->get(0) + part.size());
}

TEST_F(FilesTest, AreOpenedOnceAtATimeAndOnlyBesideAShell) {
  connect();
  EXPECT_FALSE(files_->take({FrameType::files_open, {}}, nullptr, *window_)) << "there is no shell yet";
  open();
  EXPECT_FALSE(say(FrameType::files_open));
}

TEST_F(FilesTest, ForNoChannelAreDropped) {
  connect();
  EXPECT_TRUE(say(FrameType::files_input, "x"));
  EXPECT_TRUE(acknowledge(7));
  EXPECT_TRUE(say(FrameType::files_close));
  EXPECT_FALSE(say(FrameType::files_acknowledge, "no position"));
  EXPECT_FALSE(say(FrameType::input, "of the terminal"));
  pass_on();
  EXPECT_TRUE(events_.empty() && used_.empty());
  open();
  pass_on();
  EXPECT_EQ(output_, "");
}

TEST_F(FilesTest, CanBeOpenedAgainAtOnceAndNotForEver) {
  FakeSshServer::Options options;
  options.channels = 2 * kMaxFilesChannels;
  connect(options);
  for (int i = 0; i < kMaxFilesChannels; ++i) {
    open();
    ASSERT_TRUE(say(FrameType::files_close));
    hear();
    ASSERT_TRUE(told(R"("code":"done")")) << i;
  }
  EXPECT_TRUE(say(FrameType::files_open));
  hear();
  EXPECT_TRUE(told(R"("code":"too_many")")) << event_text();
  EXPECT_EQ(used_.size(), static_cast<std::size_t>(kMaxFilesChannels));
}

TEST_F(FilesTest, AreRefusedWhereTheyAreSwitchedOff) {
  connect();
  keep(false);
  EXPECT_TRUE(say(FrameType::files_open));
  hear();
  EXPECT_TRUE(told(R"("code":"off")")) << event_text();
  EXPECT_TRUE(told("browser_files")) << event_text();
}

TEST_F(FilesTest, NeedASubsystemAndAChannel) {
  FakeSshServer::Options options;
  options.subsystems = false;
  connect(options);
  ASSERT_TRUE(say(FrameType::files_open));
  until([this] { return told(R"("code":"no_subsystem")"); });
  files_->end();
  client_.reset();
  server_->join();
  options.channels = 1;
  connect(options);
  ASSERT_TRUE(say(FrameType::files_open));
  until([this] { return told(R"("code":"no_channel")"); });
  EXPECT_TRUE(told("MaxSessions")) << event_text();
  EXPECT_TRUE(used_.empty());
}

TEST_F(FilesTest, WaitForAServerOnlySoLong) {
  FakeSshServer::Options options;
  options.answers = false;
  connect(options, seconds(0));
  ASSERT_TRUE(say(FrameType::files_open));
  pass_on();
  EXPECT_TRUE(told(R"("code":"timeout")")) << event_text();
  EXPECT_TRUE(files_->reads()) << "the channel is closed once the server has answered";
}

TEST_F(FilesTest, EndWithTheirPage) {
  connect();
  open();
  ASSERT_TRUE(say(FrameType::files_input, "hello"));
  until([this] { return output_.size() == 5; });
  files_->leave();
  EXPECT_EQ(used_.size(), 1u);
  until([this] { return !files_->reads(); });
  files_->end();
  EXPECT_EQ(used_.size(), 1u);
}

TEST(SshArrivals, TellAServerThatKeepsToNoWindow) {
  Arrivals arrivals;
  arrivals.note(kMaxUnread);
  EXPECT_TRUE(arrivals.any);
  EXPECT_FALSE(arrivals.overfull);
  arrivals.note(kMaxUnread + 1);
  arrivals.note(1);
  EXPECT_TRUE(arrivals.overfull);
}

}  // namespace
}  // namespace cfpipe::edge::terminal
