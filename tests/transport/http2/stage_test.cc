#include "transport/http2/stage.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cfpipe::transport {
namespace {

using tunnel::IoStatus;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class H2StageTest : public ::testing::Test, public H2Output {
 protected:
  IoStatus put(std::span<const std::byte> bytes) override {
    if (status == IoStatus::ok)
      writes.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return status;
  }
  IoStatus status = IoStatus::ok;
  std::vector<std::string> writes;
  H2Stage stage{*this};
};

TEST_F(H2StageTest, SmallFramesShareAWrite) {
  EXPECT_EQ(stage.put(bytes_of("ping")), IoStatus::ok);
  EXPECT_EQ(stage.put_data(bytes_of("key press"), 9), IoStatus::ok);
  EXPECT_EQ(stage.bytes(), 13u);
  EXPECT_TRUE(writes.empty());
  EXPECT_EQ(stage.flush(), IoStatus::ok);
  EXPECT_EQ(writes, std::vector<std::string>{"pingkey press"});
  EXPECT_EQ(stage.bytes(), 0u);
}

TEST_F(H2StageTest, DataWithNothingToJoinLeavesAtOnce) {
  EXPECT_EQ(stage.put_data(bytes_of("key press"), 9), IoStatus::ok);
  EXPECT_EQ(writes, std::vector<std::string>{"key press"});
}

TEST_F(H2StageTest, LargeDataIsNotCopiedAndStaysBehindWhatWasStaged) {
  const std::string bulk(4096, 'x');
  EXPECT_EQ(stage.put(bytes_of("ping")), IoStatus::ok);
  EXPECT_EQ(stage.put_data(bytes_of(bulk), bulk.size()), IoStatus::ok);
  EXPECT_EQ(writes, (std::vector<std::string>{"ping", bulk}));
}

TEST_F(H2StageTest, ABlockedOutputLeavesTheFrameToItsCaller) {
  const std::string bulk(4096, 'x');
  EXPECT_EQ(stage.put(bytes_of("ping")), IoStatus::ok);
  status = IoStatus::would_block;
  EXPECT_EQ(stage.put_data(bytes_of(bulk), bulk.size()), IoStatus::would_block);
  EXPECT_EQ(stage.flush(), IoStatus::would_block);
  EXPECT_EQ(stage.bytes(), 4u);
  EXPECT_FALSE(stage.failed());
  status = IoStatus::ok;
  EXPECT_EQ(stage.flush(), IoStatus::ok);
  EXPECT_EQ(writes, std::vector<std::string>{"ping"});
}

TEST_F(H2StageTest, ItTakesNoMoreThanItsBoundWhileTheOutputIsBlocked) {
  status = IoStatus::would_block;
  const std::string frame(1024, 'f');
  std::size_t taken = 0;
  while (taken < 64 && stage.put(bytes_of(frame)) == IoStatus::ok) ++taken;
  EXPECT_EQ(taken, 16u);
  EXPECT_EQ(stage.put(bytes_of(frame)), IoStatus::would_block);
}

TEST_F(H2StageTest, AFailureIsFinal) {
  EXPECT_EQ(stage.put(bytes_of("ping")), IoStatus::ok);
  status = IoStatus::failed;
  EXPECT_EQ(stage.flush(), IoStatus::failed);
  EXPECT_TRUE(stage.failed());
}

}  // namespace
}  // namespace cfpipe::transport
