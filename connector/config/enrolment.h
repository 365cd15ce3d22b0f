#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "auth/connector/key.h"
#include "base/error.h"
#include "base/host.h"

namespace cfpipe::connector {

/// Where an enrolment is kept unless --state says otherwise.
inline constexpr const char* kDefaultStateDir = "/var/lib/cfpipe-connector";
/// The files in it: who this connector is, and its private key (0600).
inline constexpr const char* kIdentityFile = "connector.json";
inline constexpr const char* kKeyFile = "key.pem";

/// What makes this connector known to one edge.
struct Enrolment {
  std::string id;
  std::string name;
  Authority edge;  ///< the auth domain that is dialled, and that signatures are for
  std::shared_ptr<const auth::ConnectorKey> key;

  /// The edge's name as signatures have it: without the port of https.
  std::string edge_name() const { return edge.text_without(kHttpsPort); }
};

/// Stage::state. Cause::state_unreadable with the next step if there is none.
Result<Enrolment> load_enrolment(const std::string& state_dir);
/// Whether there is an enrolment, whole or not. Stage::state.
Result<bool> has_enrolment(const std::string& state_dir);
/// Writes both files, whole; the directory is made (0700). Stage::state.
Result<void> save_enrolment(const std::string& state_dir, const Enrolment& enrolment);
/// The identity alone, for a test of its form. Nothing: the text is none.
Result<Enrolment> parse_identity(std::string_view json, const std::string& path);

}  // namespace cfpipe::connector
