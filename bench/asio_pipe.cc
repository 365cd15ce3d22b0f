// The reference that the pump is to beat: the same WebSocket frames over boost::asio::ssl::stream, written
// the usual way:
//
//   asio_pipe client --to ADDR --ca-file F --name HOST[:PORT] --token-file F   stdin/stdout to an edge
//   asio_pipe server --to ADDR --cert F --key F [--listen ADDR]                stands in for the edge; lets
//   everybody in
//
// One read of 64 KiB becomes one frame and one async_write; one async_read_some is decoded and written out at
// once. Frames and masks are made by cfpipe's own codec, so that the difference is the engine alone.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <vector>

#include "support.h"
#include "transport/websocket/codec.h"

namespace cfpipe::bench {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using transport::WsMask;
using transport::WsOpcode;

constexpr std::size_t kReadBytes = 64 * 1024;

using Tls = net::ssl::stream<net::ip::tcp::socket>;

class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(Tls tls, net::posix::stream_descriptor in, net::posix::stream_descriptor out, transport::WsRole role)
      : tls_(std::move(tls)), in_(std::move(in)), out_(std::move(out)), role_(role), decoder_(role) {}

  void start() {
    receive();
    send();
  }

 private:
  void send() {
    const auto payload = net::buffer(sent_.data() + tunnel::kHeadroom, kReadBytes);
    in_.async_read_some(payload, [this, self = shared_from_this()](error_code end, std::size_t got) {
      const WsMask mask{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};
      const bool masked = role_ == transport::WsRole::client;
      std::byte* at = sent_.data() + tunnel::kHeadroom;
      const auto kind = end ? WsOpcode::close : WsOpcode::binary;
      const auto header = transport::put_frame_header(at, got, kind, masked ? &mask : nullptr);
      if (masked) transport::apply_mask({at, got}, mask);
      net::async_write(tls_, net::buffer(at - header, header + got),
                       [this, self, end](error_code failed, std::size_t) {
                         if (!end && !failed) send();
                       });
    });
  }

  void receive() {
    tls_.async_read_some(net::buffer(received_),
                         [this, self = shared_from_this()](error_code end, std::size_t got) {
                           if (end || !decode(got)) return finish();
                           std::vector<net::const_buffer> parts;
                           for (const auto& part : payload_) parts.emplace_back(part.data(), part.size());
                           net::async_write(out_, parts, [this, self](error_code failed, std::size_t) {
                             if (!failed) receive();
                           });
                         });
  }

  bool decode(std::size_t bytes) {
    payload_.clear();
    transport::WsDecoder::Events events;
    return decoder_.feed(std::span(received_).first(bytes), payload_, events) && !events.close;
  }

  void finish() {
    ::shutdown(out_.native_handle(), SHUT_WR);
    out_.close();
  }

  Tls tls_;
  net::posix::stream_descriptor in_, out_;
  transport::WsRole role_;
  transport::WsDecoder decoder_;
  std::vector<std::byte> sent_ = std::vector<std::byte>(tunnel::kHeadroom + kReadBytes);
  std::vector<std::byte> received_ = std::vector<std::byte>(kReadBytes);
  std::vector<tunnel::Slice> payload_;
};

// Everything up to an empty line; neither side sends more before the other has answered.
std::string read_head(Tls& tls) {
  std::string head;
  if (net::read_until(tls, net::dynamic_buffer(head), "\r\n\r\n") < head.size()) die("the peer speaks first");
  return head;
}

void upgrade(Tls& tls, const std::string& host, const std::string& token_file) {
  std::string token;
  std::ifstream file(token_file);
  std::getline(file, token);
  const std::string request = "GET / HTTP/1.1\r\nHost: " + host +
                              "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCf-Access-Token: " +
                              token + "\r\n\r\n";
  net::write(tls, net::buffer(request));
  const std::string answer = read_head(tls);
  if (!answer.starts_with("HTTP/1.1 101")) die("the edge says " + answer.substr(0, answer.find('\r')));
}

void run_client(const Arguments& arguments) {
  net::io_context loop(1);
  net::ssl::context context(net::ssl::context::tlsv13_client);
  context.set_verify_mode(net::ssl::verify_peer);
  context.load_verify_file(arguments.get("ca-file"));
  SSL_CTX_set_ciphersuites(context.native_handle(), "TLS_AES_128_GCM_SHA256");
  const std::string host = arguments.get("name");
  const std::string name = host.substr(0, host.find(':'));
  Tls tls(loop, context);
  tls.lowest_layer().assign(net::ip::tcp::v4(), connect_tcp(arguments.get("to")));
  SSL_set1_host(tls.native_handle(), name.c_str());
  SSL_ctrl(tls.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(name.c_str()));
  tls.handshake(net::ssl::stream_base::client);
  upgrade(tls, host, arguments.get("token-file"));
  net::posix::stream_descriptor in(loop, ::dup(STDIN_FILENO)), out(loop, ::dup(STDOUT_FILENO));
  ::close(STDOUT_FILENO);  // the reader of the pipe is to see its end when `out` is closed
  std::make_shared<Pipe>(std::move(tls), std::move(in), std::move(out), transport::WsRole::client)->start();
  loop.run();
}

void serve(net::io_context& loop, net::ssl::context& context, int socket, const std::string& to) {
  Tls tls(loop, context);
  tls.lowest_layer().assign(net::ip::tcp::v4(), socket);
  error_code failed;
  tls.handshake(net::ssl::stream_base::server, failed);
  if (failed) return;
  read_head(tls);
  const std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  net::write(tls, net::buffer(answer));
  const int target = connect_tcp(to);
  net::posix::stream_descriptor in(loop, target), out(loop, ::dup(target));
  std::make_shared<Pipe>(std::move(tls), std::move(in), std::move(out), transport::WsRole::server)->start();
}

void run_server(const Arguments& arguments) {
  net::io_context loop(1);
  net::ssl::context context(net::ssl::context::tlsv13_server);
  context.use_certificate_chain_file(arguments.get("cert"));
  context.use_private_key_file(arguments.get("key"), net::ssl::context::pem);
  const int listener = listen_tcp(arguments.get("listen", "127.0.0.1:0"));
  announce(listener);
  net::posix::stream_descriptor accepting(loop, listener);
  std::function<void(error_code)> accept = [&](error_code failed) {
    if (failed) return;
    serve(loop, context, accept_tcp(listener), arguments.get("to"));
    accepting.async_wait(net::posix::stream_descriptor::wait_read, accept);
  };
  accepting.async_wait(net::posix::stream_descriptor::wait_read, accept);
  loop.run();
}

}  // namespace
}  // namespace cfpipe::bench

int main(int argc, char** argv) {
  using namespace cfpipe::bench;
  ::signal(SIGPIPE, SIG_IGN);
  const std::string role = argc > 1 ? argv[1] : "";
  if (role != "client" && role != "server") die("client or server");
  const Arguments arguments(argc, argv, 2);
  try {
    role == "client" ? run_client(arguments) : run_server(arguments);
  } catch (const std::exception& error) {
    die(error.what());
  }
  return 0;
}
