#include "cli/command/diagnosis.h"

#include <gtest/gtest.h>

namespace cfpipe::cli {
namespace {

using namespace std::chrono_literals;

Diagnosis healthy() {
  Diagnosis diagnosis;
  diagnosis.host = "vm.example.com";
  diagnosis.findings = {{"dns", Finding::Result::ok, "vm.example.com is 192.0.2.7", 1'250us},
                        {"proxy", Finding::Result::skipped, "none"},
                        {"application", Finding::Result::ok, "vm.example.com of team", 12'345us}};
  return diagnosis;
}

Diagnosis denied_upgrade() {
  Diagnosis diagnosis = healthy();
  Failure failure(Stage::upgrade, Cause::denied, "by \"policy\"\n");
  failure.http_status = 403;
  failure.ray = "8f1-FRA";
  diagnosis.findings.push_back({"token", Finding::Result::failed, "", 700us, failure});
  diagnosis.findings.push_back({"ssh", Finding::Result::skipped, ""});
  return diagnosis;
}

TEST(Diagnosis, IsWellIfNothingFailed) {
  EXPECT_EQ(healthy().status(), kOk);
  EXPECT_EQ(healthy().failed(), nullptr);
}

TEST(Diagnosis, HasTheStatusOfTheStageThatFailed) {
  EXPECT_EQ(denied_upgrade().status(), kRefused);
  ASSERT_NE(denied_upgrade().failed(), nullptr);
}

TEST(Diagnosis, TextIsAlignedAndHasNoTrailingSpaces) {
  EXPECT_EQ(
      denied_upgrade().text(),
      "cfpipe doctor: vm.example.com\n"
      "  dns          ok         1.2 ms  vm.example.com is 192.0.2.7\n"
      "  proxy        skipped            none\n"
      "  application  ok        12.3 ms  vm.example.com of team\n"
      "  token        failed     0.7 ms  the edge refused access: by \"policy\" (status 403, ray 8f1-FRA)\n"
      "                                  fix: ask the application's administrator to allow you in its "
      "policy; to sign in as another user, run cfpipe logout first\n"
      "  ssh          skipped\n");
}

TEST(Diagnosis, TextNeverRepeatsControlCharacters) {
  Diagnosis diagnosis = healthy();
  diagnosis.findings[0].detail =
      "\x1b]0;pwn\x07\xc2\x9b"
      "31m of auth.evil.test";
  diagnosis.findings.push_back(
      {"tls", Finding::Result::failed, "", 1us, Failure(Stage::tls, Cause::tls_failed, "\x1b[2J\r\n evil")});
  for (const char c : diagnosis.text())
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f)) << static_cast<int>(c);
}

TEST(Diagnosis, JsonHasTheSameInKeysThatStay) {
  EXPECT_EQ(healthy().json(),
            R"({"host":"vm.example.com","status":0,"failed":null,"stages":[)"
            R"({"stage":"dns","result":"ok","ms":1.25E0,"detail":"vm.example.com is 192.0.2.7"},)"
            R"({"stage":"proxy","result":"skipped","ms":0E0,"detail":"none"},)"
            R"({"stage":"application","result":"ok","ms":1.2345E1,"detail":"vm.example.com of team"}]})"
            "\n");
  EXPECT_NE(denied_upgrade().json().find(R"("failed":"token","stages":[)"), std::string::npos);
  EXPECT_NE(
      denied_upgrade().json().find(
          R"({"stage":"token","result":"failed","ms":7E-1,"detail":"by \"policy\"","message":"the edge refused)"),
      std::string::npos);
  EXPECT_NE(denied_upgrade().json().find(R"("http_status":403,"ray":"8f1-FRA"})"), std::string::npos);
}

}  // namespace
}  // namespace cfpipe::cli
