#include "base/name_pattern.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

struct Row {
  const char* pattern;
  const char* name;
  bool matches;
};

TEST(NamePattern, AStarInAHostIsAnyCharactersOfOneLabel) {
  constexpr Row kRows[] = {
      {"vm.example.com", "vm.example.com", true},
      {"vm.example.com", "vm.example.org", false},
      {"vm.example.com", "vm.example.com.evil", false},
      {"vm.example.com", "a.vm.example.com", false},
      {"*.example.com", "vm.example.com", true},
      {"*.example.com", "example.com", false},
      {"*.example.com", ".example.com", false},
      {"*.example.com", "a.vm.example.com", false},
      {"vm-*.example.com", "vm-1.example.com", true},
      {"vm-*.example.com", "vm-.example.com", true},
      {"vm-*.example.com", "vm.example.com", false},
      {"*-vm.example.com", "a-vm.example.com", true},
      {"*-vm.example.com", "a-vm2.example.com", false},
      {"a*a.example.com", "a.example.com", false},  // the two sides may not share a character
      {"a*a.example.com", "aa.example.com", true},
      {"a*b*c.example.com", "a-b-c.example.com", true},
      {"a*b*c.example.com", "axxbxxbc.example.com", true},
      {"a*b*c.example.com", "acb.example.com", false},
      {"a*bc.example.com", "abcbc.example.com", true},
      {"*", "vm", true},
      {"*", "", false},
      {"*", "vm.example.com", false},
      {"*.*.example.com", "a.b.example.com", true},
      {"*.*.example.com", "a..example.com", false},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(host_matches(row.pattern, row.name), row.matches) << row.pattern << " " << row.name;
}

TEST(NamePattern, ALabelEndsWhereThePatternDoes) {
  constexpr Row kRows[] = {{"vm", "vm", true},    {"vm", "vm1", false},  {"vm", "v", false},
                           {"vm*", "vm1", true},  {"*vm", "1vm", true},  {"*vm", "vm1", false},
                           {"v*m", "vm", true},   {"v*m", "v.m", true},  {"v*m", "vmx", false},
                           {"v*vm", "vm", false}, {"v*vm", "vvm", true}, {"", "", true}};
  for (const Row& row : kRows)
    EXPECT_EQ(label_matches(row.pattern, row.name), row.matches) << row.pattern << " " << row.name;
}

TEST(NamePattern, APathCoversWhatLiesBelowAMatch) {
  constexpr Row kRows[] = {
      {"", "/", true},
      {"", "/anything", true},
      {"/team-a", "/team-a", true},
      {"/team-a", "/team-a/x", true},
      {"/team-a", "/team-ab", false},
      {"/team-a", "/team", false},
      {"/team-*", "/team-b/x", true},
      {"/team-*/x", "/team-a/b/x", true},
      {"/team-*/x", "/team-a/xy", false},
      {"/team-*/x", "/team-a/xy/x", true},
      {"/a*a", "/a", false},
      {"/a*a", "/aba/c", true},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(path_matches(row.pattern, row.name), row.matches) << row.pattern << " " << row.name;
}

}  // namespace
}  // namespace cfpipe
