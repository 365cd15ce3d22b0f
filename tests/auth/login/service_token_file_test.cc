#include "auth/login/service_token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/temp_dir.h"

namespace cfpipe::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ServiceTokenText, IsReadInEveryFormThatPeopleHaveItIn) {
  for (const std::string text : {
           "i.access\ns3cret\n",
           "i.access\r\ns3cret",
           "\n# of the deploy job\n  i.access  \n\n\ts3cret\n",
           "id=i.access\nsecret=s3cret\n",
           "secret = \"s3cret\"\nid = 'i.access'\n",
           "TUNNEL_SERVICE_TOKEN_ID=i.access\nTUNNEL_SERVICE_TOKEN_SECRET=s3cret\n",
           "export TUNNEL_SERVICE_TOKEN_ID=i.access\nexport "
           "TUNNEL_SERVICE_TOKEN_SECRET='s3cret'\nHOME=/root\n",
           "CF-Access-Client-Id: i.access\nCF-Access-Client-Secret: s3cret\n",
           R"({"client_id":"i.access","client_secret":"s3cret"})",
           R"( {"secret":"s3cret","id":"i.access","name":"deploy"})",
           R"({"success":true,"result":{"id":"3537a672","client_id":"i.access","client_secret":"s3cret"}})",
       }) {
    const auto token = parse_service_token(text);
    ASSERT_TRUE(token) << text;
    EXPECT_EQ(token->id, "i.access") << text;
    EXPECT_EQ(token->secret.reveal(), "s3cret") << text;
  }
  const auto newer = parse_service_token("7f2c.access\ncfast_u1JF_mZk-Q0v8\n");
  ASSERT_TRUE(newer);
  EXPECT_EQ(newer->secret.reveal(), "cfast_u1JF_mZk-Q0v8");
  const auto padded = parse_service_token("id=i\nsecret=YWJj=\n");
  ASSERT_TRUE(padded);
  EXPECT_EQ(padded->secret.reveal(), "YWJj=");
}

TEST(ServiceTokenText, ThatIsNotOneTokenIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("i.access"), std::string("i\ns\nt\n"),
        std::string("id=i\nid=j\nsecret=s\n"), std::string("id=i\nsecret=\n"), std::string("secret=s\n"),
        std::string("i i\ns\n"), std::string("i\ns\x01\n"), std::string("i\ns\xc3\xa9\n"),
        std::string("i\0i\ns\n", 6), std::string("{"), std::string("{}"), std::string(R"({"client_id":"i"})"),
        std::string(R"({"client_id":"i","client_secret":5})"),
        std::string(R"({"client_id":"i","client_secret":"a b"})"), std::string(R"(["i","s"])")}) {
    EXPECT_FALSE(parse_service_token(text)) << text;
  }
}

class ServiceTokenFile : public ::testing::Test {
 protected:
  std::string detail_of(const std::string& path) {
    const auto token = read_service_token_file(path);
    if (token) return "it was read";
    EXPECT_EQ(token.error().stage, Stage::config);
    EXPECT_EQ(token.error().cause, Cause::file_unusable);
    return token.error().detail;
  }
  const TempDir dir_;
};

TEST_F(ServiceTokenFile, OfOursIsRead) {
  for (const mode_t mode : {0600U, 0400U}) {
    const auto path = dir_.put("token-" + std::to_string(mode), "i\ns\n", mode);
    const auto token = read_service_token_file(path);
    ASSERT_TRUE(token);
    EXPECT_EQ(token->id, "i");
  }
}

TEST_F(ServiceTokenFile, ThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0604U, 0620U, 0602U, 0610U, 0644U}) {
    const auto path = dir_.put("token", "i\nplanted\n", mode);
    EXPECT_THAT(detail_of(path), HasSubstr("others")) << mode;
  }
}

TEST_F(ServiceTokenFile, ThatIsNoPlainFileIsRefused) {
  ASSERT_EQ(::symlink("fifo", (dir_ / "link").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(detail_of(dir_ / "fifo"), HasSubstr("not a plain file"));
  EXPECT_THAT(detail_of(dir_ / "link"), HasSubstr("not a plain file"));
  EXPECT_THAT(detail_of(dir_.path()), HasSubstr("not a plain file"));
  EXPECT_THAT(detail_of(dir_ / "missing"), HasSubstr("no such file"));
}

TEST_F(ServiceTokenFile, ThatHoldsNoneIsRefusedWithoutAWordOfIt) {
  EXPECT_THAT(detail_of(dir_.put("token", "planted\n")), Not(HasSubstr("planted")));
  EXPECT_THAT(detail_of(dir_.put("token", std::string(kMaxServiceTokenFileBytes + 1, 'x'))),
              HasSubstr("larger"));
}

}  // namespace
}  // namespace cfpipe::auth
