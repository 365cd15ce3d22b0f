#include "edge/store/audit_text.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <utility>
#include <vector>

#include "edge/monitoring/audit_export.h"

namespace cfpipe::edge {
namespace {

TEST(AuditText, KeepsWhatATerminalShowsAsItStands) {
  for (const char* text : {"", "ann@example.com", "a \"quoted\" reason\\", "Jürgen", "名前",
                           "\xf0\x9f\x94\x91", "10.0.0.1%eth0", "\xc2\xa0"})
    EXPECT_EQ(audit_text(text), text);
}

TEST(AuditText, ReplacesControlCharactersAndChangesOfDirection) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a\nb\r\tc", "a?b??c"},
      {"\x1b[31mred", "?[31mred"},
      {std::string("a\0b", 3), "a?b"},
      {"a\x7f", "a?"},
      {"10.0.0.1%\xc2\x9b"
       "31m",
       "10.0.0.1%?31m"},  // CSI as a C1 character
      {"\xc2\x80\xc2\x9f", "??"},
      {"a\xe2\x80\xa8\xe2\x80\xa9", "a??"},
      {"\xe2\x80\xae"
       "evil",
       "?evil"},
      {"\xe2\x81\xa6\xe2\x81\xa9", "??"},
      {"\xef\xbb\xbf"
       "a",
       "?a"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(audit_text(text), shown);
}

TEST(AuditText, ReplacesBytesThatAreNoUtf8) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"\xff\xfe", "??"},
      {"\xc3", "?"},
      {"\xc3(", "?("},
      {"\xe2\x82", "??"},
      {"\x80", "?"},
      {"\xc0\xaf", "??"},            // an overlong '/'
      {"\xe0\x80\xaf", "???"},       // the same
      {"\xed\xa0\x80", "???"},       // a surrogate
      {"\xf4\x90\x80\x80", "????"},  // behind the last code point
      {"\xf8\x88\x80\x80\x80", "?????"},
      {"\xc3\xa4\xc3", "\xc3\xa4?"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(audit_text(text), shown);
}

TEST(AuditText, CutsBetweenCharacters) {
  std::string umlauts;
  for (std::size_t i = 0; i < kMaxAuditTextBytes; ++i) umlauts += "\xc3\xa4";
  const std::string cut = audit_text("x" + umlauts);
  EXPECT_TRUE(cut.ends_with("\xc3\xa4...")) << cut.substr(cut.size() - 8);
  EXPECT_LE(cut.size(), kMaxAuditTextBytes + 3);
  EXPECT_EQ(audit_text(std::string(kMaxAuditTextBytes, 'x')).size(), kMaxAuditTextBytes);
}

TEST(AuditText, ValuesCannotPassForOtherFields) {
  EXPECT_EQ(audit_value(""), "-");
  EXPECT_EQ(audit_value("-"), "\"-\"");
  EXPECT_EQ(audit_value("ann@example.com"), "ann@example.com");
  EXPECT_EQ(audit_value("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(audit_value("a b"), "\"a b\"");
  EXPECT_EQ(audit_value("a=b"), "\"a=b\"");
  EXPECT_EQ(audit_value("x\" kind=revoke y=\"z\\"), "\"x\\\" kind=revoke y=\\\"z\\\\\"");
  AuditRow row;
  row.kind = "tunnel_open";
  row.id = 7;
  row.reason = "to 10.0.0.1%x\" identity=\"admin@example.com";
  EXPECT_EQ(audit_fields(row),
            "kind=tunnel_open identity=- application=- peer=- ray=- tunnel=7 "
            "reason=\"to 10.0.0.1%x\\\" identity=\\\"admin@example.com\"");
}

TEST(AuditText, MakesARowOneObjectOfJson) {
  AuditRow row;
  for (std::string* text :
       {&row.kind, &row.identity, &row.application, &row.peer, &row.ray, &row.key_id, &row.reason})
    *text = "x\xff\x1b\xc2\x9b\n";
  boost::system::error_code error;
  EXPECT_TRUE(boost::json::parse(audit_json(with_audit_text(row)), error).is_object());
  EXPECT_FALSE(error);
}

}  // namespace
}  // namespace cfpipe::edge
