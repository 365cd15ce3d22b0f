#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "edge/http/request.h"
#include "edge/tunnel/handle.h"
#include "tunnel/resume/admission.h"
#include "tunnel/resume/resumable_stream.h"

namespace cfpipe::edge {

class ResumableTunnel;

/// What the request says of resuming; nothing: nothing that is understood.
std::optional<tunnel::ResumeRequest> resume_request(const Request& request);
/// Whether it asks for a tunnel that is open.
bool asks_to_resume(const Request& request);

/// The tunnels of this process that their clients may come back to. From any thread.
class ResumableTunnels {
 public:
  void add(const std::shared_ptr<ResumableTunnel>& tunnel);
  void remove(const tunnel::SessionId& id);
  /// Null: there is none.
  std::shared_ptr<ResumableTunnel> find(const tunnel::SessionId& id) const;
  /// This process takes no more connections, so no client comes back to it: tunnels without one end now, and
  /// those that lose theirs at once.
  void leave();
  bool leaving() const { return leaving_; }

 private:
  std::atomic<bool> leaving_{false};
  mutable std::mutex mutex_;
  std::map<tunnel::SessionId, std::weak_ptr<ResumableTunnel>> tunnels_;  ///< bounded by those that are open
};

/// Whose a tunnel is, and where it leads: only a request that is granted the same comes back to it.
struct TunnelOwner {
  TunnelOwner(const TunnelGrant& grant, const Request& request);
  bool operator==(const TunnelOwner&) const = default;
  std::string application, host, destination, identity, client_id;
};

/// What a client is answered that comes back; of several, the last one's turn it is.
struct TakenOver {
  tunnel::ResumeAttached answer;
  std::uint64_t turn = 0;
};

/// A tunnel at the edge, as far as its client may lose its connection and come back. Shared by the loop that
/// carries the tunnel and those whose connections ask for it.
class ResumableTunnel : public std::enable_shared_from_this<ResumableTunnel> {
 public:
  /// `executor`: of the loop that carries the tunnel. `client_key`: of its client, which is put to use when
  /// that comes back. `grace`: how long the tunnel may be without it.
  ResumableTunnel(std::shared_ptr<ResumableTunnels> all, boost::asio::any_io_executor executor,
                  tunnel::ResumeKeys keys, std::string client_key, TunnelOwner owner,
                  std::chrono::seconds grace);
  ~ResumableTunnel() { all_->remove(id()); }
  ResumableTunnel(const ResumableTunnel&) = delete;
  ResumableTunnel& operator=(const ResumableTunnel&) = delete;

  const tunnel::SessionId& id() const { return admission_.session(); }
  const TunnelOwner& owner() const { return owner_; }
  /// The answer that opens the tunnel.
  tunnel::ResumeOpened opened() const;

  /// On its loop, once: the client's end of the tunnel, over its first carrier. Keeps this object.
  std::unique_ptr<tunnel::Stream> begin(std::unique_ptr<tunnel::Stream> carrier);
  /// Before begin(): the request has come in early data, which may be a replay (RFC 8446 8). A replay
  /// brings nothing more, and a tunnel of which nothing more was heard ends with its connection.
  bool from_early_data = false;
  /// On its loop: the site has registered the tunnel under this id, and sees it by `handle`.
  void recorded(std::int64_t id, std::shared_ptr<TunnelHandle> handle);
  /// That id, for the audit; 0: not yet. From any loop.
  std::int64_t record() const { return record_; }

  /// From any loop: it ends if it has no client.
  void leave();
  /// From any loop: the client's proof is checked, and the carrier that there was is dropped. Nothing: it is
  /// refused, and nothing has changed.
  boost::asio::awaitable<std::optional<TakenOver>> take_over(tunnel::ResumeAttach attach, bool may_be_replay);
  /// From any loop, after take_over(): the tunnel goes on over a pipe, whose other end, for `executor`, is
  /// returned. `next`: what its client lacks.
  std::unique_ptr<tunnel::Stream> carry_on(std::uint64_t turn, std::uint64_t next,
                                           boost::asio::any_io_executor executor);

 private:
  struct Open;
  std::optional<TakenOver> judge(const tunnel::ResumeAttach& attach, bool may_be_replay);
  void lost(Open& open) const;
  void wait_for_client(Open& open) const;
  void tell_site(std::int64_t detached) const;

  const std::shared_ptr<ResumableTunnels> all_;
  const boost::asio::any_io_executor executor_;
  const TunnelOwner owner_;
  const std::chrono::seconds grace_;
  std::atomic<std::int64_t> record_{0};
  // Of its loop, but for opened():
  tunnel::ResumeAdmission admission_;
  std::shared_ptr<TunnelHandle> handle_;  ///< null: not yet recorded
  std::weak_ptr<Open> open_;  ///< the stream has it: what belongs to the loop goes with that, on the loop
};

}  // namespace cfpipe::edge
