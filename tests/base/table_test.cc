#include "base/table.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(table({{"NAME", "ID"}, {"a", "1"}, {"longest", "22"}}), "NAME     ID\na        1\nlongest  22\n");
}

TEST(Table, WidthsAreThoseOfCharactersNotOfBytes) {
  EXPECT_EQ(table({{"zo\u00eb", "x"}, {"abcd", "y"}}), "zo\u00eb   x\nabcd  y\n");
}

TEST(Table, RowsMayBeShorterAndNoLineEndsInBlanks) {
  EXPECT_EQ(table({{"a", "b", "c"}, {"aa"}, {"a", "", ""}}, "  "), "  a   b  c\n  aa\n  a\n");
  EXPECT_EQ(table({}), "");
}

}  // namespace
}  // namespace cfpipe
