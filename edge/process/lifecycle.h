#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "edge/handlers/handlers.h"
#include "edge/limits/memory_budget.h"
#include "edge/limits/memory_watch.h"
#include "edge/listener/server.h"
#include "edge/monitoring/audit_export.h"
#include "edge/process/served_mark.h"
#include "edge/terminal/terminals.h"
#include "service/systemd.h"

namespace cfpipe::edge {

/// How long open tunnels of `dev` may go on after SIGTERM; others as the configuration has it.
inline constexpr std::chrono::milliseconds kDevDrain{500};
/// And how long they get to say so once they are cut.
inline constexpr std::chrono::milliseconds kLastWords{2'000};

/// Rows of a kind that are deleted in a second once nothing needs them any more, and the pause between two
/// parts of an audit whose copy is behind: other requests are served meanwhile.
inline constexpr std::int64_t kPrunedRows = 500;
inline constexpr std::chrono::milliseconds kCopyPause{20};

/// What a running edge is made of. All of it outlives what reacts to signals and time, on the loop `io`.
struct Serving {
  boost::asio::io_context& io;
  Server& server;
  Handlers& handlers;
  Store& store;
  AuditLog& audit_log;
  const service::ServiceManager& manager;
  terminal::Terminals& terminals;
  std::shared_ptr<MemoryBudget> memory;
};

/// Logs what is wrong with the owner and mode of the key: only this user, root and a group that renews
/// certificates may read it.
void look_at_private_key(const std::string& path);
/// Bounds what peers may make this process hold as the configuration has it, or a quarter of what the process
/// may have; says in the log where that is less than was asked for.
void bound_memory(MemoryBudget& budget, const Config& config);
/// Says in the log what is wrong with the identity provider, and with the agents that hold keys of CAs, in a
/// while: they may well come up after the edge.
void look_around(const Serving& serving);

/// Ends the event loop once nothing is left to serve: after SIGTERM or SIGINT requests are answered and
/// tunnels may finish, for a while. A second signal ends them at once, a third does not wait for their last
/// words. SIGUSR1, which comes when a process in front of this one ends too, is heard once.
class Ending {
 public:
  /// `begun` is called when the first signal has come.
  Ending(const Serving& serving, std::chrono::milliseconds drain, std::function<void()> begun);
  ~Ending();
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  /// The listener takes no more connections.
  void listener_ended();
  /// The loop has ended, and the server goes: nothing of it is asked any more, also where a signal has come
  /// that the loop has not handled yet.
  void over();
  /// Whether the edge has been asked to end.
  bool begun() const { return asked_ > 0; }
  /// For an end that has not begun.
  void use_drain(std::chrono::milliseconds drain) { drain_ = drain; }

 private:
  void wait();
  void begin();
  void stop(std::chrono::milliseconds drain);
  void end_within(std::chrono::milliseconds time);
  void end_if_idle();

  Serving serving_;
  std::chrono::milliseconds drain_;
  std::function<void()> on_begun_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer deadline_;
  int asked_ = 0;
  bool ended_ = false;
  bool over_ = false;
};

/// What those who watch the edge are told: /metrics, /healthz, /readyz.
Answer admin_answer(const Serving& serving, const Ending& ending, std::string_view path);

/// What a running edge does every second: it ends tunnels that were revoked by other processes or whose time
/// is up, copies new rows of the audit, deletes what is too old, looks at memory, and tells the service
/// manager that its loop turns; and `more`.
class Watch {
 public:
  explicit Watch(const Serving& serving, std::function<void()> more = {});
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void wait();
  void copy_audit();
  void prune();

  Serving serving_;
  MemoryWatch memory_;
  std::function<void()> more_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer copying_;
  bool prunes_ = true;   ///< the last time
  bool copies_ = false;  ///< the same
};

/// On SIGHUP serves by what the configuration file, and the certificate it names, say then. A file with a
/// fault changes nothing; nor does what only a start can change, which is said.
class Reloading {
 public:
  /// `config` is what is served by now. Both others outlive it.
  Reloading(const Serving& serving, std::string config_path, Config config, Ending& ending, ServedMark& mark);
  Reloading(const Reloading&) = delete;
  Reloading& operator=(const Reloading&) = delete;

  /// Where this process has begun to end and the one that came after it serves by another configuration,
  /// that is the one for the tunnels that are left.
  void follow();
  /// As Ending::over().
  void over();

 private:
  void wait();
  bool reload();

  Serving serving_;
  std::string config_path_;
  Config config_;
  Ending& ending_;
  ServedMark& mark_;
  boost::asio::signal_set signals_;
  bool over_ = false;
};

}  // namespace cfpipe::edge
