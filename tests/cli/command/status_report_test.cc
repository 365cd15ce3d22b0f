#include "cli/command/status_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/parse.hpp>
#include <ctime>

namespace cfpipe::cli {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;  // 2023-11-14 22:13:20 UTC

OpenSession session(int process, std::int64_t since, std::string application, std::string user = {},
                    std::string listens = {}, std::optional<TunnelCounts> tunnels = {}) {
  OpenSession out;
  out.process = process;
  out.since = since;
  out.application = std::move(application);
  out.user = std::move(user);
  out.listens = std::move(listens);
  out.tunnels = tunnels;
  return out;
}

class StatusReport : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

TEST_F(StatusReport, NothingIsSaidToBeNone) {
  EXPECT_EQ(Status().text(kNow), "Signed in\n  none\nCertificates in files\n  none\nOpen sessions\n  none\n");
  EXPECT_EQ(Status().json(), "{\"signed_in\":[],\"certificates\":[],\"sessions\":[]}\n");
}

TEST_F(StatusReport, ColumnsFitTheirWidestEntry) {
  Status status;
  status.sign_ins = {{"vm.example.com", "auth.example.com", "ann@example.com", kNow + 4 * 3600 + 300, ""},
                     {"", "auth.example.com", "ann@example.com", kNow - 90, ""},
                     {"a.example.com", "", "", 0, "is no token"}};
  EXPECT_EQ(status.text(kNow).substr(0, status.text(kNow).find("Certificates")),
            "Signed in\n"
            "  vm.example.com                         ann@example.com  until 2023-11-15 02:18 (4h 5m)\n"
            "  every application of auth.example.com  ann@example.com  expired 1m 30s ago\n"
            "  a.example.com                          is no token\n");
}

TEST_F(StatusReport, CertificatesAndSessionsSayForWhomAndSinceWhen) {
  Status status;
  status.certificates = {{"/home/ann/.cloudflared/vm-cf_key-cert.pub", {"ann", "root"}, kNow + 61}};
  status.sessions = {session(42, kNow - 2 * 86400, "vm.example.com", "root"),
                     session(43, kNow - 5, "db.example.com", "", "127.0.0.1:5432"), session(44, kNow, "")};
  const std::string text = status.text(kNow);
  EXPECT_EQ(
      text.substr(text.find("Certificates")),
      "Certificates in files\n"
      "  /home/ann/.cloudflared/vm-cf_key-cert.pub  for ann, root  until 2023-11-14 22:14 (1m 1s)\n"
      "Open sessions\n"
      "  vm.example.com            as root                    since 2023-11-12 22:13 (2d)  process 42\n"
      "  db.example.com            listens on 127.0.0.1:5432  since 2023-11-14 22:13 (5s)  process 43\n"
      "  named by its environment                             since 2023-11-14 22:13 (0s)  process 44\n");
}

TEST_F(StatusReport, SessionsSayWhetherTheyHaveAConnection) {
  const std::int64_t lost = kNow - 12, yesterday = kNow - 86400;
  Status status;
  status.sessions = {session(1, kNow, "a", "", "", TunnelCounts{1, 0, 0, 0}),
                     session(2, kNow, "a", "", "", TunnelCounts{1, 0, 0, 1}),
                     session(3, kNow, "a", "", "", TunnelCounts{1, 1, lost, 2}),
                     session(4, kNow, "a", "", "unix:/s", TunnelCounts{0, 0, 0, 0}),
                     session(5, kNow, "a", "", "unix:/s", TunnelCounts{1, 0, 0, 0}),
                     session(6, kNow, "a", "", "unix:/s", TunnelCounts{3, 2, yesterday, 0})};
  status.sessions[0].destination = "b:22";
  EXPECT_EQ(
      status.text(kNow),
      "Signed in\n  none\nCertificates in files\n  none\nOpen sessions\n"
      "  a for b:22                      since 2023-11-14 22:13 (0s)  process 1  attached\n"
      "  a                               since 2023-11-14 22:13 (0s)  process 2  attached, resumed once\n"
      "  a                               since 2023-11-14 22:13 (0s)  process 3  "
      "no connection since 22:13 (12s), dialling again, resumed 2 times\n"
      "  a           listens on unix:/s  since 2023-11-14 22:13 (0s)  process 4  no tunnels\n"
      "  a           listens on unix:/s  since 2023-11-14 22:13 (0s)  process 5  1 tunnel\n"
      "  a           listens on unix:/s  since 2023-11-14 22:13 (0s)  process 6  "
      "3 tunnels, 2 without a connection since 2023-11-13 22:13 (1d), dialling again\n");
}

TEST_F(StatusReport, WhatFilesHoldCannotDriveTheTerminal) {
  Status status;
  status.sign_ins = {{"vm\x1b[2J", "", "ann\n@example.com", 0, ""}};
  status.certificates = {{"/a", {"x\x07"}, 0}};
  const std::string text = status.text(kNow);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
}

TEST_F(StatusReport, JsonHasTheSameAndTellsProblemsApart) {
  Status status;
  status.sign_ins = {{"vm", "auth", "ann@example.com", kNow, ""}, {"db", "auth", "", 0, "is no token"}};
  status.certificates = {{"/f", {"ann"}, kNow}};
  status.sessions = {session(42, kNow, "vm", "ann"),
                     session(43, kNow, "vm", "", "", TunnelCounts{1, 0, 0, 3}),
                     session(44, kNow, "vm", "", "unix:/s", TunnelCounts{3, 2, kNow, 0})};
  status.sessions[1].destination = "db:5432";
  EXPECT_EQ(boost::json::parse(status.json()), boost::json::parse(R"({
    "signed_in": [{"application": "vm", "auth_domain": "auth", "identity": "ann@example.com", "expires": 1700000000},
                  {"application": "db", "auth_domain": "auth", "problem": "is no token"}],
    "certificates": [{"file": "/f", "principals": ["ann"], "expires": 1700000000}],
    "sessions": [{"application": "vm", "destination": "", "user": "ann", "listens": "", "since": 1700000000, "process": 42},
                 {"application": "vm", "destination": "db:5432", "user": "", "listens": "", "since": 1700000000, "process": 43,
                  "state": "attached", "tunnels": 1, "detached": 0, "resumed": 3},
                 {"application": "vm", "destination": "", "user": "", "listens": "unix:/s", "since": 1700000000, "process": 44,
                  "state": "detached", "tunnels": 3, "detached": 2, "detached_since": 1700000000, "resumed": 0}]})"));
}

}  // namespace
}  // namespace cfpipe::cli
