#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "edge/store/connector_store.h"

namespace cfpipe::edge {

/// How long a process of the edge may write nothing before its tunnels count as gone, in seconds: it was
/// killed. And how many tunnels one listing has at most.
inline constexpr std::int64_t kEdgeSilenceSeconds = 30;
inline constexpr std::size_t kMaxListedTunnels = 10'000;

/// An open tunnel, as the process that carries it has written it down.
struct OpenTunnelRow {
  std::string edge;         ///< name of that process
  std::int64_t id = 0;      ///< of its audit row; negative, and unique in that process alone, without one
  std::string identity;     ///< email, or name of a service token; empty without a user
  std::string application;  ///< its name
  std::string peer;         ///< address
  std::string session;      ///< the sign-in that its token came from
  std::string to;           ///< where it leads, if the application alone does not say
  std::int64_t since = 0;   ///< Unix seconds
  bool terminal = false;    ///< in a browser
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  std::int64_t detached = 0;  ///< since when it waits for its client, in Unix seconds; 0: it has it
};

/// Who has asked for the end of a tunnel. Stored as numbers.
enum class EndedBy { administrator = 1, owner = 2 };

/// What has changed of the tunnels of one process, and of the connectors that are attached to it, since it
/// wrote last.
struct TunnelChanges {
  struct Moved {
    std::int64_t id = 0;
    std::uint64_t up_bytes = 0;
    std::uint64_t down_bytes = 0;
    std::int64_t detached = 0;
  };
  std::vector<OpenTunnelRow> opened;
  std::vector<Moved> moved;
  std::vector<std::int64_t> closed;
  struct Detached {
    std::string connector;
    std::string instance;
  };
  std::vector<AttachmentRow> attached;  ///< anew, or differently than before
  std::vector<Detached> detached;

  std::size_t size() const {
    return opened.size() + moved.size() + closed.size() + attached.size() + detached.size();
  }
};

/// The open tunnels of all processes that serve from one store, for listing and ending them from elsewhere.
/// What is written here may be lost if the system crashes: so are the tunnels. Failures are Stage::state with
/// one printable line.
class TunnelStore {
 public:
  virtual ~TunnelStore() = default;

  /// Writes the changes of a process in one write, all or none, and that it lives at `now` (Unix seconds).
  /// The store waits for the disk elsewhere. The call may be abandoned, and is then finished without its
  /// caller. Returns false if the store did not know the process: it has these changes alone. Texts are
  /// stored as the audit's are (see audit_text.h).
  virtual boost::asio::awaitable<Result<bool>> async_publish(std::string edge, TunnelChanges changes,
                                                             std::int64_t now) = 0;
  /// Forgets a process and its tunnels, after what async_publish() was given before; else the same as that.
  virtual boost::asio::awaitable<Result<void>> async_erase_edge(std::string edge) = 0;
  /// Forgets the processes that have written nothing for kEdgeSilenceSeconds, with their tunnels, `most`
  /// processes at most. Returns how many.
  virtual Result<std::int64_t> prune(std::int64_t now, std::int64_t most) = 0;

  /// The tunnels of all processes that live at `now` but of `except`, oldest first, kMaxListedTunnels at
  /// most.
  virtual Result<std::vector<OpenTunnelRow>> list(std::int64_t now, std::string_view except = {}) = 0;
  /// Asks the process that carries it to end a tunnel, which RevocationStore::version() tells it. False:
  /// there is none.
  virtual Result<bool> ask_to_end(std::string_view edge, std::int64_t id, EndedBy who) = 0;
  struct Asked {
    std::int64_t id = 0;
    EndedBy who = EndedBy::administrator;
  };
  /// The tunnels of a process that it was asked to end.
  virtual Result<std::vector<Asked>> list_asked_to_end(std::string_view edge) = 0;
};

}  // namespace cfpipe::edge
