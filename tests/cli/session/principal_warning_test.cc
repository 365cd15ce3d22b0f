#include "cli/session/principal_warning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/console/messages.h"

namespace cfpipe::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

auth::Certificate certificate_for(std::vector<std::string> principals) {
  auth::Certificate certificate;
  certificate.fields.principals = std::move(principals);
  return certificate;
}

TEST(Principal, ACertificateIsForThoseItNames) {
  EXPECT_TRUE(is_for(certificate_for({"jdoe"}), "jdoe"));
  EXPECT_TRUE(is_for(certificate_for({"jdoe", "pi"}), "pi"));
  EXPECT_FALSE(is_for(certificate_for({"jdoe"}), "pi"));
  EXPECT_FALSE(is_for(certificate_for({"jdoe"}), "jdo"));
  EXPECT_TRUE(is_for(certificate_for({}), "pi")) << "one without names is for all, says PROTOCOL.certkeys";
}

TEST(Principal, TheWarningSaysWhatToPutIntoSshd) {
  const auto text = principal_text({"jdoe"}, "pi");
  EXPECT_THAT(text, HasSubstr("it is for jdoe, you asked for pi; "));
  EXPECT_THAT(text, HasSubstr("'AuthorizedPrincipalsFile /etc/ssh/principals/%u' into sshd_config"));
  EXPECT_THAT(text, HasSubstr("the line 'jdoe' into /etc/ssh/principals/pi"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(principal_text({"a", "b", "c", "d", "e"}, "pi"), HasSubstr("it is for a, b, c, d, …, you"));
  EXPECT_THAT(principal_text({"a\nb\x1b"}, "p\ni"), Not(HasSubstr("\x1b")));
  EXPECT_THAT(principal_text({"a\nb"}, "p\ni"), HasSubstr("it is for a?b, you asked for p?i"));
}

}  // namespace
}  // namespace cfpipe::cli
