#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auth/ssh/key.h"
#include "edge/identity/tokens.h"

namespace cfpipe::edge::terminal {

/// Leave to open a terminal, besides what every grant says.
struct TerminalGrant {
  Identity identity;
  bool certified = false;                      ///< the application has a CA, which lets people in
  auth::KeyType key = auth::KeyType::ed25519;  ///< what it is asked to certify
  std::vector<std::string> users;              ///< whom its certificate would be for; may be empty
  std::vector<std::string>
      host_keys;           ///< those the configuration names, `type base64`; empty: the first is believed
  bool files = true;       ///< files may be moved as well
  std::int64_t until = 0;  ///< when it has to end, Unix seconds
  std::string session;     ///< one that is there already, which the page wants back
};

}  // namespace cfpipe::edge::terminal
