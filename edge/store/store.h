#pragma once

#include "edge/store/audit_store.h"
#include "edge/store/connector_store.h"
#include "edge/store/host_key_store.h"
#include "edge/store/key_store.h"
#include "edge/store/pending_store.h"
#include "edge/store/revocation_store.h"
#include "edge/store/serial_store.h"
#include "edge/store/service_token_store.h"
#include "edge/store/tunnel_store.h"

namespace cfpipe::edge {

/// A handle on what an edge keeps: nine stores that are opened together and live as long as the handle.
/// Several handles, also of several processes, may share one store: what one has written, all see at their
/// next call. A handle serves one thread.
class Store {
 public:
  virtual ~Store() = default;

  virtual KeyStore& keys() = 0;
  virtual SerialStore& serials() = 0;
  virtual PendingStore& pending() = 0;
  virtual RevocationStore& revocations() = 0;
  virtual ServiceTokenStore& service_tokens() = 0;
  virtual HostKeyStore& host_keys() = 0;
  virtual AuditStore& audit() = 0;
  virtual TunnelStore& tunnels() = 0;
  virtual ConnectorStore& connectors() = 0;
};

}  // namespace cfpipe::edge
