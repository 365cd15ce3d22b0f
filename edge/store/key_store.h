#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace cfpipe::edge {

/// Private keys and secrets by name (`token-signing`, `notes`, `ssh-ca/HOST`), and the audience tags of
/// applications. Every change is on disk when the call returns. Failures are Stage::state with one printable
/// line that holds no secret.
class KeyStore {
 public:
  virtual ~KeyStore() = default;

  /// The value of a key; nothing if there is no key of that name.
  virtual Result<std::optional<Secret>> find(std::string_view name) = 0;
  /// Stores a key. Returns false, and changes nothing, if the name is taken.
  virtual Result<bool> insert(std::string_view name, const Secret& value) = 0;
  /// Renames the key `from` to `to`, in one step. A key that was called `to` is deleted. Returns false, and
  /// changes nothing, if there is no `from`.
  virtual Result<bool> move(std::string_view from, std::string_view to) = 0;
  /// Deletes a key. Returns false if there is no key of that name.
  virtual Result<bool> erase(std::string_view name) = 0;
  /// The names that begin with `prefix`, sorted by bytes. The prefix must not be empty.
  virtual Result<std::vector<std::string>> list(std::string_view prefix) = 0;

  /// The audience tag of an application, 64 hexadecimal digits. The first call for a hostname makes it; all
  /// later calls return the same.
  virtual Result<std::string> audience(std::string_view hostname) = 0;
};

}  // namespace cfpipe::edge
