#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/connector/key.h"
#include "base/error.h"
#include "connector/config/enrolment.h"
#include "transport/dial/dial_options.h"
#include "transport/net/url.h"
#include "transport/tls/channel.h"

namespace cfpipe::connector {

/// Longest challenge that is signed, in bytes; header and body of an answer, in bytes; and how long both
/// answers may take together.
inline constexpr std::size_t kMaxChallengeBytes = 2'048;
inline constexpr std::size_t kMaxAttachHeadBytes = 16 * 1024;
inline constexpr std::size_t kMaxAttachBodyBytes = 64 * 1024;
inline constexpr std::chrono::milliseconds kAttachLimit{15'000};
/// The longest time that an edge may have a connector wait by Retry-After.
inline constexpr std::chrono::seconds kLongestRetryAfter{60};

/// The edge's answer to a request to attach.
struct AttachAnswer {
  int status = 0;
  bool http11 = true;
  std::function<std::string(std::string_view name)> header;  ///< empty: there is none
};

/// The handshake of docs/CONNECTOR_PROTOCOL.md without a connection: requests out, answers in.
class AttachHandshake {
 public:
  enum class Step { ask_again, attached };
  AttachHandshake(const Enrolment& enrolment, auth::AttachClaim claim)
      : enrolment_(enrolment), claim_(std::move(claim)) {}

  /// The request that is to be sent now.
  std::string request() const;
  /// Failures, Stage::upgrade: Cause::denied if the edge does not know this enrolment, or has revoked it;
  /// too_many_requests, edge_unavailable; bad_accept and unexpected_status for what no edge says.
  Result<Step> answered(const AttachAnswer& answer);
  /// How long the edge asks to wait (RFC 9110 10.2.3) in an answer of 429 or 503, kLongestRetryAfter at most;
  /// 0: it does not.
  std::chrono::seconds retry_after() const { return retry_after_; }

 private:
  const Enrolment& enrolment_;
  auth::AttachClaim claim_;
  std::string nonce_;  ///< empty: the edge has not sent one yet
  std::chrono::seconds retry_after_{0};
};

/// Where an enrolment's edge is asked.
transport::Url edge_url(const Authority& edge, std::string_view path);

/// A connection that the edge may begin HTTP/2 on.
struct Attached {
  std::unique_ptr<transport::TlsChannel> channel;
  std::vector<std::byte> early;  ///< what the edge has sent behind its answer
};
/// Dials the edge, whose certificate must be for its name, and attaches. `retry_after`, if given, is set to
/// AttachHandshake::retry_after(). Failures: dns, proxy, tcp, tls, http, and those of AttachHandshake.
boost::asio::awaitable<Result<Attached>> attach(transport::DialOptions& options,
                                                std::shared_ptr<const Enrolment> enrolment,
                                                std::string instance,
                                                std::chrono::seconds* retry_after = nullptr);

}  // namespace cfpipe::connector
