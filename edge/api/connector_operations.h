#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/host.h"
#include "base/secret.h"
#include "edge/api/operations.h"
#include "edge/connector/registry.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// What is attached to this process, but for the name of the process.
std::vector<AttachmentRow> attached_here(const ConnectorRegistry& registry);

/// What administrators do with connectors, under the rules of Operations.
class ConnectorOperations {
 public:
  /// `store` and `operations` outlive it; the latter write the audit.
  ConnectorOperations(Store& store, std::int64_t now, Operations& operations)
      : store_(store), now_(now), operations_(operations) {}

  static Result<void> check_name(const std::string& name);
  /// A token by which one connector enrols, good for kEnrolmentSeconds. `edge`: the auth domain as connectors
  /// reach it.
  Result<Secret> create(const std::string& name, Authority edge);
  /// The connector of that id or all of that name, whose connections a running edge ends.
  Result<std::vector<ConnectorRow>> revoke(const std::string& id_or_name);

  struct Listed {
    ConnectorRow row;
    std::vector<AttachmentRow> attached;  ///< first come, first
  };
  /// All connectors by name, with what is attached to the processes that serve from the store. `here`: what
  /// is attached to this process, if that is the one called `edge`.
  Result<std::vector<Listed>> list(std::vector<AttachmentRow> here = {}, std::string_view edge = {});

 private:
  Store& store_;
  std::int64_t now_;
  Operations& operations_;
};

}  // namespace cfpipe::edge
