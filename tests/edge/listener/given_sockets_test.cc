#include "edge/listener/given_sockets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

/// Of sd_listen_fds(3): where the sockets begin.
constexpr int kFirstDescriptor = 3;

Listener loopback(std::uint16_t port = 0) {
  return {boost::asio::ip::address_v4::loopback(), port};
}

/// Hands sockets over to a process as a service manager does, from descriptor 3 on.
class Handed : public ::testing::Test {
 protected:
  /// What `look` says in a process that was started with these sockets and variables. `of_it`: LISTEN_PID is
  /// that process's.
  static std::string in_process(const std::vector<int>& sockets, const std::string& names,
                                const std::function<std::string()>& look, bool of_it = true) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      // Out of the way of those that take their places.
      const int out = ::fcntl(pipe[1], F_DUPFD_CLOEXEC, 64);
      std::vector<int> moved;
      for (const int socket : sockets) moved.push_back(socket < 0 ? -1 : ::fcntl(socket, F_DUPFD, 64));
      for (std::size_t i = 0; i < moved.size(); ++i) {
        const int place = kFirstDescriptor + static_cast<int>(i);
        ::close(place);
        if (moved[i] >= 0) ::dup2(moved[i], place);
      }
      ::setenv("LISTEN_PID", std::to_string(::getpid() + (of_it ? 0 : 1)).c_str(), 1);
      ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
      if (!names.empty()) ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
      const std::string said = look();
      ::_exit(::write(out, said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    ::close(pipe[1]);
    std::string said;
    std::array<char, 1024> buffer{};
    for (ssize_t got = 0; (got = ::read(pipe[0], buffer.data(), buffer.size())) > 0;)
      said.append(buffer.data(), static_cast<std::size_t>(got));
    ::close(pipe[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "the process has ended by itself";
    return said;
  }
  /// The fault of taking them all over; "taken" if there is none.
  static std::string taken_over() {
    const auto given = GivenSockets::of_environment();
    return given ? "taken" : given.error().detail;
  }
  static std::string place_of(int fd) { return listener_of(fd)->text(); }

  Fd first_ = open_listener(loopback(), kListenName).value();
  Fd second_ = open_listener(loopback(), kAdminListenName).value();
};

TEST_F(Handed, WithoutNamesTheFirstIsListenAndTheSecondAdminListen) {
  // Looked at here: in the process, other sockets have these numbers.
  const Listener first = *listener_of(first_.get()), second = *listener_of(second_.get());
  const auto look = [&] {
    auto given = GivenSockets::of_environment().value();
    const auto listen = given.take(kListenName, first);
    const auto admin = given.take(kAdminListenName, second);
    return place_of(listen->get()) + " " + place_of(admin->get());
  };
  EXPECT_EQ(in_process({first_.get(), second_.get()}, "", look), first.text() + " " + second.text());
}

TEST_F(Handed, NamesSayWhichIsWhich) {
  const Listener second = *listener_of(second_.get());
  const auto look = [&] {
    auto given = GivenSockets::of_environment().value();
    const auto listen = given.take(kListenName, second);
    return place_of(listen->get()) + (given.all_taken() ? ", all" : ", not all");
  };
  EXPECT_EQ(in_process({first_.get(), second_.get()}, "admin_listen:listen", look),
            second.text() + ", not all");
}

TEST_F(Handed, ThoseOfAnotherProcessAreLeftAlone) {
  const auto look = [] {
    auto given = GivenSockets::of_environment().value();
    const auto listen = given.take(kListenName, loopback());
    return std::string(*listen ? "taken" : "left") + (given.all_taken() ? ", none is over" : "");
  };
  EXPECT_EQ(in_process({first_.get()}, "", look, false), "left, none is over");
}

TEST_F(Handed, ProgramsThatAreStartedGetNeitherSocketsNorVariables) {
  const auto look = [] {
    const auto given = GivenSockets::of_environment();
    const bool closes = (::fcntl(kFirstDescriptor, F_GETFD) & FD_CLOEXEC) != 0;
    bool named = false;
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
      named = named || std::getenv(name) != nullptr;
    return std::string(closes ? "closes" : "stays") + (named ? ", named" : ", unnamed");
  };
  EXPECT_EQ(in_process({first_.get()}, "listen", look), "closes, unnamed");
}

TEST_F(Handed, ASocketHasToListenWhereTheConfigurationSays) {
  const std::uint16_t port = listener_of(first_.get())->port();
  const struct {
    Listener wanted;
    bool fits;
  } rows[] = {{loopback(port), true},
              {loopback(0), true},
              {loopback(port == 65535 ? 1024 : static_cast<std::uint16_t>(port + 1)), false},
              {{boost::asio::ip::make_address("127.0.0.2"), port}, false},
              {{boost::asio::ip::make_address("::1"), port}, false},
              {Listener::at_path("/run/edge.sock"), false}};
  for (const auto& row : rows) {
    const auto look = [&] {
      const auto taken = GivenSockets::of_environment()->take(kListenName, row.wanted);
      return taken ? (*taken ? std::string("fits") : std::string("none")) : taken.error().detail;
    };
    const std::string said = in_process({first_.get()}, "listen", look);
    if (row.fits)
      EXPECT_EQ(said, "fits") << row.wanted.text();
    else
      EXPECT_NE(said.find(": make them the same"), std::string::npos) << row.wanted.text() << ": " << said;
  }
}

TEST_F(Handed, OneThatWasKeptIsClosedWhereItDoesNotFit) {
  const Listener here = *listener_of(first_.get());
  for (const auto& [wanted, fits] : {std::pair(here, true), std::pair(loopback(1), false)}) {
    const auto look = [&, place = wanted] {
      auto given = GivenSockets::of_environment().value();
      const auto taken = given.take(kListenName, place);
      const bool open = ::fcntl(kFirstDescriptor, F_GETFD) >= 0;
      return std::string(taken.value() ? "taken" : "none") + (open ? ", open" : ", closed") +
             (given.all_taken() ? "" : ", one is over");
    };
    EXPECT_EQ(in_process({first_.get()}, "kept-listen", look), fits ? "taken, open" : "none, closed");
  }
}

TEST_F(Handed, WhatDoesNotListenIsRefused) {
  const Fd unbound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Fd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const int fd : {unbound.get(), datagrams.get(), file.get()})
    EXPECT_NE(in_process({fd}, "", &taken_over).find("is not a socket that listens"), std::string::npos);
  EXPECT_NE(in_process({-1}, "", &taken_over).find("is not open"), std::string::npos);
}

TEST_F(Handed, NamesAndNumbersThatMakeNoSenseAreRefused) {
  const int a = first_.get(), b = second_.get();
  const struct {
    std::vector<int> sockets;
    std::string names, says;
  } rows[] = {{{a, b}, "listen", "has 1 names for 2 sockets"},
              {{a, b}, "listen:listen", "has 'listen' twice"},
              {{a, b}, "listen:other", "'other' is neither listen nor admin_listen"},
              {{a, b, a}, "", "has 3 sockets; there is one for listen"},
              {{a, b, a, b, a}, "", "no number of sockets up to 4"}};
  for (const auto& row : rows) {
    const std::string said = in_process(row.sockets, row.names, &taken_over);
    EXPECT_NE(said.find(row.says), std::string::npos) << row.names << ": " << said;
  }
}

TEST_F(Handed, UnixDomainSocketsAreKnownByTheirPath) {
  const TempDir dir;
  const Listener place = Listener::at_path(dir / "edge.sock");
  const Fd socket = open_listener(place, kListenName).value();
  for (const auto& [path, fits] :
       {std::pair(dir / "edge.sock", true), std::pair(dir / "other.sock", false)}) {
    const auto look = [&, wanted = path] {
      const auto taken = GivenSockets::of_environment()->take(kListenName, Listener::at_path(wanted));
      return std::string(taken && *taken ? "taken" : "refused");
    };
    EXPECT_EQ(in_process({socket.get()}, "", look), fits ? "taken" : "refused");
  }
}

}  // namespace
}  // namespace cfpipe::edge
