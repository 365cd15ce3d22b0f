#include "edge/store/sqlite_writer.h"

#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/platform/wakeup.h"
#include "base/shortage.h"
#include "edge/store/sqlite_audit_insert.h"
#include "edge/store/sqlite_revocations.h"
#include "edge/store/sqlite_schema.h"
#include "edge/store/sqlite_tunnel_changes.h"

namespace cfpipe::edge {

using Ids = Result<std::vector<std::int64_t>>;

class SqliteWriter::Connection {
 public:
  /// Throws std::runtime_error.
  explicit Connection(Db db) : db_(std::move(db)) {}
  SqliteAuditInsert& audit() { return insert_; }
  SqliteTunnelChanges& tunnels() { return tunnels_; }

 private:
  Db db_;
  SqliteRevocations revocations_{db_.get()};
  SqliteAuditInsert insert_{db_.get(), revocations_};
  SqliteTunnelChanges tunnels_{db_.get()};
};

/// Something to do on the thread, and who waits for it.
struct SqliteWriter::Job {
  explicit Job(const boost::asio::any_io_executor& executor) : finished(std::make_shared<Wakeup>(executor)) {}
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual void run(Connection& connection) = 0;
  virtual void fail(const Failure& why) = 0;
  const std::shared_ptr<Wakeup> finished;
};

template <class T>
struct SqliteWriter::JobOf final : Job {
  JobOf(const boost::asio::any_io_executor& executor, Work<T> w) : Job(executor), work(std::move(w)) {}
  void run(Connection& connection) override { result = work(connection); }
  void fail(const Failure& why) override { result = why; }
  const Work<T> work;
  std::optional<Result<T>> result;
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
  return perform<std::vector<std::int64_t>>(
      [rows = std::move(rows)](Connection& connection) { return connection.audit().insert_all(rows); });
}

boost::asio::awaitable<Result<bool>> SqliteWriter::publish(std::string edge, TunnelChanges changes,
                                                           std::int64_t now) {
  return perform<bool>([edge = std::move(edge), changes = std::move(changes), now](Connection& connection) {
    return connection.tunnels().publish(edge, changes, now);
  });
}

boost::asio::awaitable<Result<void>> SqliteWriter::erase_edge(std::string edge) {
  return perform<void>(
      [edge = std::move(edge)](Connection& connection) { return connection.tunnels().erase_edge(edge); });
}

template <class T>
boost::asio::awaitable<Result<T>> SqliteWriter::perform(Work<T> work) {
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto job = std::make_shared<JobOf<T>>(executor, std::move(work));
  if (!hand_over(job))
    co_return Failure(Stage::state, Cause::state_write_failed,
                      "state database: the system gives no thread to write with");
  // Nothing of this is touched behind the wait.
  co_await job->finished->wait();
  co_return std::move(*job->result);
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

/// What is thrown, for want of memory, is the job's failure alone.
void SqliteWriter::run(Job& job, Connection& connection) {
  try {
    job.run(connection);
  } catch (...) {
    job.fail(failure_of_exception(std::current_exception(), Stage::state));
  }
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
      run(*job, *connection);
    else
      job->fail(opened.error());
    job->finished->notify();
  }
}

}  // namespace cfpipe::edge
