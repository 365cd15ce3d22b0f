#pragma once

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/host.h"
#include "transport/net/url.h"
#include "transport/tls/alpn.h"
#include "transport/tls/handles.h"
#include "transport/tls/session_store.h"

namespace cfpipe::transport {

/// How a certificate is compared with a host name: by its subject alternative names alone, with `*` as a
/// whole label or not at all (RFC 9525 6.3).
inline constexpr unsigned kNameRules =
    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

using SessionPtr = std::unique_ptr<SSL_SESSION, FreeWith<SSL_SESSION_free>>;

/// Most early data that a server accepts per connection, in bytes: one upgrade request with its token.
inline constexpr std::size_t kMaxEarlyData = 16 * 1024;
/// Lifetime of a server's ticket in seconds, and most tickets that it keeps; the oldest are evicted.
inline constexpr long kTicketLifetime = 24 * 3600;
inline constexpr long kMaxTickets = 16 * 1024;

/// Key of sessions that may be resumed for a connection: same authority, same trust store (files and their
/// present state), same offered protocols, same client certificate (its id, or empty). A resumed handshake
/// shows no certificate, so a change of what is trusted must change the key.
std::string session_key(const Url& url, const std::string& ca_file, Alpn offered,
                        const std::string& certificate_id = {});

/// A session from the store for `host`, unless it or the certificate that it was made with has expired or is
/// for another host.
SessionPtr take_session(SessionStore& store, const std::string& key, const Host& host);

/// Offers `session`, if any, and stores the tickets that arrive on the connection.
void use_sessions(SSL* ssl, SSL_SESSION* session, std::shared_ptr<SessionStore> store, std::string key);

/// Keeps a session unless it cannot be used again or is too large.
void put_session(SessionStore& store, const std::string& key, SSL_SESSION* session);

/// Bytes of early data, in this protocol, that may go with this session; 0: none (RFC 8446 4.2.10).
std::size_t early_data_room(const SSL_SESSION* session, std::string_view protocol);

/// Client contexts: passes new sessions to the store that use_sessions() named.
void hand_out_sessions(SSL_CTX* context);
/// Server contexts: tickets that are good for one resumption each, and early data with them. Thread-safe:
/// OpenSSL keeps the sessions in the context, under its lock, and removes one before it is resumed, so
/// replayed early data is not read (RFC 8446 8.1).
void take_early_data(SSL_CTX* context);

}  // namespace cfpipe::transport
