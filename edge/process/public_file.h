#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"

namespace cfpipe::edge {

/// Largest file of public keys that is read, in bytes; two keys is what a CA that is being replaced has.
inline constexpr std::size_t kMaxPublicFileBytes = 64 * 1024;

/// Text of a file of public keys that a command line names. It is no secret, so that its owner and its mode
/// do not matter, and it may be a pipe. `-` is standard input; that and /dev/fd/N are read by their
/// descriptors, since another user's pipe cannot be opened again. Stage::input, with the path in the detail.
Result<std::string> read_public_file(const std::string& path);

}  // namespace cfpipe::edge
