#include "edge/commands.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "edge/state.h"

namespace cfpipe::edge {
namespace {

// An edge's commands find the state of `dev` where `dev` puts it; elsewhere they have to be told.
class UnsaidState : public testing::Test {
 protected:
  UnsaidState() {
    std::string path = testing::TempDir() + "cfpipe-unsaid-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    ::setenv("XDG_STATE_HOME", directory_.c_str(), 1);
  }
  ~UnsaidState() override {
    ::unsetenv("XDG_STATE_HOME");
    std::filesystem::remove_all(directory_);
  }
  std::string directory_;
};

TEST_F(UnsaidState, IsThatOfTheDevEdge) {
  if (std::filesystem::exists(kSystemConfig)) GTEST_SKIP() << "an edge is installed here, which comes first";
  std::filesystem::create_directories(dev_state_dir());
  std::filesystem::permissions(dev_state_dir(), std::filesystem::perms::owner_all);
  ASSERT_TRUE(open_sqlite_state(dev_state_dir()));
  EXPECT_TRUE(open_state(StateOption(), true));
}

TEST_F(UnsaidState, HasToBeSaidWhereThereIsNone) {
  if (std::filesystem::exists(kSystemConfig)) GTEST_SKIP() << "an edge is installed here, which comes first";
  const auto state = open_state(StateOption(), false);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().stage, transport::Stage::input);
  EXPECT_NE(state.error().detail.find("--state"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

}  // namespace
}  // namespace cfpipe::edge
