#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cfpipe::edge {

/// What a key revocation list says (OpenSSH's PROTOCOL.krl): of each of these CAs, these serials are void.
struct KeyRevocations {
  std::uint64_t version = 0;   ///< a later list has a higher one
  std::int64_t generated = 0;  ///< Unix seconds
  std::string comment;
  std::vector<std::string> ca_blobs;   ///< public keys of the CAs, wire form
  std::vector<std::uint64_t> serials;  ///< ascending; 0 is none
};

/// The list in the form that sshd's RevokedKeys takes, unsigned.
std::string make_krl(const KeyRevocations& revocations);

}  // namespace cfpipe::edge
