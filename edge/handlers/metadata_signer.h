#pragma once

#include <cstddef>
#include <cstdint>

#include "edge/ca/ssh_ca.h"
#include "edge/handlers/applications.h"
#include "edge/handlers/context.h"
#include "edge/limits/attempts.h"

namespace cfpipe::edge {

/// How long signed metadata are used, in seconds.
inline constexpr std::int64_t kMetadataSeconds = 5 * 60;
/// Hosts of applications of many hosts whose metadata one address has signed, a minute.
inline constexpr std::size_t kMetadataPerMinute = 600;

/// Signs what tells a client which application a host belongs to, and keeps it with the application.
class MetadataSigner {
 public:
  MetadataSigner(EdgeContext& context, SshCa& ssh_ca) : context_(context), ssh_ca_(ssh_ca) {}

  /// Adds Cf-Access-Metadata to the answer if the request asks for it. `app` may be null.
  void add(const Request& request, Application* app, Answer& answer);

 private:
  EdgeContext& context_;
  SshCa& ssh_ca_;
  Attempts attempts_{kMetadataPerMinute};  ///< by address
};

}  // namespace cfpipe::edge
