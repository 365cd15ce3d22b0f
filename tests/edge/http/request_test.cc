#include "edge/http/request.h"

#include <gtest/gtest.h>

#include "edge/http/cookies.h"

namespace cfpipe::edge {
namespace {

TEST(Request, FindsHeadersAndCookies) {
  Request request;
  request.headers = {{"Cookie", "a=1; b=\"2\";c=x=y"}, {"cookie", "d=4"}, {"X-Y", "z"}};
  EXPECT_EQ(request.header("x-y"), "z");
  EXPECT_EQ(cookie_value(request, "a"), "1");
  EXPECT_EQ(cookie_value(request, "b"), "2");
  EXPECT_EQ(cookie_value(request, "c"), "x=y");
  EXPECT_EQ(cookie_value(request, "d"), "4");
  EXPECT_EQ(cookie_value(request, "e"), "");
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
