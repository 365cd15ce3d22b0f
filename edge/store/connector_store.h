#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::edge {

/// Connectors that are enrolled at once, and how many of their attachments one listing has at most.
inline constexpr std::int64_t kMaxConnectors = 10'000;
inline constexpr std::size_t kMaxListedAttachments = 10'000;
/// Resolution of the time of a connector's last attachment, in seconds: not every one is worth a write.
inline constexpr std::int64_t kLastAttachedSeconds = 60;

/// An enrolled connector. Times are Unix seconds.
struct ConnectorRow {
  std::string id;          ///< auth::is_connector_id()
  std::string name;        ///< auth::is_connector_name(); several connectors may share it
  std::string public_key;  ///< auth::kConnectorKeyBytes, raw
  std::string host;        ///< what its server calls itself
  std::int64_t created = 0;
  std::int64_t last_attached = 0;  ///< 0: never; exact to kLastAttachedSeconds
};

/// A run of a connector that is attached to a process of the edge, as that has written it down.
struct AttachmentRow {
  std::string edge;       ///< name of that process
  std::string connector;  ///< id of the enrolment
  std::string instance;   ///< of the run
  std::string version;    ///< of the program
  std::string peer;       ///< address
  std::int64_t since = 0;
  std::int64_t connections = 0;
  std::int64_t tunnels = 0;

  friend bool operator==(const AttachmentRow&, const AttachmentRow&) = default;
};

/// The enrolled connectors, and which of them are attached where: what a process writes of the latter goes
/// through TunnelStore::async_publish(). Failures are Stage::state with one printable line.
class ConnectorStore {
 public:
  virtual ~ConnectorStore() = default;

  /// Stores a new connector, as never attached. Returns false, and changes nothing, if the id exists or there
  /// are kMaxConnectors already. On disk when it returns.
  virtual Result<bool> insert(const ConnectorRow& row) = 0;
  virtual Result<std::optional<ConnectorRow>> find(std::string_view id) = 0;
  /// All connectors, sorted by name and by the time of enrolment.
  virtual Result<std::vector<ConnectorRow>> list() = 0;
  /// Deletes a connector, which RevocationStore::version() tells all. Returns false if there is none of that
  /// id. On disk when it returns.
  virtual Result<bool> erase(std::string_view id) = 0;
  /// The same for all connectors of a name: all or none. Returns them.
  virtual Result<std::vector<ConnectorRow>> erase_named(std::string_view name) = 0;
  /// Records that a connector has attached at `now`, unless the recorded time is less than
  /// kLastAttachedSeconds old.
  virtual Result<void> touch(std::string_view id, std::int64_t now) = 0;

  /// What is attached to the processes that live at `now` but to `except`, sorted by time,
  /// kMaxListedAttachments at most.
  virtual Result<std::vector<AttachmentRow>> list_attached(std::int64_t now,
                                                           std::string_view except = {}) = 0;
};

}  // namespace cfpipe::edge
