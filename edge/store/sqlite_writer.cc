#include "edge/store/sqlite_writer.h"

#include <boost/asio/this_coro.hpp>
#include <stdexcept>
#include <utility>

#include "base/platform/wakeup.h"
#include "edge/store/sqlite_audit_insert.h"
#include "edge/store/sqlite_revocations.h"
#include "edge/store/sqlite_schema.h"

namespace cfpipe::edge {

using Ids = Result<std::vector<std::int64_t>>;

struct SqliteWriter::Job {
  Job(const boost::asio::any_io_executor& executor, std::vector<AuditRow> r)
      : rows(std::move(r)), done(std::make_shared<Wakeup>(executor)) {}
  const std::vector<AuditRow> rows;
  Ids ids = std::vector<std::int64_t>();
  std::shared_ptr<Wakeup> done;
};

class SqliteWriter::Connection {
 public:
  /// Throws std::runtime_error.
  explicit Connection(Db db) : db_(std::move(db)) {}
  Ids insert_all(const std::vector<AuditRow>& rows) { return insert_.insert_all(rows); }

 private:
  Db db_;
  SqliteRevocations revocations_{db_.get()};
  SqliteAuditInsert insert_{db_.get(), revocations_};
};

SqliteWriter::~SqliteWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

boost::asio::awaitable<Ids> SqliteWriter::insert_all(std::vector<AuditRow> rows) {
  const auto job = std::make_shared<Job>(co_await boost::asio::this_coro::executor, std::move(rows));
  if (!hand_over(job))
    co_return Failure(Stage::state, Cause::state_write_failed,
                      "state database: the system gives no thread to write with");
  // Nothing of this is touched behind the wait.
  co_await job->done->wait();
  co_return std::move(job->ids);
}

bool SqliteWriter::hand_over(std::shared_ptr<Job> job) {
  if (!thread_.joinable()) thread_ = quiet_thread([this] { run(); });
  if (!thread_.joinable()) return false;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

/// Null: no more come.
std::shared_ptr<SqliteWriter::Job> SqliteWriter::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
  if (jobs_.empty()) return nullptr;
  auto job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

void SqliteWriter::run() {
  std::unique_ptr<Connection> connection;
  const auto open = [this, &connection]() -> Result<void> {
    auto db = open_sqlite_database(dir_);
    if (!db) return db.error();
    try {
      connection = std::make_unique<Connection>(std::move(*db));
    } catch (const std::runtime_error& error) {
      return Failure(Stage::state, Cause::state_unreadable, "state database: " + printable(error.what()));
    }
    return {};
  };
  while (const auto job = next()) {
    // One that could not be opened is tried again: descriptors may have been short.
    const auto opened = connection ? Result<void>() : open();
    if (opened)
      job->ids = connection->insert_all(job->rows);
    else
      job->ids = opened.error();
    job->done->notify();
  }
}

}  // namespace cfpipe::edge
