#include "edge/identity/service_tokens.h"

#include <gtest/gtest.h>

#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

TEST(ServiceTokens, AreFoundByTheirIdUntilTheSecondOfTheirEnd) {
  constexpr std::int64_t kNow = 1'800'000'000;
  const TempDir dir;
  const auto store = open_sqlite_store(dir / "state").value();
  ServiceTokens tokens(store->service_tokens());
  const auto made = tokens.create("deploy", std::chrono::hours(1), kNow).value();
  ASSERT_TRUE(made);
  ASSERT_TRUE(tokens.find(made->client_id, kNow + 3599));
  EXPECT_EQ(tokens.find(made->client_id, kNow + 3599)->name, "deploy");
  EXPECT_FALSE(tokens.find(made->client_id, kNow + 3600));
  EXPECT_FALSE(tokens.find("another.access", kNow));
}

}  // namespace
}  // namespace cfpipe::edge
