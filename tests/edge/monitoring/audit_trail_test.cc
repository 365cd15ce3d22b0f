// Rows of the audit while the database does not take them.
#include "edge/monitoring/audit_trail.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/platform/files.h"
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr std::int64_t kNow = 2'000'000'000;

class AuditTrailTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override { sqlite3_close(db_); }

  /// As a process does it; the one before was killed.
  void start() {
    trail_.reset();
    state_ = open_sqlite_state(dir_.file("state")).value();
    if (db_ == nullptr) {
      ASSERT_EQ(sqlite3_open(dir_.file("state/edge.db").c_str(), &db_), SQLITE_OK);
    }
    trail_ = std::make_unique<AuditTrail>(io_.get_executor(), *state_);
    const auto used = trail_->use_spool(dir_.file("spool"));
    ASSERT_TRUE(used) << used.error().detail;
  }
  void sql(const char* text) {
    ASSERT_EQ(sqlite3_exec(db_, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }
  /// The database takes no rows of the audit, as on a disk that is full.
  void fill_disk() {
    sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'database or disk is full'); "
        "END");
  }
  void make_room() { sql("DROP TRIGGER full"); }

  static AuditRow row(const std::string& kind, const std::string& who, std::int64_t tunnel = 0) {
    AuditRow out;
    out.time = kNow;
    out.kind = kind;
    out.identity = who;
    out.tunnel = tunnel;
    return out;
  }
  AuditTrail::Kept add(const std::string& who) { return trail_->append(row("denial", who)); }
  std::vector<AuditRow> rows() {
    std::vector<AuditRow> out;
    EXPECT_TRUE(state_->read_audit(0, [&out](const AuditRow& one) { out.push_back(one); }));
    return out;
  }
  std::string people() {
    std::string out;
    for (const AuditRow& one : rows()) out += (one.kind == "audit_gap" ? one.kind : one.identity) + " ";
    return out;
  }
  /// What each of so many concurrent requests learned.
  std::vector<bool> on_disk(int count) {
    std::vector<bool> kept;
    for (int i = 0; i < count; ++i)
      boost::asio::co_spawn(io_, trail_->append_on_disk(row("certificate", std::to_string(i))),
                            [&kept](const std::exception_ptr& error, bool one) {
                              EXPECT_FALSE(error);
                              kept.push_back(one);
                            });
    io_.restart();
    io_.run();
    return kept;
  }

  TempDir dir_;
  boost::asio::io_context io_{1};
  sqlite3* db_ = nullptr;
  std::unique_ptr<State> state_;
  std::unique_ptr<AuditTrail> trail_;
};

TEST_F(AuditTrailTest, RowsGoToTheStateWhileItTakesThem) {
  EXPECT_TRUE(add("a").kept);
  EXPECT_GT(add("b").id, 0);
  EXPECT_EQ(people(), "a b ");
  EXPECT_TRUE(trail_->has_room());
  EXPECT_EQ(trail_->fault(), "");
}

TEST_F(AuditTrailTest, RowsWaitInTheSpoolAndFollowInOrder) {
  add("a");
  fill_disk();
  for (const char* who : {"b", "c"}) {
    const auto kept = add(who);
    EXPECT_TRUE(kept.kept);
    EXPECT_LT(kept.id, 0);
  }
  EXPECT_TRUE(trail_->has_room());
  EXPECT_NE(trail_->fault().find("disk is full"), std::string::npos) << trail_->fault();
  EXPECT_EQ(trail_->spooled(), 2u);
  trail_->follow_up(kNow);
  EXPECT_EQ(people(), "a ") << "not yet";
  make_room();
  add("d");
  trail_->follow_up(kNow);
  add("e");
  EXPECT_EQ(people(), "a b c d e ");
  EXPECT_EQ(trail_->spooled(), 0u);
  EXPECT_EQ(trail_->fault(), "");
  EXPECT_EQ(trail_->lost(), 0u);
}

