#include "cli/command/application_table.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace cfpipe::cli {
namespace {

using auth::ListedApplication;

Authority domain(const std::string& text) {
  return Authority::parse(text).value();
}

ListedApplication ssh_to(const std::string& name, bool certificates = true) {
  return {name, "ssh", true, certificates, 0};
}

const auto kEverySetUp = [](std::string_view) { return true; };

UnlistedEdge unlisted(const std::string& auth_domain, NotListed why) {
  return {auth_domain, {Stage::login, Cause::token_missing, auth_domain}, words_for(why)};
}

TEST(WayThere, IsMadeOfTheNameAndTheEdgesPort) {
  const WayThere vm = way_there(ssh_to("vm.example.com"), domain("auth.example.com"));
  EXPECT_EQ(vm.command, "ssh vm.example.com");
  EXPECT_EQ(vm.setup,
            "cfpipe access ssh-config --install --hostname vm.example.com --short-lived-cert --auth-domain "
            "auth.example.com");
  const WayThere team = way_there(ssh_to("vm.example.com/team-a", false), domain("auth.example.com:8443"));
  EXPECT_EQ(team.command, "ssh vm.example.com");
  EXPECT_EQ(team.setup,
            "cfpipe access ssh-config --install --hostname vm.example.com:8443/team-a --auth-domain "
            "auth.example.com");
  const WayThere db = way_there({"db.example.com", "tcp", false, false, 5432}, domain("auth.example.com"));
  EXPECT_EQ(
      db.command,
      "cfpipe access tcp --hostname db.example.com --url 127.0.0.1:5432 --auth-domain auth.example.com");
  EXPECT_EQ(db.setup, "");
  EXPECT_NE(way_there({"db.example.com", "tcp", false, false, 0}, domain("auth.example.com"))
                .command.find(" --url 127.0.0.1:10022 "),
            std::string::npos);
}

TEST(WayThere, ThereIsNoneToManyHostsOrByAnUnknownProtocol) {
  for (const char* name : {"*.example.com", "vm.example.com/*/logs"}) {
    EXPECT_EQ(way_there(ssh_to(name), domain("auth.example.com")).command, "") << name;
    EXPECT_EQ(way_there(ssh_to(name), domain("auth.example.com")).setup, "") << name;
  }
  EXPECT_EQ(way_there({"vm.example.com", "rdp", false, false, 0}, domain("auth.example.com")).command, "");
}

TEST(ApplicationTable, IsOneOfAllEdges) {
  ApplicationTable table;
  table.listed.push_back(
      {domain("auth.example.com"), {ssh_to("vm.example.com"), ssh_to("*.lab.example.com")}});
  table.listed.push_back({domain("auth.example.org:8443"), {{"db.example.org", "tcp", false, false, 5432}}});
  EXPECT_EQ(table.text(kEverySetUp),
            "HOSTNAME           PROTOCOL  TERMINAL  EDGE                   COMMAND\n"
            "vm.example.com     ssh       yes       auth.example.com       ssh vm.example.com\n"
            "*.lab.example.com  ssh       yes       auth.example.com       -\n"
            "db.example.org     tcp       no        auth.example.org:8443  cfpipe access tcp --hostname "
            "db.example.org:8443 --url 127.0.0.1:5432 --auth-domain auth.example.org\n");
}

TEST(ApplicationTable, SaysHowSshIsSetUpWhereItIsNot) {
  ApplicationTable table;
  table.listed.push_back({domain("auth.example.com"),
                          {ssh_to("a.example.com"), ssh_to("b.example.com/x"), ssh_to("*.lab.example.com")}});
  const std::string text = table.text([](std::string_view host) { return host == "a.example.com"; });
  EXPECT_EQ(
      text.substr(text.find("\n\n")),
      "\n\nBefore the first ssh, once on this machine:\n"
      "  cfpipe access ssh-config --install --hostname b.example.com/x --short-lived-cert --auth-domain "
      "auth.example.com\n");
}

TEST(ApplicationTable, SaysWhereThereIsNothingToList) {
  ApplicationTable table;
  EXPECT_EQ(table.text(kEverySetUp),
            "You are signed in at no edge; cfpipe list with the URL of an application signs you in.\n");
  table.listed.push_back({domain("auth.example.com"), {}});
  EXPECT_EQ(table.text(kEverySetUp),
            "The policies of auth.example.com admit you to no application at present.\n");
  ApplicationTable failed;
  failed.unlisted.push_back(unlisted("auth.example.com", NotListed::sign_in_expired));
  EXPECT_EQ(failed.text(kEverySetUp), "");
}

TEST(ApplicationTable, AsJsonHasTheSameFields) {
  ApplicationTable table;
  EXPECT_EQ(table.json(), "{\"applications\":[],\"not_listed\":[]}\n");
  table.listed.push_back(
      {domain("auth.example.com"), {ssh_to("vm.example.com"), ssh_to("*.lab.example.com")}});
  table.unlisted.push_back(unlisted("old.example.com\x1b", NotListed::no_list));
  EXPECT_EQ(boost::json::parse(table.json()), boost::json::parse(R"({
              "applications":[
                {"auth_domain":"auth.example.com","hostname":"vm.example.com","protocol":"ssh","terminal":true,
                 "command":"ssh vm.example.com",
                 "setup":"cfpipe access ssh-config --install --hostname vm.example.com --short-lived-cert --auth-domain auth.example.com"},
                {"auth_domain":"auth.example.com","hostname":"*.lab.example.com","protocol":"ssh","terminal":true}],
              "not_listed":[
                {"auth_domain":"old.example.com?","message":"this edge lists no applications for programs: old.example.com?",
                 "fix":"open that page in a browser, which shows what you may reach","status":69}]})"));
}

TEST(ApplicationTable, AnEdgeByTheWayFailsOnlyWhereNoneIsListed) {
  UnlistedEdge edge = unlisted("auth.example.com", NotListed::sign_in_expired);
  const std::vector<ListedEdge> listed{{domain("auth.example.org"), {}}};
  EXPECT_TRUE(edge.fails(listed));
  edge.by_the_way = true;
  EXPECT_FALSE(edge.fails(listed));
  EXPECT_TRUE(edge.fails({}));
}

}  // namespace
}  // namespace cfpipe::cli
