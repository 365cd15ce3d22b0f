#include "cli/command/status_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/parse.hpp>
#include <ctime>

namespace cfpipe::cli {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;  // 2023-11-14 22:13:20 UTC

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
  status.sessions = {{42, kNow - 2 * 86400, "vm.example.com", "root", ""},
                     {43, kNow - 5, "db.example.com", "", "127.0.0.1:5432"},
                     {44, kNow, "", "", ""}};
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
  status.sessions = {{42, kNow, "vm", "ann", ""}};
  EXPECT_EQ(boost::json::parse(status.json()), boost::json::parse(R"({
    "signed_in": [{"application": "vm", "auth_domain": "auth", "identity": "ann@example.com", "expires": 1700000000},
                  {"application": "db", "auth_domain": "auth", "problem": "is no token"}],
    "certificates": [{"file": "/f", "principals": ["ann"], "expires": 1700000000}],
    "sessions": [{"application": "vm", "user": "ann", "listens": "", "since": 1700000000, "process": 42}]})"));
}

}  // namespace
}  // namespace cfpipe::cli
