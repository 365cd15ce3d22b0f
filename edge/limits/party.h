#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>

namespace cfpipe::edge {

/// Whom a limit counts: the key of an address or of a person. Keys of addresses, people, and service tokens
/// never equal each other.
using PartyKey = std::string;

/// An IPv4 address as itself, mapped into IPv6 or not; an IPv6 address by its /64, which one host may use as
/// a whole.
PartyKey address_key(const boost::asio::ip::address& address);
/// Text that is no address has one key for all.
PartyKey address_key(std::string_view address);

/// A person by their email address without regard to case; a service token by its client id.
PartyKey person_key(std::string_view name, std::string_view client_id = {});

}  // namespace cfpipe::edge
