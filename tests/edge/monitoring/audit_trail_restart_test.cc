// Spools of the processes that serve beside each other while an edge restarts.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "base/platform/files.h"
#include "edge/audit_trail_fixture.h"

namespace cfpipe::edge {
namespace {

/// Another process of an edge that restarts.
struct TrailProcess {
  TrailProcess(const boost::asio::any_io_executor& executor, const TempDir& dir)
      : store(open_sqlite_store(dir / "state").value()), trail(executor, store->audit()) {
    EXPECT_TRUE(trail.use_spool(dir / "spool"));
  }
  std::unique_ptr<Store> store;
  AuditTrail trail;
};

TEST_F(AuditTrailTest, TheFirstSpoolGoesFromAProcessThatEndsToTheOneThatBegins) {
  fill_disk();
  EXPECT_TRUE(add("spooled by the first").kept);
  TrailProcess next(io_.get_executor(), dir_);
  EXPECT_TRUE(trail_->keeps_spool());
  EXPECT_FALSE(next.trail.keeps_spool());
  // As long as there is a row in it, the first keeps it; the second has another.
  trail_->leave_spool();
  trail_->follow_up(kNow);
  next.trail.follow_up(kNow);
  EXPECT_FALSE(next.trail.keeps_spool());
  EXPECT_TRUE(next.trail.append(row("denial", "spooled by the second")).kept);
  EXPECT_TRUE(next.trail.has_room());
  make_room();
  trail_->follow_up(kNow);
  trail_->follow_up(kNow);
  next.trail.follow_up(kNow);
  EXPECT_FALSE(trail_->keeps_spool());
  EXPECT_TRUE(next.trail.keeps_spool());
  EXPECT_FALSE(trail_->retake_spool());
  fill_disk();
  EXPECT_TRUE(next.trail.append(row("denial", "of the second again")).kept);
  EXPECT_TRUE(add("of the first again").kept) << "it still ends tunnels";
  make_room();
  next.trail.follow_up(kNow);
  trail_->follow_up(kNow);
  EXPECT_EQ(people(), "spooled by the first spooled by the second of the second again of the first again ");
  EXPECT_EQ(trail_->lost() + next.trail.lost(), 0u);
}

/// On a disk that is full none can be made, and processes of several restarts may drain there.
TEST_F(AuditTrailTest, TheSpoolsOfProcessesToComeAreMadeBeforehand) {
  for (std::size_t i = 1; i < kSpools; ++i) {
    struct stat info {};
    ASSERT_EQ(::stat((dir_ / ("spool-" + std::to_string(i))).c_str(), &info), 0) << i;
    EXPECT_EQ(static_cast<std::size_t>(info.st_size), kSpoolBytes) << i;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << i;
  }
}

TEST_F(AuditTrailTest, ARestartWhileTheDiskIsFullKeepsTheEndsOfTunnelsWithTheirBeginnings) {
  fill_disk();
  const auto before = trail_->append(row("tunnel_open", "before"));
  TrailProcess next(io_.get_executor(), dir_);
  trail_->leave_spool();
  const auto after = next.trail.append(row("tunnel_open", "after"));
  EXPECT_NE(before.id, after.id) << "each stands for one tunnel";
  TrailProcess third(io_.get_executor(), dir_);
  next.trail.leave_spool();
  for (int second = 0; second < 3; ++second)
    for (AuditTrail* trail : {trail_.get(), &next.trail, &third.trail}) trail->follow_up(kNow);
  EXPECT_TRUE(trail_->append(row("tunnel_close", "before", before.id)).kept);
  EXPECT_TRUE(next.trail.append(row("tunnel_close", "after", after.id)).kept);
  EXPECT_TRUE(third.trail.append(row("denial", "third")).kept);
  make_room();
  for (int second = 0; second < 3; ++second)
    for (AuditTrail* trail : {trail_.get(), &next.trail, &third.trail}) trail->follow_up(kNow);
  std::map<std::string, std::int64_t> opened;
  int closed = 0;
  for (const AuditRow& one : rows()) {
    if (one.kind == "tunnel_open") opened[one.identity] = one.id;
    if (one.kind != "tunnel_close") continue;
    ++closed;
    EXPECT_EQ(one.tunnel, opened[one.identity]) << one.identity;
  }
  EXPECT_EQ(closed, 2);
  EXPECT_EQ(rows().size(), 5u);
  EXPECT_TRUE(third.trail.keeps_spool());
}

TEST_F(AuditTrailTest, RowsOfAProcessThatIsGoneFollowOnceEach) {
  fill_disk();
  {
    TrailProcess next(io_.get_executor(), dir_);
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(next.trail.append(row("denial", std::to_string(i))).kept);
  }
  trail_->follow_up(kNow);
  EXPECT_EQ(trail_->spooled(), 300u);
  make_room();
  trail_->follow_up(kNow);
  EXPECT_EQ(rows().size(), 250u) << "a part";
  // Killed, and what it had removed from the file is there again, as after a crash of the system.
  std::string bytes;
  {
    std::ifstream in(dir_ / "spool-1", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  trail_->follow_up(kNow);
  EXPECT_EQ(rows().size(), 300u);
  trail_.reset();
  ASSERT_TRUE(replace_file(dir_ / "spool-1", bytes, 0600));
  start();
  trail_->follow_up(kNow);
  std::set<std::string> who;
  for (const AuditRow& one : rows()) EXPECT_TRUE(who.insert(one.identity).second) << one.identity;
  EXPECT_EQ(who.size(), 300u);
  EXPECT_FALSE(AuditSpool::holds_rows(dir_ / "spool-1")) << "it is not read again every second";
}

TEST_F(AuditTrailTest, MoreProcessesThanThereAreSpoolsWaitForOne) {
  std::vector<std::unique_ptr<TrailProcess>> others;
  for (std::size_t i = 1; i < kSpools; ++i)
    others.push_back(std::make_unique<TrailProcess>(io_.get_executor(), dir_));
  TrailProcess last(io_.get_executor(), dir_);
  fill_disk();
  for (auto& one : others) EXPECT_TRUE(one->trail.append(row("denial", "kept")).kept);
  EXPECT_FALSE(last.trail.append(row("denial", "lost")).kept);
  EXPECT_FALSE(last.trail.has_room());
  others.pop_back();
  last.trail.follow_up(kNow);
  EXPECT_EQ(last.trail.spooled(), 1u) << "of the process that has ended";
  EXPECT_TRUE(last.trail.append(row("denial", "kept")).kept);
  EXPECT_TRUE(last.trail.has_room());
}

}  // namespace
}  // namespace cfpipe::edge
