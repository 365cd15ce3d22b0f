#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "edge/config/config.h"
#include "edge/limits/attempts.h"
#include "edge/limits/seats.h"
#include "edge/store/audit_store.h"
#include "edge/tunnel/handle.h"

namespace cfpipe::edge {

struct Identity;

/// Why a tunnel ends that was ended by hand: for TunnelHandle::dismiss().
inline constexpr const char* kEndedByAdministrator = "an administrator has ended it";
inline constexpr const char* kEndedByOwner = "it was ended from the dashboard";
/// And of one that has ended for another.
inline constexpr const char* kGaveWay =
    "its client had been away for longest when another one needed its place";

/// Counts a tunnel for its user and its address from the moment it is granted: while it is being dialled it
/// holds descriptors as well. On any thread.
struct TunnelSeat {
  Seats::Seat user;  ///< none for a tunnel without a name
  Seats::Seat address;
};

/// The tunnels that are open, with what may end each before its two sides do. On the site's loop.
class TunnelRegistry {
 public:
  struct Tunnel {
    AuditRow row;                         ///< its tunnel_open
    bool recorded = true;                 ///< the audit has that row, and wants the one of its end
    std::shared_ptr<const Identity> who;  ///< for the policies to judge anew; null: a bypass let it pass
    std::string destination;              ///< what was asked for, if not the application's own
    std::string client_id;                ///< of a service token
    std::string session;                  ///< the sign-in that its token came from
    std::int64_t issued = 0;
    bool terminal = false;  ///< in a browser
    std::shared_ptr<TunnelHandle> handle;
    std::shared_ptr<TunnelSeat> seat;
  };
  /// Who wants a tunnel.
  struct Asker {
    std::string name;       ///< empty where a bypass policy asks for none
    std::string client_id;  ///< of a service token
    std::string peer;       ///< address
  };
  struct Admission {
    std::shared_ptr<TunnelSeat> seat;  ///< null: refused
    const char* limit = "";            ///< refused: which limit it was, for the metrics
    std::string refusal;               ///< refused: why
    std::int64_t wait = 0;             ///< refused: seconds until it may be granted; 0: unknown
  };

  /// For those to come.
  void set_limits(TunnelLimits limits);
  /// Another tunnel, if that is not too many. Where it would be, the one whose client has been away for
  /// longest gives way, of those that the limit counts.
  Admission admit(const Asker& asker, std::int64_t now);
  /// The same for one that comes back to an open tunnel, which has its seats.
  Admission admit_again(const Asker& asker, std::int64_t now);
  /// Takes it in, however many there are.
  void add(std::int64_t id, Tunnel tunnel);
  /// It is no longer open; nothing if it was not here.
  std::optional<Tunnel> remove(std::int64_t id);
  /// Whether it is that person's; no service token's is.
  static bool is_of(const Tunnel& tunnel, const std::string& email);
  /// What has become known of a person, at a new sign-in: for those of theirs that are open and came of the
  /// same identity provider. Another one does not speak for the person who signed in there.
  void learn(const std::shared_ptr<const Identity>& person);
  /// Null: it is not open.
  const Tunnel* find(std::int64_t id) const;
  void for_each(const std::function<void(std::int64_t id, const Tunnel&)>& visit) const;

  std::size_t size() const { return tunnels_.size(); }
  bool empty() const { return tunnels_.empty(); }

 private:
  Admission admit_open(const Asker& asker);
  bool give_way(const std::function<bool(const Tunnel&)>& counts);
  Admission admit_rate(const Asker& asker, std::int64_t now);

  TunnelLimits limits_;
  std::map<std::int64_t, Tunnel> tunnels_;  ///< bounded by the seats
  Seats of_user_{{}};
  Seats of_address_{{}};
  Attempts opens_of_user_{0};
  Attempts opens_of_address_{0};
};

}  // namespace cfpipe::edge
