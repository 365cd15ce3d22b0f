#pragma once

#include <optional>
#include <string>

#include "edge/config/config.h"
#include "edge/process/as_owner.h"

namespace cfpipe::edge {

/// Whether the TLS files are looked at too, which is for the edge's user to read alone.
enum class TlsFiles { passed_over, looked_at };
/// Prints every fault to standard error; the configuration, or nothing if it has any.
std::optional<Config> checked_config(const std::string& config_path);
/// What a command is going to do with a configuration.
struct ConfigUse {
  TlsFiles tls = TlsFiles::passed_over;
  Keep keep = Keep::nothing;
  Missing missing = Missing::left;
};
/// The same of a command. Root reads the file, and becomes the user whom the state belongs to before it looks
/// at anything else.
std::optional<Config> checked_config_as_owner(const std::string& config_path, const ConfigUse& use = {});

}  // namespace cfpipe::edge
