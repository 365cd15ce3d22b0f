#include "service/systemd.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "base/platform/own_file.h"
#include "base/text.h"
#include "support/temp_dir.h"

namespace cfpipe::service {
namespace {

/// The service manager's end.
class Listener {
 public:
  explicit Listener(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const void* where = &address;
    EXPECT_EQ(::bind(socket_.get(), static_cast<const sockaddr*>(where), size), 0) << name;
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  /// What has arrived by now; empty: nothing.
  std::string next() {
    std::array<char, 256> text{};
    const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
  }

 private:
  Fd socket_;
};

TEST(ServiceManager, IsToldWhatHappensAtAPathOrAnAbstractName) {
  const TempDir dir;
  for (const std::string& name : {dir / "notify", "@cfpipe-test-" + std::to_string(::getpid())}) {
    Listener listener(name);
    const ServiceManager manager;
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
    manager.ready();
    EXPECT_EQ(listener.next(), "READY=1") << name;
    manager.status("3 tunnels");
    EXPECT_EQ(listener.next(), "STATUS=3 tunnels");
    manager.reloading();
    const std::string said = listener.next();
    const std::string start = "RELOADING=1\nMONOTONIC_USEC=";
    ASSERT_TRUE(said.starts_with(start)) << said;
    EXPECT_GT(std::stoll(said.substr(start.size())), 0);
    manager.stopping();
    EXPECT_EQ(listener.next(), "STOPPING=1");
    EXPECT_EQ(listener.next(), "");
    manager.stopping(std::chrono::hours(8));
    EXPECT_EQ(listener.next(), "STOPPING=1");
    EXPECT_EQ(listener.next(), "EXTEND_TIMEOUT_USEC=28800000000");
    manager.keep("kept-listen", 0);
    EXPECT_EQ(listener.next(), "FDSTORE=1\nFDNAME=kept-listen");
    manager.forget("kept-listen");
    EXPECT_EQ(listener.next(), "FDSTOREREMOVE=1\nFDNAME=kept-listen");
  }
}

TEST(ServiceManager, HearsOfTheLoopOnlyIfItWatchesThisProcess) {
  const TempDir dir;
  const std::string us = std::to_string(::getpid());
  for (const auto& [microseconds, pid, heard] :
       {std::tuple("30000000", us.c_str(), "WATCHDOG=1"), std::tuple("30000000", "", "WATCHDOG=1"),
        std::tuple("30000000", "1", ""), std::tuple("", us.c_str(), "")}) {
    Listener listener(dir / ("notify-" + random_id()));
    ::setenv("WATCHDOG_USEC", microseconds, 1);
    ::setenv("WATCHDOG_PID", pid, 1);
    const ServiceManager manager;
    EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
    manager.alive();
    EXPECT_EQ(listener.next(), heard) << microseconds << " " << pid;
  }
}

TEST(ServiceManager, MayBeAbsentOrGone) {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceManager().ready();
  for (const std::string& name : {std::string("/nonexistent/notify"), std::string("relative"),
                                  "/" + std::string(200, 'x'), std::string("vsock:1:2")}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    ServiceManager().ready();
  }
}

}  // namespace
}  // namespace cfpipe::service
