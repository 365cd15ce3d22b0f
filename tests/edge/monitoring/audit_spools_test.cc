// Spools of the audit without a trail: two processes are two objects on one directory.
#include "edge/monitoring/audit_spools.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

/// Files of this process grow no further, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit now = before_;
    now.rlim_cur = bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &now), 0);
    std::signal(SIGXFSZ, SIG_IGN);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

struct SpoolsProcess {
  explicit SpoolsProcess(const TempDir& dir)
      : store(open_sqlite_store(dir / "state").value()), spools(store->audit()) {}
  Result<void> start(const TempDir& dir) { return spools.use(dir / "spool"); }
  bool add(const std::string& who, bool flush = false) { return add("denial", who, 0, flush) != 0; }
  /// The number of the row, or 0.
  std::int64_t add(const std::string& kind, const std::string& who, std::int64_t tunnel, bool flush = false) {
    SpooledRow out;
    out.number = spools.next_number();
    out.row.time = 2'000'000'000;
    out.row.kind = kind;
    out.row.identity = who;
    out.row.tunnel = tunnel;
    return spools.add({out}, flush) ? out.number : 0;
  }
  std::unique_ptr<Store> store;
  AuditSpools spools;
};

class AuditSpoolsTest : public ::testing::Test {
 protected:
  std::unique_ptr<SpoolsProcess> start() {
    auto out = std::make_unique<SpoolsProcess>(dir_);
    const auto started = out->start(dir_);
    EXPECT_TRUE(started) << started.error().detail;
    return out;
  }
  std::vector<AuditRow> rows() {
    std::vector<AuditRow> out;
    EXPECT_TRUE(open_sqlite_store(dir_ / "state").value()->audit().read(0, [&out](const AuditRow& one) {
      out.push_back(one);
      return true;
    }));
    return out;
  }
  std::string people() {
    std::string out;
    for (const AuditRow& one : rows()) out += one.identity + " ";
    return out;
  }

  TempDir dir_;
};

TEST_F(AuditSpoolsTest, WithoutAFileThereIsNoRoom) {
  SpoolsProcess process(dir_);
  EXPECT_TRUE(process.spools.use(""));
  process.spools.hand_on(false);
  EXPECT_FALSE(process.spools.has_first());
  EXPECT_FALSE(process.spools.roomy());
  EXPECT_FALSE(process.add("lost"));
  EXPECT_EQ(process.spools.fault(), "there is none");
  EXPECT_EQ(process.spools.waiting(), 0u);
  EXPECT_TRUE(process.spools.empty_some());
}

TEST_F(AuditSpoolsTest, AFileThatIsNoneOfOursIsRefused) {
  std::filesystem::create_directory(dir_ / "spool");
  SpoolsProcess process(dir_);
  const auto started = process.start(dir_);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().detail.find(dir_ / "spool"), std::string::npos) << started.error().detail;
}

TEST_F(AuditSpoolsTest, TheFirstIsHandedOverOnceItIsLeftAndEmpty) {
  const auto old = start();
  const auto next = start();
  EXPECT_TRUE(old->spools.has_first());
  EXPECT_FALSE(next->spools.has_first());
  EXPECT_TRUE(old->add("a"));
  old->spools.hand_on(false);
  next->spools.hand_on(false);
  EXPECT_TRUE(old->spools.has_first()) << "no process has left";
  old->spools.leave();
  old->spools.hand_on(false);
  EXPECT_TRUE(old->spools.has_first()) << "a row is in it";
  EXPECT_TRUE(old->spools.empty_some());
  old->spools.hand_on(true);
  EXPECT_TRUE(old->spools.has_first()) << "a row may come";
  old->spools.hand_on(false);
  EXPECT_FALSE(old->spools.has_first());
  next->spools.hand_on(false);
  EXPECT_TRUE(next->spools.has_first());
  EXPECT_FALSE(old->spools.retake());
  EXPECT_TRUE(old->add("b")) << "it has a spare for what it has still to say";
  EXPECT_TRUE(old->spools.empty_some());
  EXPECT_EQ(people(), "a b ");
}

TEST_F(AuditSpoolsTest, AProcessThatStaysAfterAllTakesTheFirstAgain) {
  const auto process = start();
  process->spools.leave();
  process->spools.hand_on(false);
  EXPECT_FALSE(process->spools.has_first());
  EXPECT_TRUE(process->spools.retake());
  process->spools.hand_on(false);
  EXPECT_TRUE(process->spools.has_first());
}

