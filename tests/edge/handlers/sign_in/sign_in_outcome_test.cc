#include "edge/handlers/sign_in_outcome.h"

#include <set>

#include "edge/context_fixture.h"
#include "edge/store/audit_text.h"

namespace cfpipe::edge {
namespace {

class Outcome : public HandlersTest {
 protected:
  Login login(const std::string& target = "/") {
    Login out;
    out.app = applications_.find("vm.localhost");
    out.host = "vm.localhost";
    out.session_hash = "hash";
    out.target = target;
    return out;
  }
  std::string code_of(const Answer& answer) {
    const std::string url = header_of(answer, "Location");
    return url.substr(url.find("code=") + 5);
  }
};

TEST_F(Outcome, IsACodeThatIsGoodOnce) {
  const Answer answer = outcome_.finish(login("/x"), person(), false);
  EXPECT_EQ(answer.status, 302);
  const std::string code = code_of(answer);
  const auto taken = outcome_.take_code(code);
  ASSERT_TRUE(taken);
  ASSERT_TRUE(*taken);
  EXPECT_EQ(text_of(**taken, "target"), "/x");
  EXPECT_EQ(read_identity(**taken).email, "ann@example.com");
  EXPECT_FALSE(outcome_.take_code(code).value());
}

TEST_F(Outcome, IsNoCodeAfterAMinute) {
  const std::string code = code_of(outcome_.finish(login(), person(), false));
  now_ += kCodeSeconds + 1;
  EXPECT_FALSE(outcome_.take_code(code).value());
}

TEST_F(Outcome, IsSoManyCodesOfOnePerson) {
  for (std::size_t i = 0; i < kMaxCodesOfPerson; ++i)
    EXPECT_EQ(outcome_.finish(login(), person(), false).status, 302);
  EXPECT_EQ(outcome_.finish(login(), person(), false).status, 429);
  EXPECT_EQ(outcome_.finish(login(), person("bob@example.com"), false).status, 302);
}

TEST_F(Outcome, SpendsNoShareOfTheUserWhereTheStoreIsFull) {
  change_database("CREATE TRIGGER full BEFORE INSERT ON pending BEGIN SELECT RAISE(FAIL, 'full'); END");
  for (std::size_t i = 0; i < 2 * kMaxCodesOfPerson; ++i)
    ASSERT_EQ(outcome_.finish(login(), person(), false).status, 503) << i;
  change_database("DROP TRIGGER full");
  EXPECT_EQ(outcome_.finish(login(), person(), false).status, 302);
}

TEST_F(Outcome, IsARecordedSessionOrNone) {
  Identity ann = person();
  ASSERT_TRUE(outcome_.start_session(request("/"), login(), ann));
  EXPECT_EQ(ann.issued, now_);
  ASSERT_EQ(rows("login").size(), 1u);
  EXPECT_EQ(rows("login")[0].reason, session_note(ann.nonce));
  fill_disk();
  EXPECT_FALSE(outcome_.start_session(request("/"), login(), ann));
}

TEST_F(Outcome, NamesTheReceiverOnlyWherePeopleWereAsked) {
  const std::string target = "/cdn-cgi/access/cli?token=key&send_org_token=true";
  const auto unasked = outcome_.take_code(code_of(outcome_.finish(login(target), person(), false)));
  EXPECT_FALSE((*unasked)->contains("receiver"));
  const auto asked = outcome_.take_code(code_of(outcome_.finish(login(target), person(), true)));
  EXPECT_TRUE((*asked)->contains("receiver"));
  EXPECT_TRUE((*asked)->contains("org"));
}

}  // namespace
}  // namespace cfpipe::edge
