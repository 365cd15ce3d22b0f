#include "auth/login/application_list.h"

#include <gtest/gtest.h>

namespace cfpipe::auth {
namespace {

std::string list_of(const std::string& entry) {
  return R"({"applications":[)" + entry + "]}";
}

Failure failure_of(const std::string& body) {
  const auto list = parse_application_list(body);
  EXPECT_FALSE(list) << body.substr(0, 200);
  return list ? Failure() : list.error();
}

/// An entry of that name, which has to be refused or read.
bool takes_name(const std::string& name) {
  return parse_application_list(list_of(R"({"protocol":"ssh","hostname":")" + name + "\"}")).has_value();
}

TEST(ApplicationList, IsWhatTheEdgeAnswers) {
  const auto list = parse_application_list(
      R"({"applications":[
        {"hostname":"VM.example.com","protocol":"ssh","terminal":true,"short_lived_certificates":true,
         "command":"ssh vm.example.com","setup":"cfpipe access ssh-config"},
        {"hostname":"db.example.com/team-a","protocol":"tcp","terminal":false,"local":"127.0.0.1:5432"},
        {"hostname":"*.lab.example.com","protocol":"ssh"}],"more":1})");
  ASSERT_TRUE(list) << list.error().detail;
  ASSERT_EQ(list->size(), 3u);
  const auto& vm = (*list)[0];
  EXPECT_EQ(vm.hostname, "vm.example.com");
  EXPECT_EQ(vm.protocol, "ssh");
  EXPECT_TRUE(vm.terminal);
  EXPECT_TRUE(vm.certificates);
  EXPECT_EQ(vm.local_port, 0);
  EXPECT_FALSE(vm.names_many());
  EXPECT_EQ((*list)[1].hostname, "db.example.com/team-a");
  EXPECT_EQ((*list)[1].local_port, 5432);
  EXPECT_FALSE((*list)[1].certificates);
  EXPECT_TRUE((*list)[2].names_many());
  EXPECT_TRUE(parse_application_list(R"({"applications":[]})")->empty());
}

TEST(ApplicationList, WhatIsNoneIsRefused) {
  for (const char* body :
       {"", "[]", "null", "{}", "<html>", R"({"applications":{}})", R"({"applications":null})",
        R"({"applications":[]} {})", R"({"applications":[],"applications":[]})"})
    EXPECT_EQ(failure_of(body).cause, Cause::unexpected_status) << body;
  for (const char* entry :
       {"1", "null", "[]", "{}", R"({"hostname":"vm.example.com"})", R"({"protocol":"ssh"})",
        R"({"hostname":1,"protocol":"ssh"})", R"({"hostname":"vm.example.com","protocol":""})",
        R"({"hostname":"vm.example.com","protocol":"ssh;id"})",
        R"({"hostname":"vm.example.com","protocol":"\u001b[2J"})",
        R"({"hostname":"vm.example.com","protocol":"aaaaaaaaaaaaaaaaa"})"}) {
    const Failure failure = failure_of(list_of(entry));
    EXPECT_EQ(failure.cause, Cause::unexpected_status) << entry;
    EXPECT_EQ(failure.detail, "the list of applications: entry 1 is no application") << entry;
  }
}

TEST(ApplicationList, ANameMeansNothingToAShellOrATerminal) {
  for (const char* name :
       {"vm.example.com", "a-b.example.com/x/y-z._~", "*.example.com", "vm.example.com/*/logs"})
    EXPECT_TRUE(takes_name(name)) << name;
  for (const char* name : {"",
                           "-oProxyCommand=id",
                           "-vm.example.com",
                           "vm.example.com;id",
                           "vm.example.com id",
                           "$(id).example.com",
                           "`id`.example.com",
                           "vm.example.com/$(id)",
                           "vm.example.com/a b",
                           "vm.example.com/'",
                           "vm.example.com/\\\"",
                           "vm.example.com/&id",
                           "vm.example.com/|id",
                           "vm.example.com/>f",
                           "vm.example.com/\\n",
                           "vm.example.com/%0a",
                           "vm.example.com\\u001b[2J",
                           "vm.example.com/\\u001b[2J",
                           "vm.example.com/\\u202e",
                           "vm.example.com:22",
                           "10.0.0.1",
                           "[::1]",
                           "127.1",
                           "b\\u00fccher.example"})
    EXPECT_FALSE(takes_name(name)) << name;
  EXPECT_TRUE(takes_name("a.example/" + std::string(kMaxListedNameBytes - 10, 'a')));
  EXPECT_FALSE(takes_name("a.example/" + std::string(kMaxListedNameBytes - 9, 'a')));
}

TEST(ApplicationList, OfTheLocalAddressOnlyThePortIsTaken) {
  const auto port_of = [](const std::string& local) {
    const auto list = parse_application_list(
        list_of(R"({"hostname":"db.example.com","protocol":"tcp","local":")" + local + "\"}"));
    return list ? int{list->front().local_port} : -1;
  };
  EXPECT_EQ(port_of("0.0.0.0:5432"), 5432);
  for (const char* local :
       {"", "5432 --connect-to evil", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:0", "x;id:22"})
    EXPECT_EQ(port_of(local), 0) << local;
}

TEST(ApplicationList, HasABound) {
  std::string entries;
  const std::string entry = R"({"hostname":"a.example","protocol":"tcp"})";
  for (std::size_t i = 0; i < kMaxListedApplications; ++i) entries += (i == 0 ? "" : ",") + entry;
  const auto list = parse_application_list(list_of(entries));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->size(), kMaxListedApplications);
  EXPECT_EQ(failure_of(list_of(entries + "," + entry)).cause, Cause::http_too_large);
}

}  // namespace
}  // namespace cfpipe::auth
