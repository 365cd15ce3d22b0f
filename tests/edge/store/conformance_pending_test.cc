// Values and marks that any store gives out once.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "edge/store/conformance.h"

namespace cfpipe::edge {
namespace {

class PendingStoreConformance : public StoreConformance {
 protected:
  PendingStore& pending() { return store_->pending(); }

  /// Runs `claim` for the same keys on two handles at once. Returns how often each key was granted.
  template <class Claim>
  std::vector<int> race(int keys, const Claim& claim) {
    std::vector<std::atomic<int>> granted(static_cast<std::size_t>(keys));
    std::atomic<int> ready = 0;
    const auto run = [&] {
      const auto store = under_test_->open();
      ++ready;
      while (ready < 2) std::this_thread::yield();
      for (int i = 0; i < keys; ++i)
        if (claim(store->pending(), std::to_string(i))) ++granted[static_cast<std::size_t>(i)];
    };
    std::thread one(run);
    std::thread two(run);
    one.join();
    two.join();
    return {granted.begin(), granted.end()};
  }
};

TEST_P(PendingStoreConformance, AValueIsTakenOnceByAllHandles) {
  const auto other = under_test_->open();
  ASSERT_TRUE(pending().put("code", "k", std::string("a\0value", 7), 200, 100).value());
  EXPECT_FALSE(pending().take("other", "k", 100).value());
  EXPECT_FALSE(pending().take("code", "K", 100).value());
  EXPECT_EQ(other->pending().take("code", "k", 199).value(), std::string("a\0value", 7));
  EXPECT_FALSE(pending().take("code", "k", 199).value());
  reopen();
  EXPECT_FALSE(pending().take("code", "k", 199).value());
}

TEST_P(PendingStoreConformance, AValueIsFoundByAllHandlesUntilItIsTaken) {
  const auto other = under_test_->open();
  ASSERT_TRUE(pending().put("link", "k", std::string("a\0value", 7), 200, 100).value());
  EXPECT_FALSE(pending().find("other", "k", 100).value());
  EXPECT_FALSE(pending().find("link", "K", 100).value());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pending().find("link", "k", 199).value(), std::string("a\0value", 7));
    EXPECT_EQ(other->pending().find("link", "k", 199).value(), std::string("a\0value", 7));
  }
  reopen();
  EXPECT_EQ(pending().find("link", "k", 199).value(), std::string("a\0value", 7));
  EXPECT_TRUE(other->pending().take("link", "k", 199).value());
  EXPECT_FALSE(pending().find("link", "k", 199).value());
}

TEST_P(PendingStoreConformance, AValueIsFoundUpToTheSecondOfItsEnd) {
  ASSERT_TRUE(pending().put("link", "k", "value", 200, 100).value());
  EXPECT_FALSE(pending().find("link", "k", 200).value());
  EXPECT_TRUE(pending().find("link", "k", 199).value()) << "reading deletes nothing";
}

TEST_P(PendingStoreConformance, AValueWaitsOverReopening) {
  ASSERT_TRUE(pending().put("code", "k", "value", 200, 100).value());
  reopen();
  EXPECT_EQ(pending().take("code", "k", 199).value(), "value");
}

TEST_P(PendingStoreConformance, AValueExpiresInTheSecondOfItsEnd) {
  ASSERT_TRUE(pending().put("code", "k", "value", 200, 100).value());
  EXPECT_FALSE(pending().take("code", "k", 200).value());
  EXPECT_FALSE(pending().take("code", "k", 199).value()) << "it is deleted";
}

TEST_P(PendingStoreConformance, PutReplacesAValueOfTheSameKindAndKey) {
  ASSERT_TRUE(pending().put("code", "k", "first", 200, 100).value());
  ASSERT_TRUE(pending().put("code", "k", "second", 300, 100).value());
  ASSERT_TRUE(pending().put("transfer", "k", "third", 300, 100).value());
  EXPECT_EQ(pending().take("code", "k", 250).value(), "second");
}

TEST_P(PendingStoreConformance, ValuesAreBoundedInSizeAndNumber) {
  EXPECT_TRUE(pending().put("code", "big", std::string(kMaxPendingBytes, 'x'), 200, 100).value());
  EXPECT_FALSE(pending().put("code", "bigger", std::string(kMaxPendingBytes + 1, 'x'), 200, 100).value());
  for (std::int64_t i = 1; i < kMaxPending; ++i)
    ASSERT_TRUE(pending().put("code", std::to_string(i), "v", 200, 100).value());
  EXPECT_FALSE(pending().put("code", "one more", "v", 300, 100).value());
  EXPECT_FALSE(pending().take("code", "one more", 100).value());
  EXPECT_TRUE(pending().put("transfer", "another kind", "v", 300, 100).value());
  ASSERT_TRUE(pending().take("code", "1", 100).value());
  EXPECT_TRUE(pending().put("code", "for the one taken", "v", 200, 100).value());
  EXPECT_TRUE(pending().put("code", "once they expired", "v", 300, 200).value());
}

TEST_P(PendingStoreConformance, AKeyIsUsedBrieflyOnceByAllHandles) {
  const auto other = under_test_->open();
  EXPECT_TRUE(pending().use_briefly("challenge", "k", 200, 100).value());
  EXPECT_FALSE(other->pending().use_briefly("challenge", "k", 200, 100).value());
  EXPECT_FALSE(other->pending().use_once("challenge", "k", 200, 100).value()) << "it is the same mark";
  reopen();
  EXPECT_FALSE(pending().use_briefly("challenge", "k", 200, 199).value());
  EXPECT_TRUE(pending().use_briefly("challenge", "k", 300, 200).value());
}

// Two processes serve one store while an edge restarts.
TEST_P(PendingStoreConformance, AKeyIsUsedOnceByAllHandles) {
  const auto other = under_test_->open();
  EXPECT_TRUE(pending().use_once("sign-in", "k", 200, 100).value());
  EXPECT_FALSE(other->pending().use_once("sign-in", "k", 200, 100).value());
  EXPECT_FALSE(pending().use_once("sign-in", "k", 300, 199).value());
  EXPECT_TRUE(other->pending().use_once("sign-in", "another", 200, 100).value());
  EXPECT_TRUE(other->pending().use_once("another", "k", 200, 100).value());
  EXPECT_FALSE(pending().take("other", "k", 100).value());
  reopen();
  EXPECT_FALSE(pending().use_once("sign-in", "k", 200, 199).value());
  EXPECT_TRUE(other->pending().use_once("sign-in", "k", 300, 200).value())
      << "what it was for has expired as well";
}

TEST_P(PendingStoreConformance, OfTwoHandlesThatUseAKeyAtOnceOneIsGranted) {
  const auto granted = race(50, [](PendingStore& store, const std::string& key) {
    return store.use_once("sign-in", key, 200, 100).value();
  });
  EXPECT_EQ(granted, std::vector<int>(50, 1));
}

TEST_P(PendingStoreConformance, OfTwoHandlesThatTakeAValueAtOnceOneGetsIt) {
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(pending().put("code", std::to_string(i), "value", 200, 100).value());
  const auto granted = race(50, [](PendingStore& store, const std::string& key) {
    return store.take("code", key, 100).value().has_value();
  });
  EXPECT_EQ(granted, std::vector<int>(50, 1));
}

INSTANTIATE_TEST_SUITE_P(Stores, PendingStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

}  // namespace
}  // namespace cfpipe::edge
