// A listener at a Unix-domain socket: its file, the programs that it admits, and what comes through it.
#include "edge/listener/unix_listener.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "edge/http/client_source.h"
#include "edge/listener/given_sockets.h"
#include "edge/mirror_site.h"
#include "edge/raw_client.h"

namespace cfpipe::edge {
namespace {
namespace net = boost::asio;
using ::testing::HasSubstr;

/// A group that no account of the distribution has as its own.
constexpr const char* kGroupName = "tty";

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto* at = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (::connect(fd, at, sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

bool answers(const std::string& path) {
  const Fd connected(connect_to(path));
  return static_cast<bool>(connected);
}

class UnixListener : public ::testing::Test {
 protected:
  UnixListener() { ::chmod((dir_ / ".").c_str(), 0755); }
  /// What is wrong; nothing if it listens.
  std::string fault(const Listener& where) {
    const auto opened = open_listener(where, kListenName);
    return opened ? "" : opened.error().detail;
  }
  mode_t mode() const {
    struct stat info {};
    ::lstat(path_.c_str(), &info);
    return info.st_mode & ~static_cast<mode_t>(S_IFMT);
  }

  TempDir dir_;
  const std::string path_ = dir_ / "http.sock";
  const Listener where_ = Listener::at_path(path_);
};

TEST_F(UnixListener, LetsItsUserInAlone) {
  const mode_t umask_before = ::umask(0);
  const auto socket = open_listener(where_, kListenName);
  ::umask(umask_before);
  ASSERT_TRUE(socket) << socket.error().detail;
  EXPECT_EQ(mode(), 0600u);
  EXPECT_TRUE(answers(path_));
  ASSERT_TRUE(listener_of(socket->get()));
  EXPECT_EQ(listener_of(socket->get())->text(), "unix:" + path_);
}

TEST_F(UnixListener, LetsAGroupInThatIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root is sure to be able to give a file away";
  const auto socket = open_listener(Listener::at_path(path_, kGroupName), kListenName);
  ASSERT_TRUE(socket) << socket.error().detail;
  struct stat info {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(mode(), 0660u);
  EXPECT_NE(info.st_gid, ::getegid());
  ASSERT_TRUE(admit_group(where_)) << "the configuration has changed";
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_EQ(mode(), 0600u);
  EXPECT_EQ(info.st_gid, ::getegid());
}

TEST_F(UnixListener, AGroupThatIsNotThereIsAFaultThatLeavesNothingBehind) {
  EXPECT_THAT(fault(Listener::at_path(path_, "no-such-group")),
              HasSubstr("there is no group 'no-such-group'"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListener, AFileWhoseProcessHasGoneIsReplaced) {
  { const auto gone = open_listener(where_, kListenName); }
  ASSERT_TRUE(std::filesystem::exists(path_));
  ASSERT_FALSE(answers(path_));
  const auto socket = open_listener(where_, kListenName);
  ASSERT_TRUE(socket) << socket.error().detail;
  EXPECT_TRUE(answers(path_));
}

TEST_F(UnixListener, OneThatAProcessListensAtIsLeftAlone) {
  const auto first = open_listener(where_, kListenName);
  ASSERT_TRUE(first);
  EXPECT_EQ(fault(where_), "cannot listen on unix:" + path_ +
                               ": another process listens there; end it, or name another path");
  EXPECT_TRUE(answers(path_));
}

TEST_F(UnixListener, WhatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "a file";
  EXPECT_THAT(fault(where_), HasSubstr("what is there is no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(dir_ / "elsewhere", path_);
  EXPECT_THAT(fault(where_), HasSubstr("what is there is no socket"));
}

TEST_F(UnixListener, ADirectoryThatOthersMayWriteIsNotTaken) {
  for (const mode_t mode : {0775u, 0757u}) {
    ASSERT_EQ(::chmod((dir_ / ".").c_str(), mode), 0);
    EXPECT_THAT(fault(where_), HasSubstr("may be written by others"));
  }
  ASSERT_EQ(::chmod((dir_ / ".").c_str(), 01777), 0);
  EXPECT_EQ(fault(where_), "") << "with a sticky bit only its owner replaces a file";
  EXPECT_THAT(fault(Listener::at_path(dir_ / "missing/http.sock")), HasSubstr("missing: No such file"));
}

TEST_F(UnixListener, IsInPlaceWhileItsFileIs) {
  const auto socket = open_listener(where_, kListenName);
  ASSERT_TRUE(socket);
  EXPECT_TRUE(is_in_place(where_));
  std::filesystem::remove(path_);
  EXPECT_FALSE(is_in_place(where_));
  std::ofstream(path_) << "a file";
  EXPECT_FALSE(is_in_place(where_));
  EXPECT_TRUE(is_in_place({net::ip::address_v4::loopback(), 0}));
}

TEST(ListenerText, IsWhatAConfigurationHas) {
  EXPECT_EQ(parse_listener("[::1]:443", std::nullopt)->text(), "[::1]:443");
  EXPECT_EQ(parse_listener("10.0.0.1", 443)->text(), "10.0.0.1:443");
  EXPECT_EQ(Listener::at_path("/run/edge.sock").text(), "unix:/run/edge.sock");
  EXPECT_EQ(parse_socket_path("unix:/run/edge.sock"), "/run/edge.sock");
  const std::string most = "/" + std::string(kMaxSocketPathBytes - 1, 'x');
  EXPECT_EQ(parse_socket_path("unix:" + most), most);
  for (const std::string& bad :
       {std::string("unix:"), std::string("unix:run/edge.sock"), std::string("unix://run/edge"),
        std::string("unix:/run/"), std::string("/run/edge.sock"), std::string("unix:@edge"),
        std::string("unix:/run/a\nb"), "unix:" + most + "x"})
    EXPECT_FALSE(parse_socket_path(bad)) << bad;
}

class AtUnixSocket : public RawEdgeTest {
 protected:
  AtUnixSocket() : RawEdgeTest(mirror_) {
    options_.encrypted = false;
    options_.listen = Listener::at_path(path_);
    options_.proxies.unix_socket = true;
  }
  std::string ask(const std::string& headers, const std::string& before = {}) {
    const Fd socket(connect_to(path_));
    const std::string text = before + "GET / HTTP/1.1\r\nHost: vm.localhost\r\n" + headers + "\r\n";
    if (!socket || ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return "no connection";
    const timeval limit{kRawDeadline.count(), 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string out;
    std::array<char, 4096> room{};
    for (ssize_t got = 0; (got = ::recv(socket.get(), room.data(), room.size(), 0)) > 0;)
      out.append(room.data(), static_cast<std::size_t>(got));
    return out;
  }
  MirrorSite mirror_;
  const std::string path_ = dir_ / "http.sock";
};

constexpr const char* kConnectionClose = "Connection: close\r\n";

TEST_F(AtUnixSocket, RequestsAreTheClients) {
  start();
  EXPECT_EQ(port(), 0);
  EXPECT_THAT(ask(kConnectionClose + std::string("X-Forwarded-For: 192.0.2.7\r\n")),
              HasSubstr("from 192.0.2.7."));
  EXPECT_THAT(ask(kConnectionClose + std::string("Forwarded: for=\"[2001:db8::7]\"\r\n")),
              HasSubstr("from 2001:db8::7."));
  EXPECT_THAT(ask("X-Forwarded-For: 192.0.2.7\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"),
              HasSubstr("no tunnel from 192.0.2.7."));
}

TEST_F(AtUnixSocket, RequestsThatNameNoClientAreRefused) {
  start();
  for (const char* hidden : {"", "X-Forwarded-For: unknown\r\n", "Forwarded: for=_hidden\r\n",
                             "X-Forwarded-For: 0.0.0.0\r\n", "Forwarded: proto=https\r\n"}) {
    const auto heard = ask(kConnectionClose + std::string(hidden));
    EXPECT_THAT(heard, HasSubstr("HTTP/1.1 400 ")) << hidden;
    EXPECT_THAT(heard, HasSubstr("does not say who the client is")) << hidden;
  }
}

TEST_F(AtUnixSocket, ProxiesOfProxiesAreTrustedAsElsewhere) {
  options_.proxies.ranges = {parse_ip_range("10.0.0.0/24").value()};
  start();
  EXPECT_THAT(ask(kConnectionClose + std::string("X-Forwarded-For: 198.51.100.1, 192.0.2.7, 10.0.0.9\r\n")),
              HasSubstr("from 192.0.2.7."));
  EXPECT_THAT(ask(kConnectionClose + std::string("X-Forwarded-For: 10.0.0.9\r\n")),
              HasSubstr("from 10.0.0.9."));
}

TEST_F(AtUnixSocket, AHeaderOfTheProxyProtocolNamesTheClientToo) {
  options_.proxies.proxy_protocol = true;
  start();
  EXPECT_THAT(ask(kConnectionClose, "PROXY TCP4 192.0.2.7 198.51.100.9 50000 443\r\n"),
              HasSubstr("from 192.0.2.7."));
  EXPECT_THAT(ask(kConnectionClose, "PROXY UNKNOWN\r\n"), HasSubstr("HTTP/1.1 400 "))
      << "a client that has no address";
}

// HAProxy and nginx write both ends of the client's connection; an origin that is told wants both as well.
TEST(UnixClientSource, TellsAnOriginOfTheClient) {
  ClientSource source;
  source.ends.edge = {net::ip::address_v4::loopback(), 0};
  Request request;
  request.peer = "192.0.2.7";
  EXPECT_EQ(proxy_header(ends_for(request, source)).size(), 28u);
}

}  // namespace
}  // namespace cfpipe::edge