TEST_F(AuditTrailTest, RowsFollowAfterARestartOnceEach) {
  fill_disk();
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(add(std::to_string(i)).kept);
  start();
  EXPECT_EQ(trail_->spooled(), 600u);
  make_room();
  trail_->follow_up(kNow);
  EXPECT_EQ(trail_->spooled(), 600u - kUnspooledRows) << "a part at a time";
  start();
  EXPECT_EQ(trail_->spooled(), 600u - kUnspooledRows) << "the state knows what it has";
  for (int i = 0; i < 3; ++i) trail_->follow_up(kNow);
  start();
  EXPECT_EQ(trail_->spooled(), 0u);
  ASSERT_EQ(rows().size(), 600u);
  for (int i = 0; i < 600; ++i) EXPECT_EQ(rows()[static_cast<std::size_t>(i)].identity, std::to_string(i));
}

TEST_F(AuditTrailTest, EveryFieldOfARowFollows) {
  fill_disk();
  AuditRow full = row("login", "ann \"the\" first");
  full.application = "vm.localhost";
  full.peer = "2001:db8::1";
  full.ray = "ray-1";
  full.serial = 7;
  full.key_id = "ann/7";
  full.up_bytes = 5'000'000'000;
  full.down_bytes = 6;
  full.reason = "\xc3\xa4\x1b";
  full.session = "0123456789abcdef";
  full.session_expires = kNow + 10;
  trail_->append(full);
  start();
  make_room();
  trail_->follow_up(kNow);
  ASSERT_EQ(rows().size(), 1u);
  const AuditRow kept = rows().front();
  EXPECT_EQ(kept.time, kNow);
  EXPECT_EQ(kept.kind, "login");
  EXPECT_EQ(kept.identity, full.identity);
  EXPECT_EQ(kept.application, full.application);
  EXPECT_EQ(kept.peer, full.peer);
  EXPECT_EQ(kept.ray, full.ray);
  EXPECT_EQ(kept.serial, 7u);
  EXPECT_EQ(kept.key_id, "ann/7");
  EXPECT_EQ(kept.up_bytes, full.up_bytes);
  EXPECT_EQ(kept.down_bytes, 6u);
  EXPECT_EQ(kept.reason, "\xc3\xa4?");
  EXPECT_EQ(state_->session("0123456789abcdef").value()->expires, kNow + 10);
}

TEST_F(AuditTrailTest, TheEndOfATunnelNamesItsBeginningWhereverThatWaited) {
  fill_disk();
  const std::int64_t early = trail_->append(row("tunnel_open", "early")).id;
  const std::int64_t late = trail_->append(row("tunnel_open", "late")).id;
  trail_->append(row("tunnel_close", "early", early));
  make_room();
  trail_->follow_up(kNow);
  trail_->follow_up(kNow);
  trail_->append(row("tunnel_close", "late", late));
  const auto all = rows();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[2].tunnel, all[0].id);
  EXPECT_EQ(all[3].tunnel, all[1].id);
}

