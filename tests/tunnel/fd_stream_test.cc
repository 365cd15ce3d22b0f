#include "tunnel/fd_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "base/platform/own_file.h"
#include "tunnel/relay.h"

namespace cfpipe::tunnel {
namespace {
namespace net = boost::asio;
using namespace std::chrono_literals;

bool non_blocking(const Fd& fd) {
  return (::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) != 0;
}

std::pair<Fd, Fd> make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::pair<Fd, Fd> make_sockets() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

Fd temp_file(std::string_view content) {
  std::string name = "/tmp/cfpipe-fd-XXXXXX";
  const int fd = ::mkstemp(name.data());
  ::unlink(name.c_str());
  EXPECT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
  ::lseek(fd, 0, SEEK_SET);
  return Fd(fd);
}

std::string read_all(int fd) {
  std::string out;
  std::array<char, 4096> room{};
  for (ssize_t got = 0; (got = ::read(fd, room.data(), room.size())) > 0;)
    out.append(room.data(), static_cast<std::size_t>(got));
  return out;
}

class FdStreamTest : public ::testing::Test {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
  std::unique_ptr<Stream> make(int in, int out, bool owned = false) {
    return make_fd_stream(loop.get_executor(), in, out, owned);
  }
  static Stream::Took put(Stream& stream, std::string text) {
    std::vector<std::byte> room(kHeadroom + text.size());
    std::memcpy(room.data() + kHeadroom, text.data(), text.size());
    std::array<Slice, 1> slices = {Slice(room.data() + kHeadroom, text.size())};
    return stream.take(slices);
  }
  static std::string text_of(Stream& stream) {
    std::string out;
    for (const auto& slice : stream.ready())
      out.append(reinterpret_cast<const char*>(slice.data()), slice.size());
    return out;
  }
  net::io_context loop;
};

TEST_F(FdStreamTest, SetsDescriptorsNonBlockingAndPutsTheirFlagsBack) {
  auto [in, in_peer] = make_pipe();
  auto [out_peer, out] = make_pipe();
  auto stream = make(in.get(), out.get());
  EXPECT_TRUE(non_blocking(in));
  EXPECT_TRUE(non_blocking(out));
  stream->close();
  EXPECT_FALSE(non_blocking(in));
  EXPECT_FALSE(non_blocking(out));
  EXPECT_GE(::fcntl(in.get(), F_GETFD), 0) << "a descriptor that is not owned stays open";
}

TEST_F(FdStreamTest, PutsTheFlagsBackWhereBothNumbersAreOneOpenFile) {
  auto [one, peer] = make_sockets();
  const Fd same(::dup(one.get()));
  make(one.get(), same.get())->close();
  EXPECT_FALSE(non_blocking(one)) << "as a terminal's standard input and output are";
}

TEST_F(FdStreamTest, PutsTheFlagsBackAfterTheEndWasPassedOn) {
  auto [one, peer] = make_sockets();
  const Fd same(::dup(one.get()));
  auto stream = make(one.get(), same.get());
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  stream.reset();
  EXPECT_FALSE(non_blocking(one));
}

TEST_F(FdStreamTest, KeepsFlagsThatWereNonBlockingBefore) {
  auto [in, peer] = make_pipe();
  ::fcntl(in.get(), F_SETFL, ::fcntl(in.get(), F_GETFL) | O_NONBLOCK);
  make(in.get(), in.get())->close();
  EXPECT_TRUE(non_blocking(in));
}

TEST_F(FdStreamTest, ReadsWhatIsThereThenBlocksThenMeetsTheEnd) {
  auto [in, peer] = make_pipe();
  auto stream = make(in.get(), in.get());
  EXPECT_EQ(stream->fill(), IoStatus::would_block);
  ASSERT_EQ(::write(peer.get(), "hello", 5), 5);
  ASSERT_EQ(stream->fill(), IoStatus::ok);
  EXPECT_EQ(text_of(*stream), "hello");
  stream->consume(2);
  EXPECT_EQ(text_of(*stream), "llo");
  stream->consume(3);
  EXPECT_TRUE(stream->ready().empty());
  EXPECT_EQ(stream->end(), End::open);
  peer = Fd();
  EXPECT_EQ(stream->fill(), IoStatus::eof);
  EXPECT_EQ(stream->end(), End::clean);
}

// Reading address 0 of this process fails with EIO, as a file on a failing disk does.
TEST_F(FdStreamTest, AFileThatCannotBeReadIsNotAtItsEnd) {
  const Fd broken(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  ASSERT_GE(broken.get(), 0);
  auto stream = make(broken.get(), broken.get());
  EXPECT_EQ(stream->fill(), IoStatus::failed);
  EXPECT_EQ(stream->end(), End::local);
  EXPECT_EQ(stream->end_detail(), "Input/output error");
}

TEST_F(FdStreamTest, ATerminalThatHungUpIsAtItsEnd) {
  for (const bool master_stays : {true, false}) {
    Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_GE(master.get(), 0);
    ASSERT_EQ(::grantpt(master.get()) + ::unlockpt(master.get()), 0);
    Fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_GE(terminal.get(), 0);
    (master_stays ? terminal : master) = Fd();
    const int left = (master_stays ? master : terminal).get();
    auto stream = make(left, left);
    EXPECT_EQ(stream->fill(), IoStatus::eof) << master_stays;
    EXPECT_EQ(stream->end(), End::clean);
  }
}

TEST_F(FdStreamTest, APeerThatLeftBytesUnreadHasBrokenOff) {
  auto [mine, peer] = make_sockets();
  auto stream = make(mine.get(), mine.get());
  EXPECT_EQ(put(*stream, "unread").status, IoStatus::ok);
  peer = Fd();
  EXPECT_EQ(stream->fill(), IoStatus::failed);
  EXPECT_EQ(stream->end(), End::cut);
  EXPECT_EQ(stream->end_detail(), "Connection reset by peer");
}

TEST_F(FdStreamTest, NamesADiskThatIsFull) {
  auto [in, in_peer] = make_pipe();
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  auto stream = make(in.get(), full.get());
  EXPECT_EQ(put(*stream, "x").status, IoStatus::failed);
  EXPECT_EQ(stream->end(), End::local);
  EXPECT_EQ(stream->end_detail(), "No space left on device");
}

TEST_F(FdStreamTest, PassesTheEndOfAPipeOn) {
  auto [in, in_peer] = make_pipe();
  auto [out_peer, out] = make_pipe();
  const int number = out.get();
  auto stream = make(in.get(), number);
  EXPECT_EQ(put(*stream, "last").status, IoStatus::ok);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  EXPECT_EQ(read_all(out_peer.get()), "last") << "and the end, or this would not return";
  EXPECT_GE(::fcntl(number, F_GETFD), 0) << "the number stays taken";
  ASSERT_EQ(::write(in_peer.get(), "x", 1), 1);
  EXPECT_EQ(stream->fill(), IoStatus::ok) << "the other direction goes on";
}

TEST_F(FdStreamTest, PassesTheEndOfASocketOn) {
  auto [mine, peer] = make_sockets();
  auto stream = make(mine.get(), mine.get());
  EXPECT_EQ(put(*stream, "last").status, IoStatus::ok);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  EXPECT_EQ(read_all(peer.get()), "last");
  ASSERT_EQ(::write(peer.get(), "more", 4), 4);
  ASSERT_EQ(stream->fill(), IoStatus::ok);
  EXPECT_EQ(text_of(*stream), "more");
}

TEST_F(FdStreamTest, ABreakIsNotTheEndOfASocket) {
  auto [ours, theirs] = make_sockets();
  const auto stream = make(ours.get(), ours.get());
  EXPECT_EQ(put(*stream, "so far").status, IoStatus::ok);
  stream->breaks_off();
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  stream->close();
  char room[16];
  EXPECT_EQ(::recv(theirs.get(), room, sizeof room, MSG_DONTWAIT), 6);
  EXPECT_EQ(::recv(theirs.get(), room, sizeof room, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

/// Two ends of a TCP connection.
std::pair<Fd, Fd> make_tcp_pair() {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* where = static_cast<sockaddr*>(static_cast<void*>(&address));
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), where, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), where, &size), 0);
  Fd one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(one.get(), where, size), 0);
  return {std::move(one), Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
}

TEST_F(FdStreamTest, ABreakResetsTheConnectionOfATcpStream) {
  auto [ours, theirs] = make_tcp_pair();
  const auto stream = make_tcp_stream(loop.get_executor(), ::dup(ours.get()));
  ours = Fd();
  stream->breaks_off();
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  stream->close();
  char room[16];
  EXPECT_EQ(::recv(theirs.get(), room, sizeof room, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(FdStreamTest, ATcpStreamThatIsDroppedInTheMiddleIsReset) {
  auto [ours, theirs] = make_tcp_pair();
  make_tcp_stream(loop.get_executor(), ::dup(ours.get())).reset();
  ours = Fd();
  char room[16];
  EXPECT_EQ(::recv(theirs.get(), room, sizeof room, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(FdStreamTest, ATcpStreamThatBothSidesHaveEndedIsNotReset) {
  auto [ours, theirs] = make_tcp_pair();
  const auto stream = make_tcp_stream(loop.get_executor(), ::dup(ours.get()));
  ours = Fd();
  EXPECT_EQ(put(*stream, "last").status, IoStatus::ok);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  ASSERT_EQ(::shutdown(theirs.get(), SHUT_WR), 0);
  EXPECT_EQ(stream->fill(), IoStatus::eof);
  stream->close();
  EXPECT_EQ(read_all(theirs.get()), "last");
}

// The system tells of a reset once, to the first that writes.
TEST_F(FdStreamTest, AResetThatAWriteHasMetIsNoEndForTheReader) {
  auto [ours, theirs] = make_tcp_pair();
  const auto stream = make_tcp_stream(loop.get_executor(), ::dup(ours.get()));
  ours = Fd();
  const linger at_once{1, 0};
  ::setsockopt(theirs.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  theirs = Fd();
  EXPECT_EQ(put(*stream, "lost").status, IoStatus::failed);
  EXPECT_EQ(stream->fill(), IoStatus::failed);
  EXPECT_EQ(stream->end(), End::cut);
}

TEST_F(FdStreamTest, ABreakIsPassedOnAsTheEndOfAPipe) {
  auto [in, feed] = make_pipe();
  auto [drain, out] = make_pipe();
  const auto stream = make(in.get(), out.get());
  stream->breaks_off();
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  EXPECT_EQ(read_all(drain.get()), "");
}

TEST_F(FdStreamTest, NamesAReaderThatHasGone) {
  auto [in, in_peer] = make_pipe();
  auto [out_peer, out] = make_pipe();
  auto stream = make(in.get(), out.get());
  out_peer = Fd();
  EXPECT_EQ(put(*stream, "x").status, IoStatus::failed);
  EXPECT_EQ(stream->end(), End::cut);
  EXPECT_EQ(stream->end_detail(), "Broken pipe");
}

TEST_F(FdStreamTest, TakesNoMoreThanAPipeHolds) {
  auto [in, in_peer] = make_pipe();
  auto [out_peer, out] = make_pipe();
  auto stream = make(in.get(), out.get());
  const std::string much(4 << 20, 'm');
  const auto took = put(*stream, much);
  EXPECT_EQ(took.status, IoStatus::would_block);
  EXPECT_GT(took.bytes, 0U);
  EXPECT_LT(took.bytes, much.size());
  bool writable = false;
  stream->on_writable([&] { writable = true; });
  loop.poll();
  EXPECT_FALSE(writable);
  std::string drained(took.bytes, '\0');
  ASSERT_EQ(::read(out_peer.get(), drained.data(), drained.size()), static_cast<ssize_t>(took.bytes));
  loop.run_one_for(5s);
  EXPECT_TRUE(writable);
}

TEST_F(FdStreamTest, WidensThePipeOfABulkStreamOnly) {
  auto [in, in_peer] = make_pipe();
  auto [out_peer, out] = make_pipe();
  auto stream = make(in.get(), out.get());
  const int narrow = ::fcntl(out.get(), F_GETPIPE_SZ);
  put(*stream, "a key press");
  EXPECT_EQ(::fcntl(out.get(), F_GETPIPE_SZ), narrow);
  put(*stream, std::string(kReadBytes, 'b'));
  EXPECT_GT(::fcntl(out.get(), F_GETPIPE_SZ), narrow);
}

TEST_F(FdStreamTest, TakesMoreSlicesThanOneSystemCallDoes) {
  auto [in, in_peer] = make_pipe();
  auto [out_peer, out] = make_pipe();
  auto stream = make(in.get(), out.get());
  std::vector<std::byte> room(3000, std::byte{'s'});
  std::vector<Slice> slices;
  for (auto& byte : room) slices.emplace_back(&byte, 1);
  const auto took = stream->take(slices);
  EXPECT_EQ(took.status, IoStatus::ok);
  EXPECT_EQ(took.bytes, 3000U);
  stream->finish();
  EXPECT_EQ(read_all(out_peer.get()), std::string(3000, 's'));
}

TEST_F(FdStreamTest, ReadsARegularFileToItsEnd) {
  const std::string content(200'000, 'f');
  const Fd file = temp_file(content);
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto stream = make(file.get(), null.get());
  std::string got;
  for (;;) {
    bool called = false;
    stream->on_readable([&] { called = true; });
    EXPECT_FALSE(called) << "never from inside the call";
    loop.restart();
    loop.run_one_for(5s);
    ASSERT_TRUE(called);
    const auto status = stream->fill();
    if (status == IoStatus::eof) break;
    ASSERT_EQ(status, IoStatus::ok);
    got += text_of(*stream);
    stream->consume(text_of(*stream).size());
  }
  EXPECT_EQ(got, content);
}

TEST_F(FdStreamTest, DevNullIsAtItsEndAndAlwaysTakes) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto stream = make(null.get(), null.get());
  bool readable = false;
  bool writable = false;
  stream->on_readable([&] { readable = true; });
  stream->on_writable([&] { writable = true; });
  loop.run_for(5s);
  EXPECT_TRUE(readable && writable);
  EXPECT_EQ(stream->fill(), IoStatus::eof);
  EXPECT_EQ(put(*stream, "x").status, IoStatus::ok);
}

TEST_F(FdStreamTest, DropsCallbacksWhenClosed) {
  auto [in, peer] = make_pipe();
  const Fd file = temp_file("x");
  auto piped = make(in.get(), in.get());
  auto regular = make(file.get(), file.get());
  int calls = 0;
  piped->on_readable([&] { ++calls; });
  regular->on_readable([&] { ++calls; });
  ASSERT_EQ(::write(peer.get(), "x", 1), 1);
  piped->close();
  regular->close();
  loop.run_for(5s);
  EXPECT_EQ(calls, 0);
}

TEST_F(FdStreamTest, ClosesWhatItOwns) {
  auto [mine, peer] = make_sockets();
  const int fd = ::dup(mine.get());
  mine = Fd();
  make(fd, fd, true).reset();
  EXPECT_EQ(read_all(peer.get()), "");
}

TEST_F(FdStreamTest, RelaysFilesAndPipesByteExactly) {
  std::string content(777'777, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 + i / 251);
  const Fd file = temp_file(content);
  const Fd sink = temp_file("");
  const Fd sink_again(::dup(sink.get()));  // finish() gives the number itself to /dev/null
  auto [left, right] = make_sockets();
  auto near = make(file.get(), sink.get());
  auto far = make(left.get(), left.get());
  // The echo at the other end of the socket.
  auto echo_in = make(right.get(), right.get());
  auto [echo_out, echo_back] = make_pipe();
  auto echo = make(echo_out.get(), echo_back.get());
  Relay relay(loop.get_executor(), *near, *far);
  Relay echoing(loop.get_executor(), *echo_in, *echo);
  std::optional<Outcome> outcome;
  net::co_spawn(loop, relay.run(), [&](std::exception_ptr, Outcome result) { outcome = result; });
  net::co_spawn(loop, echoing.run(), [](std::exception_ptr, Outcome) {});
  loop.run_for(20s);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->near_to_far, content.size());
  EXPECT_EQ(outcome->far_to_near, content.size());
  ::lseek(sink_again.get(), 0, SEEK_SET);
  const std::string copy = read_all(sink_again.get());
  const auto differ = std::mismatch(copy.begin(), copy.end(), content.begin(), content.end());
  EXPECT_EQ(copy.size(), content.size());
  EXPECT_TRUE(copy == content) << "first difference at byte " << differ.first - copy.begin();
}

}  // namespace
}  // namespace cfpipe::tunnel
