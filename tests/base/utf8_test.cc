#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace cfpipe {
namespace {
using namespace std::string_literals;

TEST(Utf8, TakesEveryWellFormedLength) {
  for (const auto& good : {""s, "plain"s, "\0"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s,
                           "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s,
                           "\xf4\x8f\xbf\xbf"s, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"s})
    EXPECT_TRUE(is_utf8(good)) << good;
}

TEST(Utf8, RefusesWhatRfc3629Excludes) {
  const std::string bad[] = {
      "\x80",              // a continuation of nothing
      "\xbf",              //
      "\xc0\x80",          // longer than needed
      "\xc1\xbf",          //
      "\xe0\x9f\xbf",      //
      "\xf0\x8f\xbf\xbf",  //
      "\xed\xa0\x80",      // surrogates
      "\xed\xbf\xbf",      //
      "\xf4\x90\x80\x80",  // beyond U+10FFFF
      "\xf5\x80\x80\x80",  //
      "\xff",              //
      "\xc2",              // cut short
      "\xe1\x80",          //
      "\xf1\x80\x80",      //
      "\xc2x",             // no continuation
      "\xe1\x80x",         //
      "\xf1\x80\x80x",     //
      "good\xff",          //
  };
  for (const auto& text : bad) EXPECT_FALSE(is_utf8(text)) << text;
}

}  // namespace
}  // namespace cfpipe
