#include "server.h"

#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <stdexcept>

namespace edge_mock {
namespace {

constexpr std::size_t kMaxBodyBytes = 256 * 1024;
constexpr unsigned kServiceBufferBytes = 128 * 1024;
constexpr unsigned short kMaxRequestHeaderBytes = 32 * 1024;
constexpr unsigned kHandshakeSeconds = 60;
constexpr int kKeepAliveSeconds = 120;

}  // namespace

Server::Server(uv_loop_t* loop, ServerOptions options, const Faults& faults, Log& log)
    : loop_(loop), options_(std::move(options)), faults_(faults), log_(log) {}

void Server::start(const TlsFiles& tls, Site& site) {
  site_ = &site;
  // Never pings: keeping a connection alive is the client's affair here.
  static const lws_retry_bo_t no_pings{};
  // Frames and reads of 64 KiB both ways; with the defaults a third of the speed is lost.
  static const std::array<lws_protocols, 2> protocols{
      {{"edge_mock", called, 0, Tunnel::kFrameBytes, 0, nullptr, Tunnel::kFrameBytes + LWS_PRE},
       {nullptr, nullptr, 0, 0, 0, nullptr, 0}}};
  void* loops[] = {loop_};
  lws_context_creation_info info{};
  info.user = this;
  info.iface = options_.address.c_str();
  info.port = options_.port;
  info.protocols = protocols.data();
  info.ssl_cert_filepath = tls.certificate.c_str();
  info.ssl_private_key_filepath = tls.key.c_str();
  info.alpn = "http/1.1";  // its HTTP/2 shows no custom headers and has no back-pressure
  info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_LIBUV |
                 LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_DISABLE_IPV6;
  info.foreign_loops = loops;
  info.pt_serv_buf_size = kServiceBufferBytes;
  info.max_http_header_data = kMaxRequestHeaderBytes;
  info.timeout_secs = kHandshakeSeconds;
  info.keepalive_timeout = kKeepAliveSeconds;
  info.retry_and_idle_policy = &no_pings;
  context_ = lws_create_context(&info);
  lws_vhost* vhost = context_ ? lws_get_vhost_by_name(context_, "default") : nullptr;
  if (!vhost) throw std::runtime_error("cannot listen on " + options_.address);
  port_ = lws_get_vhost_listen_port(vhost);
}

Server::~Server() {
  if (!context_) return;
  // With a loop of ours lws needs to be asked twice, the loop running in between.
  lws_context_destroy(context_);
  for (int i = 0; i < 100 && uv_run(loop_, UV_RUN_NOWAIT) != 0; ++i) {
  }
  lws_context_destroy(context_);
}

int Server::called(lws* wsi, lws_callback_reasons reason, void*, void* in, std::size_t size) {
  auto* self = wsi ? static_cast<Server*>(lws_context_user(lws_get_context(wsi))) : nullptr;
  return self ? self->dispatch(wsi, reason, in, size) : 0;
}

Connection& Server::connection_of(lws* wsi) {
  std::unique_ptr<Connection>& slot = connections_[wsi];
  if (!slot) {
    slot = std::make_unique<Connection>(wsi, ++last_connection_);
    by_id_[slot->id] = slot.get();
  }
  return *slot;
}

int Server::dispatch(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size) {
  switch (reason) {
    case LWS_CALLBACK_HTTP:
      return on_request(connection_of(wsi));
    case LWS_CALLBACK_HTTP_BODY:
      return on_body(connection_of(wsi), static_cast<const char*>(in), size);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
      return on_complete(connection_of(wsi));
    case LWS_CALLBACK_HTTP_WRITEABLE:
      return write_answer(connection_of(wsi));
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
      return on_upgrade(connection_of(wsi));
    case LWS_CALLBACK_ADD_HEADERS:
      return add_upgrade_headers(connection_of(wsi), *static_cast<lws_process_html_args*>(in));
    case LWS_CALLBACK_ESTABLISHED:
      open_tunnel(connection_of(wsi));
      return 0;
    case LWS_CALLBACK_RECEIVE: {
      Tunnel* tunnel = connection_of(wsi).tunnel.get();
      return tunnel ? tunnel->on_receive(static_cast<const char*>(in), size) : 0;
    }
    case LWS_CALLBACK_SERVER_WRITEABLE: {
      Tunnel* tunnel = connection_of(wsi).tunnel.get();
      return tunnel ? tunnel->on_writeable() : 0;
    }
    case LWS_CALLBACK_RECEIVE_PONG:
      if (Tunnel* tunnel = connection_of(wsi).tunnel.get()) tunnel->on_pong();
      return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: {
      constexpr int kNoCode = 1005;  // RFC 6455 7.1.5
      const auto* code = static_cast<const unsigned char*>(in);
      if (Tunnel* tunnel = connection_of(wsi).tunnel.get())
        tunnel->on_client_close(size >= 2 ? code[0] * 256 + code[1] : kNoCode);
      return 0;
    }
    case LWS_CALLBACK_CLOSED:
      log_tunnel_end(connection_of(wsi));
      connection_of(wsi).tunnel.reset();
      return 0;
    case LWS_CALLBACK_WSI_DESTROY: {
      auto node = connections_.extract(wsi);
      if (!node) return 0;
      by_id_.erase(node.mapped()->id);
      if (node.mapped()->origin_fd >= 0) close(node.mapped()->origin_fd);
      return 0;
    }
    default:
      return 0;
  }
}

int Server::on_request(Connection& connection) {
  ++connection.requests;
  connection.request = read_request(connection.wsi);
  connection.answer.reset();
  connection.ray = random_hex(8) + "-TST";
  const std::string& method = connection.request.method;
  bool may_have_body = method == "POST" || method == "PUT" || method == "PATCH";
  std::int64_t length = body_length(connection.wsi);
  if (length > static_cast<std::int64_t>(kMaxBodyBytes)) return -1;
  // lws goes on to the body by itself, and waits for it even if none was announced.
  if (may_have_body ? length >= 0 : length > 0) return 0;
  return on_complete(connection);
}

int Server::on_body(Connection& connection, const char* data, std::size_t size) {
  if (connection.request.body.size() + size > kMaxBodyBytes) return -1;
  connection.request.body.append(data, size);
  return 0;
}

int Server::on_complete(Connection& connection) {
  lws_set_timeout(connection.wsi, NO_PENDING_TIMEOUT, 0);  // some answers take their time
  site_->handle(connection.request, [this, id = connection.id, number = connection.requests](Answer answer) {
    return deliver(id, number, std::move(answer));
  });
  return 0;
}

bool Server::deliver(std::uint64_t id, std::uint64_t request, Answer answer) {
  auto found = by_id_.find(id);
  if (found == by_id_.end() || found->second->requests != request || found->second->answer) return false;
  Connection& connection = *found->second;
  log_request(connection, answer.hang || answer.hang_up ? 0 : answer.status, false);
  if (answer.hang) return true;
  connection.answer = std::move(answer);
  lws_callback_on_writable(connection.wsi);
  return true;
}

int Server::write_answer(Connection& connection) {
  if (!connection.answer) return 0;
  Answer answer = std::move(*connection.answer);
  connection.answer.reset();
  if (answer.hang_up) return -1;
  if (send_answer(connection, answer, false) < 0 || !answer.raw.empty()) return -1;
  return lws_http_transaction_completed(connection.wsi) ? -1 : 0;
}

int Server::send_answer(Connection& connection, const Answer& answer, bool close) {
  std::string text =
      answer.raw.empty() ? serialize(answer, connection.request, connection.ray, close) : answer.raw;
  std::string buffer(LWS_PRE, '\0');
  buffer += text;
  return lws_write(connection.wsi, reinterpret_cast<unsigned char*>(buffer.data()) + LWS_PRE, text.size(),
                   LWS_WRITE_HTTP_HEADERS);
}

int Server::on_upgrade(Connection& connection) {
  ++connection.requests;
  connection.request = read_request(connection.wsi);
  connection.ray = random_hex(8) + "-TST";
  if (std::optional<Answer> refusal = site_->refuse_upgrade(connection.request))
    return refuse_upgrade(connection, *refusal);
  connection.origin_fd = OriginSocket::connect_to(options_.origin_host, options_.origin_port);
  if (connection.origin_fd < 0) return refuse_upgrade(connection, plain_answer(502, "error code: 502\n"));
  log_request(connection, 101, true);
  return 0;
}

int Server::refuse_upgrade(Connection& connection, const Answer& answer) {
  log_request(connection, answer.hang || answer.hang_up ? 0 : answer.status, true);
  if (answer.hang) {
    // lws goes on and says 101, but into the void: the client waits for ever.
    SSL_set0_wbio(lws_get_ssl(connection.wsi), BIO_new(BIO_s_null()));
    return 0;
  }
  // lws keeps the connection only if an ordinary request came before this one.
  if (answer.hang_up) return -1;
  bool close = connection.requests == 1;
  if (send_answer(connection, answer, close) < 0) return -1;
  return 1;
}

int Server::add_upgrade_headers(Connection& connection, lws_process_html_args& args) {
  auto* place = reinterpret_cast<unsigned char*>(args.p);
  if (lws_add_http_header_by_name(connection.wsi, reinterpret_cast<const unsigned char*>("Cf-Ray:"),
                                  reinterpret_cast<const unsigned char*>(connection.ray.c_str()),
                                  static_cast<int>(connection.ray.size()), &place, place + args.max_len))
    return 1;
  args.p = reinterpret_cast<char*>(place);
  return 0;
}

void Server::open_tunnel(Connection& connection) {
  if (connection.origin_fd < 0) return;  // an upgrade that hangs
  connection.tunnel_id = ++last_tunnel_;
  log_.write(
      "open",
      {{"connection", connection.id}, {"tunnel", connection.tunnel_id}, {"host", connection.request.host}});
  connection.tunnel = std::make_unique<Tunnel>(connection.wsi, loop_, connection.origin_fd, faults_);
  connection.origin_fd = -1;
}

void Server::log_request(const Connection& connection, int status, bool upgrade) {
  boost::json::array credentials;
  const Request& request = connection.request;
  for (const char* name : {"cf-access-token", "cf-access-client-id", "cf-access-client-secret"})
    if (!request.header(name).empty()) credentials.emplace_back(name);
  for (const char* name : {"CF_Authorization", "CF_AppSession"})
    if (!request.cookie(name).empty()) credentials.emplace_back(std::string("cookie:") + name);
  SSL* ssl = lws_get_ssl(connection.wsi);
  log_.write("request", {{"connection", connection.id},
                         {"resumed", ssl && SSL_session_reused(ssl) == 1},
                         {"host", request.host},
                         {"method", request.method},
                         {"path", request.path},
                         {"upgrade", upgrade},
                         {"metadata", !request.header("cf-access-metadata-request").empty()},
                         {"credentials", credentials},
                         {"destination", request.header("cf-access-jump-destination")},
                         {"user_agent", request.header("user-agent")},
                         {"note", request.header("x-note")},
                         {"ray", connection.ray},
                         {"status", status}});
}

void Server::log_tunnel_end(const Connection& connection) {
  const Tunnel* tunnel = connection.tunnel.get();
  if (!tunnel) return;
  log_.write("close", {{"connection", connection.id},
                       {"tunnel", connection.tunnel_id},
                       {"host", connection.request.host},
                       {"up", tunnel->up()},
                       {"down", tunnel->down()},
                       {"pongs", tunnel->pongs()},
                       {"client_close", tunnel->client_close()},
                       {"ending", tunnel->ending()}});
}

}  // namespace edge_mock
