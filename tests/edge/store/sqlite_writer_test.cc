// Rows that another thread writes to SQLite.
#include "edge/store/sqlite_writer.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

using Ids = Result<std::vector<std::int64_t>>;

std::vector<AuditRow> one_row() {
  AuditRow row;
  row.time = 1;
  row.kind = "certificate";
  return {row};
}

class SqliteWriterTest : public ::testing::Test {
 protected:
  SqliteWriterTest() {
    sqlite3_open((dir_ / "state/edge.db").c_str(), &db_);
    writer_.emplace(dir_ / "state");
  }
  ~SqliteWriterTest() override { sqlite3_close(db_); }

  void sql(const char* text) {
    ASSERT_EQ(sqlite3_exec(db_, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }
  std::future<Ids> insert(boost::asio::io_context& loop) {
    return boost::asio::co_spawn(loop, writer_->insert_all(one_row()), boost::asio::use_future);
  }
  Ids result_of_one() {
    boost::asio::io_context loop(1);
    auto ids = insert(loop);
    loop.run();
    return ids.get();
  }
  std::size_t count() { return store_->audit().list_after(0, 1000).value().size(); }

  TempDir dir_;
  std::unique_ptr<Store> store_ = open_sqlite_store(dir_ / "state").value();
  sqlite3* db_ = nullptr;
  std::optional<SqliteWriter> writer_;
};

TEST_F(SqliteWriterTest, WritesInTheOrderOfTheCalls) {
  boost::asio::io_context loop(1);
  std::vector<std::future<Ids>> waited;
  for (int i = 0; i < 50; ++i) waited.push_back(insert(loop));
  loop.run();
  for (std::size_t i = 0; i < waited.size(); ++i)
    EXPECT_EQ(waited[i].get().value(), std::vector{static_cast<std::int64_t>(i + 1)});
}

TEST_F(SqliteWriterTest, FinishesWhatItsCallerHasAbandoned) {
  sql("BEGIN IMMEDIATE");
  {
    boost::asio::io_context loop(1);
    (void)insert(loop);
    (void)insert(loop);
    loop.poll();
  }
  sql("ROLLBACK");
  writer_.reset();
  EXPECT_EQ(count(), 2u);
}

TEST_F(SqliteWriterTest, TriesAgainToOpenTheDatabase) {
  const std::string file = dir_ / "state/edge.db";
  std::filesystem::rename(file, file + ".aside");
  std::filesystem::create_directory(file);
  const auto failed = result_of_one();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().stage, Stage::state);
  EXPECT_EQ(failed.error().detail.find('\n'), std::string::npos);
  std::filesystem::remove(file);
  std::filesystem::rename(file + ".aside", file);
  EXPECT_TRUE(result_of_one());
  EXPECT_EQ(count(), 1u);
}

}  // namespace
}  // namespace cfpipe::edge
