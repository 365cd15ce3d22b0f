#include "cli/session/hangup_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>

namespace cfpipe::cli {
namespace {

using namespace std::chrono_literals;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void close_reader() { close(ends_[0]); }
  void close_writer() { close(ends_[1]); }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

class HangUpTest : public ::testing::Test {
 protected:
  /// Everything that is due by now has run.
  int calls_now() {
    loop.restart();
    loop.poll();
    return calls;
  }
  std::function<void()> count() {
    return [this] { ++calls; };
  }
  boost::asio::io_context loop;
  int calls = 0;
};

TEST_F(HangUpTest, BothEndsOfThePipesGoneIsGone) {
  Pipe in, out;
  const HangUpWatch watch(loop.get_executor(), in.reader(), out.writer(), count());
  EXPECT_EQ(calls_now(), 0);
  in.close_writer();
  EXPECT_EQ(calls_now(), 0) << "who has said all may still listen";
  out.close_reader();
  EXPECT_EQ(calls_now(), 1);
  EXPECT_EQ(calls_now(), 1) << "once";
}

TEST_F(HangUpTest, InWhicheverOrderTheyGo) {
  Pipe in, out;
  const HangUpWatch watch(loop.get_executor(), in.reader(), out.writer(), count());
  out.close_reader();
  EXPECT_EQ(calls_now(), 0) << "who does not listen may still have something to say";
  in.close_writer();
  EXPECT_EQ(calls_now(), 1);
}

TEST_F(HangUpTest, WhatWasGoneBeforeIsNoticedAndUnreadBytesDoNotHideIt) {
  Pipe in, out;
  ASSERT_EQ(::write(in.writer(), "x", 1), 1);
  in.close_writer();
  out.close_reader();
  const HangUpWatch watch(loop.get_executor(), in.reader(), out.writer(), count());
  EXPECT_EQ(calls_now(), 1);
}

TEST_F(HangUpTest, ASocketIsGoneWhenBothItsDirectionsAre) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const int again = ::dup(ends[0]);
  const HangUpWatch watch(loop.get_executor(), ends[0], again, count());
  ::shutdown(ends[1], SHUT_WR);
  EXPECT_EQ(calls_now(), 0);
  ::close(ends[1]);
  EXPECT_EQ(calls_now(), 1);
  ::close(again);
  ::close(ends[0]);
}

TEST_F(HangUpTest, AFileForInputNeedsNoWriter) {
  Pipe out;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const HangUpWatch watch(loop.get_executor(), null, out.writer(), count());
  EXPECT_EQ(calls_now(), 0);
  out.close_reader();
  EXPECT_EQ(calls_now(), 1);
  ::close(null);
}

TEST_F(HangUpTest, AFileForOutputIsNeverGone) {
  Pipe in;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const HangUpWatch watch(loop.get_executor(), in.reader(), null, count());
  in.close_writer();
  EXPECT_EQ(calls_now(), 0);
  ::close(null);
}

TEST_F(HangUpTest, NothingIsCalledBehindTheWatch) {
  Pipe in, out;
  {
    const HangUpWatch watch(loop.get_executor(), in.reader(), out.writer(), count());
    EXPECT_EQ(calls_now(), 0);
    in.close_writer();
    out.close_reader();
  }
  EXPECT_EQ(calls_now(), 0);
}

// The other file of that number must not be taken off instead, nor looked at for ever.
TEST_F(HangUpTest, ADescriptorThatMeansAnotherFileByNowCostsNothing) {
  Pipe in, out;
  const int kept = ::dup(out.writer());  // as a shell has it that waits for us
  const HangUpWatch watch(loop.get_executor(), in.reader(), out.writer(), count());
  EXPECT_EQ(calls_now(), 0);
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(::dup2(null, out.writer()), 0);
  ::close(null);
  out.close_reader();
  loop.restart();
  EXPECT_LT(loop.run_for(50ms), 10U);
  EXPECT_EQ(calls, 0);
  ::close(kept);
}

// A child that watches the process which forked it, and tells what it saw by its exit status.
TEST(ParentWatch, TellsWhenTheParentHasEnded) {
  Pipe told;
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    Pipe ready;
    if (::fork() == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      boost::asio::io_context loop;
      bool gone = false;
      const ParentWatch watch(loop.get_executor(), null, null, [&gone] { gone = true; });
      (void)!::write(ready.writer(), "r", 1);
      loop.run_for(20s);
      (void)!::write(told.writer(), gone ? "g" : "n", 1);
      ::_exit(0);
    }
    char byte = 0;
    (void)!::read(ready.reader(), &byte, 1);
    ::_exit(0);
  }
  told.close_writer();
  char byte = 0;
  EXPECT_EQ(::read(told.reader(), &byte, 1), 1);
  EXPECT_EQ(byte, 'g');
  EXPECT_EQ(::waitpid(parent, nullptr, 0), parent);
}

TEST(ParentWatch, IgnoresTheParentWhereThereIsSomethingToReadOrWrite) {
  Pipe in;
  boost::asio::io_context loop;
  const ParentWatch watch(loop.get_executor(), in.reader(), in.writer(), [] { FAIL(); });
  EXPECT_EQ(loop.poll(), 0U);
}

}  // namespace
}  // namespace cfpipe::cli
