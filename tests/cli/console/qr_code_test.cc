#include "cli/console/qr_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

// That a code says what it should is for a reader of codes to judge: test_logins_work_without_a_browser_here.
namespace cfpipe::cli {
namespace {

constexpr unsigned kTall = 1000;

constexpr TerminalLook look(unsigned columns, bool utf8, bool colours, unsigned rows = kTall) {
  TerminalLook result;
  result.columns = columns;
  result.rows = rows;
  result.utf8 = utf8;
  result.colours = colours;
  return result;
}

/// Version 1, which holds 17 bytes, has 21 modules a side.
const std::string kShort(17, 'x');

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(QrCode, IsNotShownWhereThereIsNoTerminal) {
  EXPECT_EQ(qr_code_text(kShort, look(0, true, true)), "");
}

TEST(QrCode, TakesTheMarginThatFits) {
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(29, true, true))), 15U);
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(28, true, true))), 13U);
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(25, true, true))), 13U);
  EXPECT_EQ(qr_code_text(kShort, look(24, true, true)), "");
}

TEST(QrCode, TakesTwoColumnsAModuleInAscii) {
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(58, false, false))), 29U);
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(57, false, false))), 25U);
  EXPECT_EQ(qr_code_text(kShort, look(49, false, false)), "");
}

TEST(QrCode, LeavesRowsToTheWordsAboveIfItCan) {
  // 29 modules with the wide margin, 25 with the narrow one, two in a row of characters.
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(80, true, true, 15 + 4))), 15U);
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(80, true, true, 15 + 3))), 13U);
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(80, true, true, 13 + 1))), 13U);
  EXPECT_EQ(qr_code_text(kShort, look(80, true, true, 13)), "");
  EXPECT_EQ(lines_of(qr_code_text(kShort, look(80, false, true, 25 + 1))), 25U);
  EXPECT_EQ(qr_code_text(kShort, look(80, false, true, 25)), "");
}

TEST(QrCode, OfTextInUpperCaseIsSmaller) {
  const std::string link = "HTTPS://AUTH.EXAMPLE.COM:8443/L/K7MP-2XQA-9RTD";  // 46 characters: version 2
  EXPECT_EQ(lines_of(qr_code_text(link, look(80, true, true))), 17U);
  EXPECT_EQ(lines_of(qr_code_text("https://auth.example.com:8443/l/k7mp-2xqa-9rtd", look(80, true, true))),
            19U);
}

TEST(QrCode, OfAShortLinkFitsTheUsualTerminal) {
  for (const std::size_t host : {4U, 16U, 32U, 55U}) {
    const std::string link = "HTTPS://" + std::string(host, 'A') + "/L/K7MP-2XQA-9RTD";
    ASSERT_LE(link.size(), 80U);
    const std::string code = qr_code_text(link, look(80, true, true, 24));
    EXPECT_NE(code, "") << host;
    EXPECT_LE(lines_of(code), 24U - 4) << "the link stays on the screen above it";
  }
}

TEST(QrCode, IsNotMadeOfATextThatNoCodeHolds) {
  EXPECT_EQ(qr_code_text(std::string(10'000, 'x'), look(1000, true, true)), "");
}

TEST(QrCode, EndsEachLineWithTheTerminalsOwnColours) {
  for (const bool utf8 : {true, false}) {
    const std::string text = qr_code_text(kShort, look(80, utf8, true));
    const std::string end = "\x1b[0m\n";
    std::size_t ends = 0;
    for (auto at = text.find(end); at != std::string::npos; at = text.find(end, at + 1)) ++ends;
    EXPECT_EQ(ends, lines_of(text));
    EXPECT_EQ(qr_code_text(kShort, look(80, utf8, false)).find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace cfpipe::cli
