#include "cli/console/messages.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/stage_name.h"

namespace cfpipe::cli {
namespace {

std::vector<Cause> all_causes() {
  std::vector<Cause> causes;
  for (int i = 0; i <= static_cast<int>(Cause::internal); ++i) causes.push_back(static_cast<Cause>(i));
  return causes;
}

TEST(Messages, EveryCauseHasWordsOfItsOwn) {
  std::set<std::string_view> seen;
  for (const Cause cause : all_causes()) {
    const Words words = words_for(cause);
    EXPECT_FALSE(words.what.empty());
    EXPECT_NE(words.what, "something unknown went wrong") << static_cast<int>(cause);
    EXPECT_TRUE(seen.insert(words.what).second) << words.what;
  }
}

TEST(Messages, WhatIsNotListedHasWordsOfItsOwn) {
  std::set<std::string_view> seen;
  for (const Cause cause : all_causes()) seen.insert(words_for(cause).what);
  for (const NotListed why : {NotListed::not_signed_in, NotListed::sign_in_expired,
                              NotListed::sign_in_rejected, NotListed::no_list}) {
    const Words words = words_for(why);
    EXPECT_TRUE(seen.insert(words.what).second) << words.what;
    EXPECT_FALSE(words.hint.empty());
    EXPECT_EQ(words.status, why == NotListed::no_list ? kUnavailable : kRefused);
  }
  const Failure failure(Stage::login, Cause::token_missing, "auth.example.com\x1b");
  EXPECT_EQ(what_text(failure, words_for(NotListed::not_signed_in)),
            "you are not signed in at this edge: auth.example.com?");
}

TEST(Messages, EveryCauseSaysWhatToDo) {
  for (const Cause cause : all_causes())
    EXPECT_FALSE(words_for(cause).hint.empty()) << static_cast<int>(cause);
}

TEST(Messages, EveryCauseHasADocumentedExitStatus) {
  const std::set<int> documented{kUsage, kUnavailable, kInternal, kLost, kProtocol, kRefused, kConfiguration};
  for (const Cause cause : all_causes()) EXPECT_EQ(documented.count(words_for(cause).status), 1U);
}

TEST(Messages, ExitStatusesAreThoseThatScriptsDependOn) {
  const std::map<Cause, int> expected{{Cause::bad_hostname, 64},
                                      {Cause::bad_option, 64},
                                      {Cause::name_not_found, 69},
                                      {Cause::refused, 69},
                                      {Cause::timed_out, 69},
                                      {Cause::origin_down, 69},
                                      {Cause::system_short, 78},
                                      {Cause::internal, 70},
                                      {Cause::edge_unavailable, 69},
                                      {Cause::too_many_requests, 69},
                                      {Cause::tls_certificate_unfit, 69},
                                      {Cause::lost, 75},
                                      {Cause::peer_silent, 75},
                                      {Cause::protocol_violation, 76},
                                      {Cause::bad_accept, 76},
                                      {Cause::denied, 77},
                                      {Cause::login_failed, 77},
                                      {Cause::login_timed_out, 77},
                                      {Cause::token_rejected, 77},
                                      {Cause::sign_refused, 77},
                                      {Cause::service_token_rejected, 77},
                                      {Cause::state_foreign_owner, 78},
                                      {Cause::state_unreadable, 78}};
  for (const auto& [cause, status] : expected)
    EXPECT_EQ(words_for(cause).status, status) << words_for(cause).what;
}

TEST(Messages, EveryStageHasAName) {
  std::set<std::string_view> seen;
  for (int i = 0; i <= static_cast<int>(Stage::tunnel); ++i) {
    EXPECT_TRUE(seen.insert(stage_name(static_cast<Stage>(i))).second) << i;
  }
}

TEST(Messages, ALineNamesStageFactsAndWhatToDo) {
  Failure failure(Stage::upgrade, Cause::upgrade_redirected);
  failure.http_status = 301;
  failure.location_host = "www.example.com";
  failure.ray = "8f1-FRA";
  EXPECT_EQ(
      line_for(failure),
      "cfpipe: upgrade: the edge sends this request elsewhere (status 301, to www.example.com, ray 8f1-FRA); "
      "check the hostname, that it is an Access application, and that WebSockets are turned on");
}

TEST(Messages, ALineStaysOneLineWhateverThePeerSaid) {
  Failure failure(Stage::certificate, Cause::sign_refused, "one\ntwo\x1b[31m\r" + std::string(5000, 'x'));
  failure.ray = "a\nb";
  failure.location_host = "c\nd";
  const std::string line = line_for(failure);
  for (const char c : line) EXPECT_GE(c, ' ');
  EXPECT_LT(line.size(), 1000U);
  EXPECT_NE(line.find("short-lived certificates"), std::string::npos);
}

TEST(Messages, ATunnelThatEndedCleanlySaysNothing) {
  tunnel::Outcome outcome;
  outcome.near = tunnel::End::clean;
  outcome.far = tunnel::End::clean;
  EXPECT_FALSE(failure_of(outcome));
  outcome.near = tunnel::End::open;
  EXPECT_FALSE(failure_of(outcome));
}

TEST(Messages, ATunnelThatBrokeSaysHow) {
  const std::map<tunnel::End, int> expected{{tunnel::End::cut, 75},
                                            {tunnel::End::silent, 75},
                                            {tunnel::End::protocol, 76},
                                            {tunnel::End::local, 75},
                                            {tunnel::End::dismissed, 77}};
  for (const auto& [end, status] : expected) {
    tunnel::Outcome outcome;
    outcome.near = tunnel::End::clean;
    outcome.far = end;
    const auto failure = failure_of(outcome);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->stage, Stage::tunnel);
    EXPECT_EQ(words_for(failure->cause).status, status);
  }
}

TEST(Messages, AReaderThatWentAwayIsNoFailure) {
  tunnel::Outcome outcome;
  outcome.near = tunnel::End::cut;
  outcome.far = tunnel::End::open;
  EXPECT_FALSE(failure_of(outcome));
  outcome.near = tunnel::End::local;
  EXPECT_TRUE(failure_of(outcome));
}

TEST(Messages, TheLoginUrlStandsAloneOnTheLastLine) {
  const std::string url = "https://vm.example.com/cdn-cgi/access/cli?token=x";
  for (const auto& text :
       {login_text(url, {}, true), login_text(url, {}, false), login_text(url, "ABCD-EFGH", true),
        waiting_text(url, {}), waiting_text(url, "ABCD-EFGH")}) {
    EXPECT_TRUE(text.ends_with("\n" + url + "\n")) << text;
    EXPECT_TRUE(text.starts_with("cfpipe: login: ")) << text;
  }
}

TEST(Messages, TheCodeOfALoginStandsBesideTheUrl) {
  for (const bool opened : {true, false}) {
    const auto text = login_text("https://h/", "ABCD-EFGH", opened);
    EXPECT_NE(text.find("; if the page shows a code, it must be ABCD-EFGH:\nhttps://h/\n"), std::string::npos)
        << text;
    EXPECT_EQ(login_text("https://h/", {}, opened).find("code"), std::string::npos);
  }
}

TEST(Messages, TheCodeOfAnotherProcessesLoginStandsBesideItsUrl) {
  EXPECT_NE(waiting_text("https://h/", "ABCD-EFGH")
                .find("; if the page shows a code, it must be ABCD-EFGH:\nhttps://h/\n"),
            std::string::npos);
  for (const char* url : {"https://h/", ""})
    EXPECT_EQ(waiting_text(url, {}).find("code"), std::string::npos) << url;
}

TEST(Messages, ALoginSaysAsWhomAndUntilWhen) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  constexpr std::int64_t kNow = 1'700'000'000;  // 2023-11-14 22:13:20 UTC
  EXPECT_EQ(logged_in_text("ann@example.com", kNow + 3599, kNow),
            "cfpipe: login: you are logged in as ann@example.com until 23:13 (1h)\n");
  EXPECT_EQ(logged_in_text("ann@example.com", kNow + 8 * 3600 - 2, kNow),
            "cfpipe: login: you are logged in as ann@example.com until 2023-11-15 06:13 (8h)\n");
  EXPECT_EQ(logged_in_text("ann@example.com", kNow + 30, kNow),
            "cfpipe: login: you are logged in as ann@example.com until 22:13 (30s)\n");
  EXPECT_EQ(logged_in_text("ann@example.com", 0, kNow),
            "cfpipe: login: you are logged in as ann@example.com\n");
  EXPECT_EQ(logged_in_text("", kNow - 1, kNow), "cfpipe: login: you are logged in\n");
}

TEST(Messages, ABrowserThatOpenedAndOneThatDidNotAreToldApart) {
  EXPECT_NE(browser_failed_text("x exited with status 1", false).find("no browser could be opened: x"),
            std::string::npos);
  EXPECT_EQ(browser_failed_text("x exited with status 1", true).find("no browser"), std::string::npos);
}

}  // namespace
}  // namespace cfpipe::cli