TEST_F(AuditTrailTest, NothingIsGrantedOnceTheSpoolIsFullAndTheEndsOfTunnelsStillFit) {
  fill_disk();
  int granted = 0;
  for (; trail_->has_room() && granted < 100'000; ++granted) ASSERT_TRUE(add("x").kept);
  EXPECT_GT(granted, 1000);
  EXPECT_NE(trail_->fault().find("full"), std::string::npos);
  int ends = 0;
  while (ends < 100'000 && trail_->append(row("tunnel_close", "x", 1)).kept) ++ends;
  EXPECT_GT(ends, 500);
  EXPECT_EQ(trail_->lost(), 1u);
  struct stat info {};
  ASSERT_EQ(::stat(dir_.file("spool").c_str(), &info), 0);
  EXPECT_EQ(static_cast<std::size_t>(info.st_size), kSpoolBytes);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  make_room();
  for (int i = 0; i < 1000 && !trail_->fault().empty(); ++i) trail_->follow_up(kNow);
  EXPECT_TRUE(trail_->has_room());
  const auto all = rows();
  ASSERT_EQ(all.size(), static_cast<std::size_t>(granted + ends + 1));
  EXPECT_EQ(all.back().kind, "audit_gap");
  EXPECT_EQ(all.back().reason, "1 rows could not be kept");
}

TEST_F(AuditTrailTest, WithoutASpoolALostRowStopsGrantsUntilTheStateTakesRowsAgain) {
  AuditTrail bare(io_.get_executor(), *state_);
  fill_disk();
  EXPECT_FALSE(bare.append(row("denial", "a")).kept);
  EXPECT_FALSE(bare.has_room());
  bare.follow_up(kNow);
  EXPECT_FALSE(bare.has_room());
  make_room();
  bare.follow_up(kNow);
  EXPECT_TRUE(bare.has_room());
  EXPECT_EQ(people(), "audit_gap ");
}

/// Another process sees one change of the database for each commit.
TEST_F(AuditTrailTest, RowsThatComeTogetherShareOneWrite) {
  const auto other = open_sqlite_state(dir_.file("state")).value();
  std::set<std::int64_t> versions{other->others_changes().value()};
  boost::asio::io_context& io = io_;
  std::size_t answered = 0;
  for (int i = 0; i < 50; ++i)
    boost::asio::co_spawn(io, trail_->append_on_disk(row("certificate", std::to_string(i))),
                          [&](const std::exception_ptr&, bool kept) {
                            EXPECT_TRUE(kept);
                            ++answered;
                            versions.insert(other->others_changes().value());
                          });
  io.run();
  EXPECT_EQ(answered, 50u);
  EXPECT_EQ(rows().size(), 50u);
  EXPECT_LE(versions.size(), 20u) << "commits, and the version before";
}

TEST_F(AuditTrailTest, RowsThatComeTogetherAreSpooledTogether) {
  fill_disk();
  EXPECT_EQ(on_disk(20), std::vector<bool>(20, true));
  EXPECT_EQ(trail_->spooled(), 20u);
  make_room();
  trail_->follow_up(kNow);
  EXPECT_EQ(rows().size(), 20u);
}

TEST_F(AuditTrailTest, AllLearnThatTheirRowsAreLost) {
  trail_ = std::make_unique<AuditTrail>(io_.get_executor(), *state_);
  fill_disk();
  EXPECT_EQ(on_disk(20), std::vector<bool>(20, false));
  EXPECT_EQ(trail_->lost(), 20u);
}

/// A file as a crash, or somebody's editor, may leave it.
TEST_F(AuditTrailTest, ASpoolThatIsDamagedGivesTheRowsInFrontOfTheDamage) {
  fill_disk();
  for (const char* who : {"a", "b", "c"}) add(who);
  std::string bytes;
  {
    std::ifstream in(dir_.file("spool"), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t third = bytes.find("\"c\"");
  ASSERT_NE(third, std::string::npos);
  for (const std::string& damaged :
       {bytes.substr(0, third), bytes.substr(0, third) + "\"d" + bytes.substr(third + 2)}) {
    ASSERT_TRUE(replace_file(dir_.file("spool"), damaged, 0600));
    start();
    EXPECT_EQ(trail_->spooled(), 2u);
    EXPECT_LT(add("x").id, -2) << "no number twice";
  }
  for (const std::string& noise :
       {std::string(100, '\xff'), std::string(kSpoolBytes + 1, 'x'), std::string()}) {
    ASSERT_TRUE(replace_file(dir_.file("spool"), noise, 0600));
    start();
    EXPECT_EQ(trail_->spooled(), 0u);
    EXPECT_TRUE(add("x").kept);
  }
}

/// Rows are answered for only once they are on disk: none of those may be missing after a kill.
TEST_F(AuditTrailTest, NoRowThatWasAnsweredForIsMissingAfterAKill) {
  trail_.reset();
  state_.reset();
  std::set<std::uint64_t> serials;
  for (int round = 0; round < 6; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      boost::asio::io_context io(1);
      const auto state = open_sqlite_state(dir_.file("state"));
      if (!state) ::_exit(1);
      AuditTrail trail(io.get_executor(), **state);
      if (!trail.use_spool(dir_.file("spool"))) ::_exit(1);
      const auto request = [&]() -> boost::asio::awaitable<void> {
        for (;;) {
          const auto serial = (*state)->next_serial();
          if (!serial) ::_exit(1);
          AuditRow certificate = row("certificate", "ann");
          certificate.serial = *serial;
          if (!co_await trail.append_on_disk(certificate)) ::_exit(1);
          if (::write(ends[1], &*serial, sizeof *serial) < 0) ::_exit(1);
        }
      };
      for (int i = 0; i < 32; ++i) boost::asio::co_spawn(io, request(), [](const std::exception_ptr&) {});
      io.run();
      ::_exit(1);
    }
    ::close(ends[1]);
    std::uint64_t serial = 0;
    const auto next = [&] {
      return ::read(ends[0], &serial, sizeof serial) == static_cast<ssize_t>(sizeof serial);
    };
    for (int i = 0; i < 100 + 40 * round && next(); ++i) EXPECT_TRUE(serials.insert(serial).second) << serial;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (next()) EXPECT_TRUE(serials.insert(serial).second) << serial;
    ::close(ends[0]);
  }
  EXPECT_GE(serials.size(), 600u);
  start();
  for (const AuditRow& one : rows()) serials.erase(one.serial);
  EXPECT_TRUE(serials.empty()) << serials.size() << " certificates without a row";
}

/// Another process of an edge that restarts.
struct Process {
  Process(const boost::asio::any_io_executor& executor, const TempDir& dir)
      : state(open_sqlite_state(dir.file("state")).value()), trail(executor, *state) {
    EXPECT_TRUE(trail.use_spool(dir.file("spool")));
  }
  std::unique_ptr<State> state;
  AuditTrail trail;
};

TEST_F(AuditTrailTest, TheFirstSpoolGoesFromAProcessThatEndsToTheOneThatBegins) {
  fill_disk();
  EXPECT_TRUE(add("spooled by the first").kept);
  Process next(io_.get_executor(), dir_);
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
    ASSERT_EQ(::stat(dir_.file("spool-" + std::to_string(i)).c_str(), &info), 0) << i;
    EXPECT_EQ(static_cast<std::size_t>(info.st_size), kSpoolBytes) << i;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << i;
  }
}

TEST_F(AuditTrailTest, ARestartWhileTheDiskIsFullKeepsTheEndsOfTunnelsWithTheirBeginnings) {
  fill_disk();
  const auto before = trail_->append(row("tunnel_open", "before"));
  Process next(io_.get_executor(), dir_);
  trail_->leave_spool();
  const auto after = next.trail.append(row("tunnel_open", "after"));
  EXPECT_NE(before.id, after.id) << "each stands for one tunnel";
  Process third(io_.get_executor(), dir_);
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
    Process next(io_.get_executor(), dir_);
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
    std::ifstream in(dir_.file("spool-1"), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  trail_->follow_up(kNow);
  EXPECT_EQ(rows().size(), 300u);
  trail_.reset();
  ASSERT_TRUE(replace_file(dir_.file("spool-1"), bytes, 0600));
  start();
  trail_->follow_up(kNow);
  std::set<std::string> who;
  for (const AuditRow& one : rows()) EXPECT_TRUE(who.insert(one.identity).second) << one.identity;
  EXPECT_EQ(who.size(), 300u);
  EXPECT_FALSE(AuditSpool::holds_rows(dir_.file("spool-1"))) << "it is not read again every second";
}

TEST_F(AuditTrailTest, MoreProcessesThanThereAreSpoolsWaitForOne) {
  std::vector<std::unique_ptr<Process>> others;
  for (std::size_t i = 1; i < kSpools; ++i)
    others.push_back(std::make_unique<Process>(io_.get_executor(), dir_));
  Process last(io_.get_executor(), dir_);
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
