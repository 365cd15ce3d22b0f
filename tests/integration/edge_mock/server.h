#pragma once

#include <libwebsockets.h>
#include <uv.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "log.h"
#include "pki.h"
#include "site.h"
#include "tunnel.h"

namespace edge_mock {

/// One client connection: its number in the log, the request in hand, later its tunnel.
struct Connection {
  explicit Connection(lws* w, std::uint64_t i) : wsi(w), id(i) {}
  lws* wsi;
  std::uint64_t id;
  std::uint64_t requests = 0;  ///< so far; the newest is the one in hand
  Request request;
  std::optional<Answer> answer;
  std::string ray;
  int origin_fd = -1;  ///< between the granted upgrade and the tunnel
  std::unique_ptr<Tunnel> tunnel;
  std::uint64_t tunnel_id = 0;
};

struct ServerOptions {
  std::string address;
  int port = 0;
  std::string origin_host;
  std::string origin_port;
};

/// libwebsockets and what it calls back: TLS and HTTP/1.1 in, the site's answers and tunnels out.
class Server {
 public:
  Server(uv_loop_t* loop, ServerOptions options, const Faults& faults, Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens. Throws on failure.
  void start(const TlsFiles& tls, Site& site);
  int port() const { return port_; }

 private:
  static int called(lws* wsi, lws_callback_reasons reason, void* session, void* in, std::size_t size);
  int dispatch(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size);
  Connection& connection_of(lws* wsi);

  int on_request(Connection& connection);
  int on_body(Connection& connection, const char* data, std::size_t size);
  int on_complete(Connection& connection);
  bool deliver(std::uint64_t id, std::uint64_t request, Answer answer);
  int write_answer(Connection& connection);
  int send_answer(Connection& connection, const Answer& answer, bool close);
  int on_upgrade(Connection& connection);
  int refuse_upgrade(Connection& connection, const Answer& answer);
  int add_upgrade_headers(Connection& connection, lws_process_html_args& args);
  void open_tunnel(Connection& connection);
  void log_request(const Connection& connection, int status, bool upgrade);
  void log_tunnel_end(const Connection& connection);

  uv_loop_t* loop_;
  ServerOptions options_;
  const Faults& faults_;
  Log& log_;
  Site* site_ = nullptr;
  lws_context* context_ = nullptr;
  int port_ = 0;
  std::map<lws*, std::unique_ptr<Connection>> connections_;
  std::map<std::uint64_t, Connection*> by_id_;
  std::uint64_t last_connection_ = 0;
  std::uint64_t last_tunnel_ = 0;
};

/// The request lws has just parsed, without its body.
Request read_request(lws* wsi);
/// Status line, headers and, unless it answers a HEAD, body.
std::string serialize(const Answer& answer, const Request& request, const std::string& ray, bool close);
/// The announced length of the body; -1 if none was announced.
std::int64_t body_length(lws* wsi);

}  // namespace edge_mock
