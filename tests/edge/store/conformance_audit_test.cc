// The audit of any store: order, search, marks and pruning.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "edge/store/audit_text.h"
#include "edge/store/conformance.h"

namespace cfpipe::edge {
namespace {

class AuditStoreConformance : public StoreConformance {
 protected:
  AuditStore& audit() { return store_->audit(); }

  static AuditRow row(std::int64_t time, const std::string& kind, const std::string& identity,
                      const std::string& application = "vm.localhost") {
    AuditRow out;
    out.time = time;
    out.kind = kind;
    out.identity = identity;
    out.application = application;
    return out;
  }
  std::int64_t add(std::int64_t time, const std::string& kind, const std::string& identity,
                   const std::string& application = "vm.localhost") {
    return audit().insert(row(time, kind, identity, application)).value();
  }
  std::vector<AuditRow> rows(std::int64_t since = 0, std::size_t most = 100) {
    std::vector<AuditRow> out;
    EXPECT_TRUE(audit().read(since, [&](const AuditRow& one) {
      out.push_back(one);
      return out.size() < most;
    }));
    return out;
  }
  std::string kinds(std::int64_t since = 0, std::size_t most = 100) {
    std::string out;
    for (const AuditRow& one : rows(since, most)) out += one.kind + " ";
    return out;
  }
};

TEST_P(AuditStoreConformance, RowsSurviveReopeningWithAllTheirFields) {
  AuditRow written = row(kConformanceTime, "tunnel_close", "ann@example.com");
  written.peer = "192.0.2.1";
  written.ray = "0123";
  written.serial = 42;
  written.key_id = "ann/42";
  written.tunnel = 7;
  written.up_bytes = 5'000'000'000;
  written.down_bytes = 8;
  written.reason = "it's \"over\"";
  written.login_method = "corp";
  const std::int64_t id = audit().insert(written).value();
  reopen();
  ASSERT_EQ(rows().size(), 1u);
  const AuditRow read = rows().front();
  EXPECT_EQ(read.id, id);
  EXPECT_EQ(read.time, kConformanceTime);
  EXPECT_EQ(audit_fields(read), audit_fields(written));
  EXPECT_EQ(read.serial, 42u);
  EXPECT_EQ(read.tunnel, 7);
  EXPECT_EQ(read.up_bytes, 5'000'000'000u);
  EXPECT_EQ(read.down_bytes, 8u);
}

TEST_P(AuditStoreConformance, IdsAscendOverAllHandlesAndArePassedByPruning) {
  const std::int64_t first = add(1, "a", "");
  const std::int64_t second = under_test_->open()->audit().insert(row(1, "b", "")).value();
  EXPECT_GT(second, first);
  ASSERT_EQ(audit().prune(kConformanceTime, 10).value(), 2);
  EXPECT_GT(add(2, "c", ""), second) << "an id is not given twice";
}

TEST_P(AuditStoreConformance, ReadGoesByTimeThenIdUntilNoMoreIsWanted) {
  add(300, "c", "");
  add(100, "a", "");
  add(300, "d", "");
  add(200, "b", "");
  EXPECT_EQ(kinds(), "a b c d ");
  EXPECT_EQ(kinds(200), "b c d ");
  EXPECT_EQ(kinds(0, 1), "a ") << "no more is wanted";
}

TEST_P(AuditStoreConformance, InsertAllKeepsTheOrder) {
  const auto ids = audit().insert_all({row(1, "a", ""), row(1, "b", ""), row(1, "c", "")}).value();
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_TRUE(audit().insert_all({}).value().empty());
  reopen();
  EXPECT_EQ(kinds(), "a b c ");
  EXPECT_EQ(rows()[2].id, ids[2]);
}

TEST_P(AuditStoreConformance, AsyncInsertAllIsTheSameBesideTheLoop) {
  boost::asio::io_context loop(1);
  std::vector<std::int64_t> ids;
  int turns = 0;
  const auto keep = [&ids](const std::exception_ptr& error, Result<std::vector<std::int64_t>> added) {
    ASSERT_FALSE(error);
    ASSERT_TRUE(added) << added.error().detail;
    ids.insert(ids.end(), added->begin(), added->end());
  };
  AuditRow login = row(1, "login", "ann@example.com");
  login.session = "0123456789abcdef";
  login.session_expires = 1000;
  for (const auto& batch : {std::vector{row(1, "a", ""), row(1, "b", "")}, std::vector<AuditRow>(),
                            std::vector{row(1, "c", ""), login}})
    boost::asio::co_spawn(loop, audit().async_insert_all(batch), keep);
  boost::asio::post(loop, [&turns] { ++turns; });
  loop.run();
  EXPECT_EQ(turns, 1);
  ASSERT_EQ(ids.size(), 4u);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  const auto other = under_test_->open();
  EXPECT_TRUE(other->revocations().find_session("0123456789abcdef").value());
  reopen();
  EXPECT_EQ(kinds(), "a b c login ");
}

TEST_P(AuditStoreConformance, EveryTextIsPrintableHoweverItsRowComesIn) {
  AuditRow bad;
  bad.time = 100;
  for (std::string* text : {&bad.kind, &bad.identity, &bad.application, &bad.peer, &bad.ray, &bad.key_id,
                            &bad.reason, &bad.login_method})
    *text = "x\xff\x1b\xc2\x9b\n" + std::string(kMaxAuditTextBytes, 'y');
  ASSERT_TRUE(audit().insert(bad));
  ASSERT_TRUE(audit().insert_all({bad}));
  ASSERT_TRUE(audit().insert_spooled({bad}, 0, 1));
  ASSERT_EQ(rows().size(), 3u);
  for (const AuditRow& one : rows())
    for (const std::string& text : {one.kind, one.identity, one.application, one.peer, one.ray, one.key_id,
                                    one.reason, one.login_method})
      EXPECT_EQ(text, audit_text(bad.kind));
}

TEST_P(AuditStoreConformance, ASpoolsMarkComesWithItsRows) {
  EXPECT_EQ(audit().spool_mark(0).value(), 0);
  EXPECT_EQ(audit().insert_spooled({row(1, "a", ""), row(1, "b", "")}, 0, 17).value().size(), 2u);
  EXPECT_EQ(audit().insert_spooled({row(1, "c", "")}, 3, 5).value().size(), 1u);
  reopen();
  EXPECT_EQ(kinds(), "a b c ");
  EXPECT_EQ(audit().spool_mark(0).value(), 17);
  EXPECT_EQ(audit().spool_mark(1).value(), 0);
  EXPECT_EQ(audit().spool_mark(3).value(), 5);
}

TEST_P(AuditStoreConformance, TheFirstCopyMarkIsTheLastRow) {
  const std::int64_t last = add(1, "a", "");
  EXPECT_EQ(audit().copy_mark().value(), last);
  const std::int64_t next = add(1, "b", "");
  EXPECT_EQ(audit().copy_mark().value(), last);
  ASSERT_TRUE(audit().set_copy_mark(next));
  reopen();
  EXPECT_EQ(audit().copy_mark().value(), next);
}

TEST_P(AuditStoreConformance, TheCopyMarkOfAnEmptyAuditIsZero) {
  EXPECT_EQ(audit().copy_mark().value(), 0);
  add(1, "a", "");
  EXPECT_EQ(audit().copy_mark().value(), 0);
}

TEST_P(AuditStoreConformance, ListAfterGoesByIdAndIsBounded) {
  const std::int64_t first = add(300, "a", "");
  add(100, "b", "");
  add(200, "c", "");
  const auto behind = audit().list_after(first, 10).value();
  ASSERT_EQ(behind.size(), 2u);
  EXPECT_EQ(behind[0].kind + behind[1].kind, "bc");
  EXPECT_EQ(audit().list_after(0, 2).value().size(), 2u);
  EXPECT_TRUE(audit().list_after(behind[1].id, 10).value().empty());
}

TEST_P(AuditStoreConformance, SearchLooksAtSoManyRowsAndSaysWhereToGoOn) {
  const std::int64_t wanted = add(1000, "login", "ann@example.com");
  for (int batch = 0; batch < 5; ++batch)
    ASSERT_TRUE(audit().insert_all(
        std::vector<AuditRow>(kMaxSearchedRows / 2, row(1000, "denial", "ann@example.com"))));
  AuditQuery query;
  query.identity = "Ann@example.com";
  query.kind = "login";
  int parts = 0;
  std::vector<AuditRow> found;
  do {
    const AuditPage page = audit().search(query).value();
    found.insert(found.end(), page.rows.begin(), page.rows.end());
    query.before = page.next;
    ++parts;
  } while (query.before != 0 && parts < 10);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().id, wanted);
  EXPECT_EQ(parts, 3);
}

TEST_P(AuditStoreConformance, SearchGivesPagesNewestFirst) {
  for (const char* kind : {"a", "b", "c"}) add(1000, kind, "");
  AuditQuery query;
  query.most = 2;
  const AuditPage page = audit().search(query).value();
  ASSERT_EQ(page.rows.size(), 2u);
  EXPECT_EQ(page.rows[0].kind + page.rows[1].kind, "cb");
  query.before = page.next;
  const AuditPage last = audit().search(query).value();
  ASSERT_EQ(last.rows.size(), 1u);
  EXPECT_EQ(last.rows[0].kind, "a");
  EXPECT_EQ(last.next, 0);
}

TEST_P(AuditStoreConformance, SearchEndsBehindTheTimeThatIsAskedFor) {
  add(1000, "login", "ann@example.com");
  for (int i = 0; i < 3; ++i) add(100'000, "login", "bob@example.com");
  AuditQuery query;
  query.since = 90'000;
  const AuditPage page = audit().search(query).value();
  EXPECT_EQ(page.rows.size(), 3u);
  EXPECT_EQ(page.next, 0);
}

TEST_P(AuditStoreConformance, SearchFindsRowsFromBeforeAClockThatWasSetBack) {
  add(100'000, "login", "ann@example.com");
  add(100'000 - kClockSlackSeconds, "login", "ann@example.com");
  AuditQuery query;
  query.since = 100'000;
  EXPECT_EQ(audit().search(query).value().rows.size(), 1u);
}

TEST_P(AuditStoreConformance, SearchTakesTheFiltersTogether) {
  add(1000, "login", "ann@example.com");
  add(1000, "denial", "ann@example.com", "b.localhost");
  add(1000, "denial", "bob@example.com");
  const std::int64_t wanted = add(1000, "denial", "ann@example.com");
  for (const auto& [identity, application, kind, count] :
       {std::tuple("ann@example.com", "", "", 3u), std::tuple("", "vm.localhost", "", 3u),
        std::tuple("", "", "denial", 3u), std::tuple("ann@example.com", "vm.localhost", "denial", 1u),
        std::tuple("", "vm.localhost", "denial", 2u), std::tuple("", "", "", 4u)}) {
    AuditQuery query;
    query.identity = identity;
    query.application = application;
    query.kind = kind;
    const AuditPage page = audit().search(query).value();
    EXPECT_EQ(page.rows.size(), count) << identity << application << kind;
    if (count == 1) {
      EXPECT_EQ(page.rows.front().id, wanted);
    }
  }
}

TEST_P(AuditStoreConformance, FindsTheCertificatesOfAPersonWhateverElseTheyDid) {
  for (const auto& [serial, identity, time] :
       {std::tuple(5u, "ann@example.com", 200), std::tuple(3u, "Ann@Example.com", 150),
        std::tuple(4u, "ann@example.com", 99), std::tuple(6u, "bob@example.com", 200)}) {
    AuditRow certificate = row(time, "certificate", identity);
    certificate.serial = serial;
    ASSERT_TRUE(audit().insert(certificate));
  }
  add(200, "tunnel_open", "ann@example.com");
  EXPECT_EQ(audit().list_certificates("vm.localhost", "ann@example.com", 100).value(),
            (std::vector<std::uint64_t>{3, 5}));
}

TEST_P(AuditStoreConformance, PrunesAFewRowsAtATimeUntilNoneIsTooOld) {
  for (int i = 0; i < 5; ++i) add(kConformanceTime - kAuditSeconds - 1, "old", "");
  add(kConformanceTime - kAuditSeconds, "kept", "");
  EXPECT_EQ(audit().prune(kConformanceTime, 3).value(), 3);
  EXPECT_EQ(kinds(), "old old kept ");
  EXPECT_EQ(audit().prune(kConformanceTime, 3).value(), 2);
  EXPECT_EQ(audit().prune(kConformanceTime, 3).value(), 0);
  EXPECT_EQ(kinds(), "kept ");
}

INSTANTIATE_TEST_SUITE_P(Stores, AuditStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

}  // namespace
}  // namespace cfpipe::edge
