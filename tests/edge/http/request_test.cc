#include "edge/http/request.h"

#include <gtest/gtest.h>

namespace cfpipe::edge {
namespace {

TEST(Request, FindsHeadersAndCookies) {
  Request request;
  request.headers = {{"Cookie", "a=1; b=\"2\";c=x=y"}, {"cookie", "d=4"}, {"X-Y", "z"}};
  EXPECT_EQ(request.header("x-y"), "z");
  EXPECT_EQ(request.cookie("a"), "1");
  EXPECT_EQ(request.cookie("b"), "2");
  EXPECT_EQ(request.cookie("c"), "x=y");
  EXPECT_EQ(request.cookie("d"), "4");
  EXPECT_EQ(request.cookie("e"), "");
}

TEST(Request, DecodesQueriesAndForms) {
  Request request;
  request.query = "a=%2Fx+y&b&c=%zz&a=second&d=";
  EXPECT_EQ(request.query_value("a"), "/x y");
  EXPECT_EQ(request.query_value("b"), "");
  EXPECT_EQ(request.query_value("c"), "");
  request.body = "email=ann%40example.com";
  EXPECT_EQ(request.form_value("email"), "") << "only of a form";
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  EXPECT_EQ(request.form_value("email"), "ann@example.com");
}

}  // namespace
}  // namespace cfpipe::edge