TEST_F(AuditSpoolsTest, RowsOfAProcessThatIsGoneAreOfTheOneWithTheFirst) {
  const auto process = start();
  const auto draining = start();
  {
    const auto gone = start();
    EXPECT_TRUE(gone->add("orphan"));
  }
  draining->spools.hand_on(false);
  EXPECT_EQ(draining->spools.waiting(), 0u) << "it has another";
  process->spools.hand_on(false);
  EXPECT_EQ(process->spools.waiting(), 1u);
  EXPECT_TRUE(process->spools.empty_some());
  EXPECT_EQ(process->spools.waiting(), 0u);
  EXPECT_EQ(people(), "orphan ");
  process->spools.hand_on(false);
  const auto next = start();
  EXPECT_TRUE(next->add("kept")) << "the orphan's spool is free again";
}

TEST_F(AuditSpoolsTest, RowsOfALifeBeforeFollowTheirOrder) {
  for (const char* who : {"a", "b"}) EXPECT_TRUE(start()->add(who));
  const auto process = start();
  EXPECT_EQ(process->spools.waiting(), 2u);
  EXPECT_TRUE(process->add("c", true));
  EXPECT_TRUE(process->spools.empty_some());
  EXPECT_EQ(people(), "a b c ");
  EXPECT_EQ(start()->spools.waiting(), 0u);
}

TEST_F(AuditSpoolsTest, SparesServeProcessesThatBeginOnAFullDisk) {
  const auto process = start();
  const FullDisk disk(kSpoolBytes / 2);
  std::vector<std::unique_ptr<SpoolsProcess>> others;
  for (std::size_t i = 1; i < kSpools; ++i) {
    others.push_back(start());
    EXPECT_TRUE(others.back()->add("kept")) << i;
    EXPECT_TRUE(others.back()->spools.roomy()) << i;
  }
  const auto last = start();
  EXPECT_FALSE(last->add("lost")) << "all are taken";
  EXPECT_EQ(last->spools.fault(), "there is none");
}

TEST_F(AuditSpoolsTest, WithoutSparesAFullDiskIsRefusedUntilItHasRoom) {
  {
    const FullDisk disk(kSpoolBytes / 2);
    const auto process = start();
    EXPECT_TRUE(process->spools.has_first());
    EXPECT_FALSE(process->spools.roomy());
    EXPECT_FALSE(process->add("lost"));
    EXPECT_EQ(process->spools.fault(), "it is full");
    const auto next = start();
    EXPECT_FALSE(next->add("lost"));
    EXPECT_EQ(next->spools.fault(), "there is none");
    EXPECT_EQ(process->spools.waiting() + next->spools.waiting(), 0u);
  }
  const auto process = start();
  EXPECT_TRUE(process->add("kept"));
}

TEST_F(AuditSpoolsTest, AFullOneTakesNothingOfABatchAndKeepsWhatItHas) {
  const auto process = start();
  std::vector<SpooledRow> batch(1000);
  for (SpooledRow& one : batch) one.row.reason = std::string(500, 'x');
  std::size_t kept = 0;
  bool roomy = true;
  for (;; kept += batch.size()) {
    ASSERT_LT(kept, kSpoolBytes);
    roomy = process->spools.roomy();
    for (SpooledRow& one : batch) one.number = process->spools.next_number();
    if (!process->spools.add(batch, false)) break;
  }
  EXPECT_FALSE(roomy) << "the reserve is used last";
  EXPECT_GT(kept, 1000u);
  EXPECT_EQ(process->spools.fault(), "it is full");
  EXPECT_EQ(process->spools.waiting(), kept);
}

TEST_F(AuditSpoolsTest, TheEndOfATunnelGetsTheIdThatTheStateGaveIt) {
  const auto process = start();
  const std::int64_t early = process->add("tunnel_open", "early", 0);
  const std::int64_t late = process->add("tunnel_open", "late", 0);
  EXPECT_NE(process->add("tunnel_close", "early", -early), 0);
  EXPECT_TRUE(process->spools.empty_some());
  EXPECT_EQ(process->spools.waiting(), 1u) << "the end waits until its beginning has an id";
  EXPECT_TRUE(process->spools.empty_some());
  const auto all = rows();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2].tunnel, all[0].id);
  AuditRow end;
  end.kind = "tunnel_close";
  for (const std::int64_t expected : {all[1].id, -late}) {
    end.tunnel = -late;
    process->spools.renumber(end);
    EXPECT_EQ(end.tunnel, expected) << "a tunnel ends once";
  }
}

}  // namespace
}  // namespace cfpipe::edge
