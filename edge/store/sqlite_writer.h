#pragma once

#include <boost/asio/awaitable.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "edge/store/audit_store.h"
#include "edge/store/tunnel_store.h"

namespace cfpipe::edge {

/// Writes over a connection of its own, on a thread of its own, which begins with the first call: what waits
/// there for the disk holds up no loop. Calls are carried out in their order. Used from one thread.
class SqliteWriter {
 public:
  /// `dir`: as of open_sqlite_store().
  explicit SqliteWriter(std::string dir) : dir_(std::move(dir)) {}
  /// What has been handed over is written first. Those who wait for it may wait on, or be gone.
  ~SqliteWriter();
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  /// As AuditStore::async_insert_all().
  boost::asio::awaitable<Result<std::vector<std::int64_t>>> insert_all(std::vector<AuditRow> rows);
  /// As TunnelStore::async_publish().
  boost::asio::awaitable<Result<bool>> publish(std::string edge, TunnelChanges changes, std::int64_t now);
  /// As TunnelStore::async_erase_edge().
  boost::asio::awaitable<Result<void>> erase_edge(std::string edge);

 private:
  class Connection;
  struct Job;
  template <class T>
  struct JobOf;
  template <class T>
  using Work = std::function<Result<T>(Connection&)>;
  /// Has it done on the thread.
  template <class T>
  boost::asio::awaitable<Result<T>> perform(Work<T> work);
  /// False: there is no thread for it.
  bool hand_over(std::shared_ptr<Job> job);
  void run();
  static void run(Job& job, Connection& connection);
  std::shared_ptr<Job> next();

  const std::string dir_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cfpipe::edge
