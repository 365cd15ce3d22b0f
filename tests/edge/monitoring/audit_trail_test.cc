// Rows of the audit while the database does not take them.
#include "edge/monitoring/audit_trail.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "base/platform/files.h"
#include "edge/audit_trail_fixture.h"

namespace cfpipe::edge {
namespace {

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
  full.session_device = "Firefox on Linux";
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
  const auto session = store_->revocations().find_session("0123456789abcdef").value();
  EXPECT_EQ(session->expires, kNow + 10);
  EXPECT_EQ(session->device, "Firefox on Linux");
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
  ASSERT_EQ(::stat((dir_ / "spool").c_str(), &info), 0);
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
  AuditTrail bare(io_.get_executor(), store_->audit());
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

/// Another connection sees one change of the database for each commit.
TEST_F(AuditTrailTest, RowsThatComeTogetherShareOneWrite) {
  std::set<std::int64_t> versions{data_version()};
  boost::asio::io_context& io = io_;
  std::size_t answered = 0;
  for (int i = 0; i < 50; ++i)
    boost::asio::co_spawn(io, trail_->append_on_disk(row("certificate", std::to_string(i))),
                          [&](const std::exception_ptr&, bool kept) {
                            EXPECT_TRUE(kept);
                            ++answered;
                            versions.insert(data_version());
                          });
  io.run();
  EXPECT_EQ(answered, 50u);
  EXPECT_EQ(rows().size(), 50u);
  EXPECT_LE(versions.size(), 20u) << "commits, and the version before";
}

/// Another program holds the database up, as a disk does.
TEST_F(AuditTrailTest, RowsThatComeDuringAWriteShareTheNextAndTheLoopGoesOn) {
  sql("BEGIN IMMEDIATE");
  std::set<std::int64_t> versions;
  std::size_t answered = 0;
  const auto append = [&](const std::string& who) {
    boost::asio::co_spawn(io_, trail_->append_on_disk(row("certificate", who)),
                          [&](const std::exception_ptr&, bool kept) {
                            EXPECT_TRUE(kept);
                            ++answered;
                            versions.insert(data_version());
                          });
  };
  append("first");
  io_.poll();  // to the end: its row is on its way
  for (int i = 0; i < 20; ++i) append(std::to_string(i));
  bool went_on = false;
  boost::asio::post(io_, [&went_on] { went_on = true; });
  io_.poll();
  EXPECT_TRUE(went_on);
  EXPECT_EQ(answered, 0u);
  sql("ROLLBACK");
  io_.run();
  EXPECT_EQ(answered, 21u);
  EXPECT_EQ(rows().size(), 21u);
  EXPECT_EQ(rows().front().identity, "first");
  EXPECT_LE(versions.size(), 2u) << "commits";
}

TEST_F(AuditTrailTest, ATrailMayGoWhileItsRowsAreWritten) {
  sql("BEGIN IMMEDIATE");
  bool answered = false;
  boost::asio::co_spawn(io_, trail_->append_on_disk(row("certificate", "ann")),
                        [&answered](const std::exception_ptr&, bool) { answered = true; });
  io_.poll();
  trail_.reset();
  sql("ROLLBACK");
  store_.reset();  // which writes what it has been handed
  io_.poll();
  EXPECT_FALSE(answered) << "by a trail that is gone";
  start();
  EXPECT_EQ(people(), "ann ");
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
  trail_ = std::make_unique<AuditTrail>(io_.get_executor(), store_->audit());
  fill_disk();
  EXPECT_EQ(on_disk(20), std::vector<bool>(20, false));
  EXPECT_EQ(trail_->lost(), 20u);
}

/// A file as a crash or an editor may leave it.
TEST_F(AuditTrailTest, ASpoolThatIsDamagedGivesTheRowsInFrontOfTheDamage) {
  fill_disk();
  for (const char* who : {"a", "b", "c"}) add(who);
  std::string bytes;
  {
    std::ifstream in(dir_ / "spool", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t third = bytes.find("\"c\"");
  ASSERT_NE(third, std::string::npos);
  for (const std::string& damaged :
       {bytes.substr(0, third), bytes.substr(0, third) + "\"d" + bytes.substr(third + 2)}) {
    ASSERT_TRUE(replace_file(dir_ / "spool", damaged, 0600));
    start();
    EXPECT_EQ(trail_->spooled(), 2u);
    EXPECT_LT(add("x").id, -2) << "no number twice";
  }
  for (const std::string& noise :
       {std::string(100, '\xff'), std::string(kSpoolBytes + 1, 'x'), std::string()}) {
    ASSERT_TRUE(replace_file(dir_ / "spool", noise, 0600));
    start();
    EXPECT_EQ(trail_->spooled(), 0u);
    EXPECT_TRUE(add("x").kept);
  }
}

/// Rows are answered for only once they are on disk: none of those may be missing after a kill.
TEST_F(AuditTrailTest, NoRowThatWasAnsweredForIsMissingAfterAKill) {
  trail_.reset();
  store_.reset();
  std::set<std::uint64_t> serials;
  for (int round = 0; round < 6; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      boost::asio::io_context io(1);
      const auto store = open_sqlite_store(dir_ / "state");
      if (!store) ::_exit(1);
      AuditTrail trail(io.get_executor(), (*store)->audit());
      if (!trail.use_spool(dir_ / "spool")) ::_exit(1);
      const auto request = [&]() -> boost::asio::awaitable<void> {
        for (;;) {
          const auto serial = (*store)->serials().next();
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

}  // namespace
}  // namespace cfpipe::edge
