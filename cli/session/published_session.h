#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "cli/session/open_sessions.h"
#include "cli/session/session_file.h"

namespace cfpipe::cli {

/// How long a tunnel stands before it is published: what is over sooner costs no file, and the first bytes do
/// not wait for one.
inline constexpr std::chrono::milliseconds kPublishAfter{500};

class PublishedTunnel;

/// What `cfpipe status` is told of this process. A failure to tell is a line of the log at level debug, and
/// there are no further attempts then.
class PublishedSession {
 public:
  /// `session`: without process, start and tunnels.
  PublishedSession(std::string state_directory, OpenSession session);
  /// Removes the file, and those of killed processes.
  ~PublishedSession();
  PublishedSession(const PublishedSession&) = delete;
  PublishedSession& operator=(const PublishedSession&) = delete;

  /// Writes what is known now.
  void publish();

 private:
  friend class PublishedTunnel;
  TunnelCounts counts() const;
  const std::string state_directory_;
  OpenSession session_;
  std::set<const PublishedTunnel*> tunnels_;  ///< those that are published
  std::int64_t resumed_ = 0;
  std::optional<SessionFile> file_;
  bool given_up_ = false;
};

/// One tunnel of a session, from when it is open to its end.
class PublishedTunnel {
 public:
  explicit PublishedTunnel(PublishedSession& session) : session_(session) {}
  ~PublishedTunnel();
  PublishedTunnel(const PublishedTunnel&) = delete;
  PublishedTunnel& operator=(const PublishedTunnel&) = delete;

  /// From now on the session tells of it.
  void publish();
  /// publish() after kPublishAfter, unless the wait is cancelled.
  boost::asio::awaitable<void> publish_if_it_lasts();
  /// It has lost its connection.
  void lost();
  /// It has another connection.
  void resumed();

 private:
  friend class PublishedSession;
  void tell() const;
  PublishedSession& session_;
  std::int64_t detached_since_ = 0;  ///< Unix seconds; 0: it has a connection
};

}  // namespace cfpipe::cli
