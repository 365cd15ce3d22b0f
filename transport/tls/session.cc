#include "transport/tls/session.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "transport/tls/trust_store.h"

namespace cfpipe::transport {
namespace {

/// Where the tickets of one connection go. Owned by its SSL.
struct Destination {
  std::shared_ptr<SessionStore> store;
  std::string key;
};

void free_destination(void*, void* destination, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Destination*>(destination);
}

int destination_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_destination);
  return index;
}

int keep_ticket(SSL* ssl, SSL_SESSION* session) {
  const auto* to = static_cast<const Destination*>(SSL_get_ex_data(ssl, destination_index()));
  if (to != nullptr) put_session(*to->store, to->key, session);
  return 0;  // OpenSSL goes on owning it
}

bool is_for(X509* certificate, const Host& host) {
  const std::string& text = host.text();
  if (host.address()) return X509_check_ip_asc(certificate, text.c_str(), 0) == 1;
  return X509_check_host(certificate, text.data(), text.size(), kNameRules, nullptr) == 1;
}

/// Seconds since the epoch. OpenSSL 3.3 replaces the call whose long overflows in 2038 on 32 bits.
std::time_t time_of(const SSL_SESSION* session) {
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  return SSL_SESSION_get_time_ex(session);
#else
  return SSL_SESSION_get_time(session);
#endif
}

bool fit_to_offer(const SSL_SESSION* session, const Host& host) {
  const std::time_t now = std::time(nullptr);
  const std::time_t made = time_of(session);
  const auto lifetime = static_cast<std::time_t>(SSL_SESSION_get_ticket_lifetime_hint(session));
  if (now < made || now - made >= lifetime) return false;
  X509* certificate = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));
  return certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0 &&
         is_for(certificate, host);
}

}  // namespace

std::string session_key(const Url& url, const std::string& ca_file, Alpn offered,
                        const std::string& certificate_id) {
  std::string key = url.host.text() + ":" + std::to_string(url.port) + "\n" +
                    (offered == Alpn::http1 ? "http/1.1" : "h2,http/1.1") + "\n" + certificate_id;
  return key + (ca_file.empty() ? TrustPlaces::of_environment().state() : state_of(ca_file));
}

SessionPtr take_session(SessionStore& store, const std::string& key, const Host& host) {
  for (;;) {
    const auto kept = store.take(key);
    if (!kept) return nullptr;
    const auto der = kept->reveal();
    const auto* in = reinterpret_cast<const unsigned char*>(der.data());
    SessionPtr session(d2i_SSL_SESSION(nullptr, &in, static_cast<long>(der.size())));
    ERR_clear_error();
    if (session && fit_to_offer(session.get(), host)) return session;
  }
}

void use_sessions(SSL* ssl, SSL_SESSION* session, std::shared_ptr<SessionStore> store, std::string key) {
  if (session != nullptr) SSL_set_session(ssl, session);
  SSL_set_ex_data(ssl, destination_index(), new Destination{std::move(store), std::move(key)});
}

void put_session(SessionStore& store, const std::string& key, SSL_SESSION* session) {
  if (SSL_SESSION_is_resumable(session) != 1) return;
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0 || static_cast<std::size_t>(size) > kMaxSessionBytes) return;
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_SSL_SESSION(session, &out);
  const Secret kept(std::move(der));
  store.put(key, kept);
}

std::size_t early_data_room(const SSL_SESSION* session, std::string_view protocol) {
  if (session == nullptr) return 0;
  const unsigned char* chosen = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_alpn_selected(session, &chosen, &size);
  const bool same = std::string_view(reinterpret_cast<const char*>(chosen), size) == protocol;
  return same ? SSL_SESSION_get_max_early_data(session) : 0;
}

void hand_out_sessions(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, keep_ticket);
}

void take_early_data(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, kMaxTickets);
  SSL_CTX_set_timeout(context, kTicketLifetime);
  // One for each connection: as many are out as were ever used at once.
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_max_early_data(context, kMaxEarlyData);
  SSL_CTX_set_recv_max_early_data(context, kMaxEarlyData);
}

}  // namespace cfpipe::transport
