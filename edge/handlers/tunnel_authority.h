#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/handlers/gate.h"
#include "edge/handlers/metadata_signer.h"
#include "edge/http/request.h"
#include "edge/tunnel/published_tunnels.h"
#include "edge/tunnel/recorder.h"
#include "edge/tunnel/registry.h"

namespace cfpipe::edge {

/// How long a revocation by another process may go unnoticed by the tunnels that are open.
inline constexpr std::chrono::milliseconds kRevocationPoll{1'000};

/// Grants tunnels, records each, and ends those whose access was revoked or that a new configuration does not
/// admit.
class TunnelAuthority final : public TunnelRecorder {
 public:
  /// All outlive it. `applications` changes with a reload.
  TunnelAuthority(EdgeContext& context, const ApplicationTable& applications, Authenticator& credentials,
                  Gate& gate, MetadataSigner& metadata)
      : context_(context),
        applications_(applications),
        credentials_(credentials),
        gate_(gate),
        metadata_(metadata),
        published_(context.executor, open_tunnels_, context.store.tunnels()) {}

  /// Leave to open a tunnel to the application, or the answer that says why not.
  std::variant<TunnelGrant, Answer> grant(const Request& request, Application& app);
  /// A grant of the application's own origin. `host`: that was asked for, which may lead to none: see
  /// leads_nowhere().
  TunnelGrant grant_of(const Application& app, const std::string& host,
                       const std::optional<Identity>& identity) const;
  /// The answer instead of a grant that has no origin.
  Answer leads_nowhere(const Request& request, const Application& app, const Visitor& who);

  std::int64_t opened(const TunnelGrant& grant, const Request& request,
                      std::shared_ptr<TunnelHandle> handle) override;
  void resumed(std::int64_t id, const Request& request) override;
  void closed(std::int64_t id, std::uint64_t up_bytes, std::uint64_t down_bytes,
              std::string_view reason) override;

  /// The tunnels that were opened and have not ended; `idle` is called whenever the last one has.
  const TunnelRegistry& open() const { return open_tunnels_; }
  void on_idle(std::function<void()> idle) { idle_ = std::move(idle); }

  /// Every second: ends the tunnels whose access was revoked by another process, or that it asked to end, and
  /// tells the others of those that are open, and of the connectors that are attached.
  void exchange_with_others();
  /// The same for the last time.
  void leave_others() { published_.withdraw(); }
  /// What the others know of this process's tunnels.
  const PublishedTunnels& published() const { return published_; }
  /// Ends the tunnels whose access was revoked, after a revocation by this process.
  void end_revoked() { end_revoked(true); }
  /// Judges a person's open tunnels by what a new sign-in says of them.
  void learn(const Identity& identity);
  /// Takes the limits of the configuration in force, and ends tunnels that it does not admit, unless it says
  /// that they stay.
  void reconfigured();

 private:
  Answer wrong_destination(const Request& request, const Application& app, const Visitor& who,
                           std::string_view asked);
  Answer too_many_tunnels(const Request& request, const Application& app, const Visitor& who,
                          const TunnelRegistry::Admission& refused);
  bool takes_row(const TunnelGrant& grant, AuditRow& row);
  void end_revoked(bool changed_here);
  void end_asked();
  /// Why the configuration of now would not open it; null: it would.
  const char* turned_out(const TunnelRegistry::Tunnel& tunnel) const;
  /// Those of one person, or all.
  void end_turned_out(const std::string* email);

  EdgeContext& context_;
  const ApplicationTable& applications_;
  Authenticator& credentials_;
  Gate& gate_;
  MetadataSigner& metadata_;
  TunnelRegistry open_tunnels_;
  PublishedTunnels published_;
  std::int64_t seen_changes_ = -1;  ///< the store's count of revocations
  std::function<void()> idle_;
};

}  // namespace cfpipe::edge
