#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "tunnel/resume/handshake.h"
#include "tunnel/resume/resumable_stream.h"

namespace cfpipe::tunnel {

/// What the end that keeps a tunnel asks of a client that comes back to it: the proof of the key that was
/// agreed on, and an epoch above each one before. One that has been admitted may come again where it is no
/// replay: what was sent as early data over a connection that broke is sent again by the client, or by a
/// balancer in between.
class ResumeAdmission {
 public:
  /// `client_key`: public; it is put to use when its owner comes back, since most tunnels lose no connection.
  ResumeAdmission(ResumeKeys keys, std::string client_key, const SessionId& session)
      : keys_(std::move(keys)), client_key_(std::move(client_key)), session_(session) {}

  const std::string& public_key() const { return keys_.public_key(); }
  const SessionId& session() const { return session_; }
  /// How often one was admitted.
  std::uint64_t turns() const { return turns_; }

  /// The answer, after which `stream` has no carrier and waits for the one that was admitted. Nothing: it is
  /// refused, and nothing has changed.
  std::optional<ResumeAttached> admit(const ResumeAttach& attach, bool may_be_replay,
                                      ResumableStream& stream);

 private:
  ResumeKeys keys_;
  const std::string client_key_;
  const SessionId session_;
  bool agreed_ = false;
  std::uint32_t epoch_ = 0;  ///< of the last that was admitted; 0: none was
  std::uint64_t turns_ = 0;
};

}  // namespace cfpipe::tunnel
