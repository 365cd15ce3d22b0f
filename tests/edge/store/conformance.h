// What every implementation of Store does, whatever database stands behind it. The tests are in
// conformance_*_test.cc; an implementation joins them by its entry in store_kinds().
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "edge/store/store.h"

namespace cfpipe::edge {

/// When the tests begin, in Unix seconds.
inline constexpr std::int64_t kConformanceTime = 2'000'000'000;

/// A store of its own for one test.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  /// One more handle on it, as another process has.
  virtual std::unique_ptr<Store> open() = 0;
  /// Has the database lose all it holds: from now on every call that reads or writes fails.
  virtual void damage() = 0;
};

struct StoreKind {
  const char* name;
  std::unique_ptr<StoreUnderTest> (*make)();
};
std::vector<StoreKind> store_kinds();

inline std::string kind_name(const ::testing::TestParamInfo<StoreKind>& info) {
  return info.param.name;
}

class StoreConformance : public ::testing::TestWithParam<StoreKind> {
 protected:
  /// As a restart does.
  void reopen() {
    store_.reset();
    store_ = under_test_->open();
  }

  std::unique_ptr<StoreUnderTest> under_test_ = GetParam().make();
  std::unique_ptr<Store> store_ = under_test_->open();
};

}  // namespace cfpipe::edge
