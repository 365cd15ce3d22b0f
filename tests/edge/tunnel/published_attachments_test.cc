// This process's attached connectors, as it writes them for others.
#include "edge/tunnel/published_attachments.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cfpipe::edge {
namespace {

AttachmentRow attachment_row(const std::string& connector, std::int64_t tunnels = 0,
                             const std::string& instance = "run") {
  return {{}, connector, instance, "1.0", "192.0.2.1", 1000, 1, tunnels};
}

TunnelChanges changes_of(const PublishedAttachments& published, std::vector<AttachmentRow> attached) {
  TunnelChanges out;
  published.add_changes(std::move(attached), out);
  return out;
}

TEST(PublishedAttachments, EachWriteHasWhatHasChangedSinceTheLast) {
  PublishedAttachments published;
  EXPECT_TRUE(published.empty());
  const auto first =
      changes_of(published, {attachment_row("b"), attachment_row("a"), attachment_row("a", 0, "run2")});
  EXPECT_EQ(first.attached.size(), 3u);
  published.published(first, true);
  EXPECT_FALSE(published.empty());
  EXPECT_EQ(changes_of(published, {attachment_row("a"), attachment_row("b"), attachment_row("a", 0, "run2")})
                .size(),
            0u);
  const auto second = changes_of(published, {attachment_row("a", 5), attachment_row("b")});
  ASSERT_EQ(second.attached.size(), 1u);
  EXPECT_EQ(second.attached[0].tunnels, 5);
  ASSERT_EQ(second.detached.size(), 1u);
  EXPECT_EQ(second.detached[0].connector, "a");
  EXPECT_EQ(second.detached[0].instance, "run2");
  published.published(second, true);
  published.published(changes_of(published, {}), true);
  EXPECT_TRUE(published.empty());
}

TEST(PublishedAttachments, AllFollowAnewWhereTheStoreHasForgottenTheProcess) {
  PublishedAttachments published;
  published.published(changes_of(published, {attachment_row("a")}), true);
  published.published(changes_of(published, {attachment_row("a"), attachment_row("b")}), false);
  const auto next = changes_of(published, {attachment_row("a"), attachment_row("b")});
  ASSERT_EQ(next.attached.size(), 1u);
  EXPECT_EQ(next.attached[0].connector, "a");
}

TEST(PublishedAttachments, OneWriteIsBoundedAndNoneIsLeftBehind) {
  std::vector<AttachmentRow> all;
  for (std::size_t i = 0; i < kMaxPublishedAttachments + 10; ++i)
    all.push_back(attachment_row(std::to_string(i)));
  PublishedAttachments published;
  const auto first = changes_of(published, all);
  EXPECT_EQ(first.size(), kMaxPublishedAttachments);
  published.published(first, true);
  for (AttachmentRow& one : all) one.tunnels = 1;
  const auto second = changes_of(published, all);
  EXPECT_EQ(second.size(), kMaxPublishedAttachments);
  EXPECT_GT(second.attached.front().connector, first.attached.back().connector)
      << "those that had to wait come first";
  published.published(second, true);
  const auto third = changes_of(published, {});
  EXPECT_EQ(third.detached.size(), kMaxPublishedAttachments);
}

}  // namespace
}  // namespace cfpipe::edge
