// The reference that the pump is to beat: the same WebSocket frames over boost::asio::ssl::stream, written
// the usual way:
//
//   asio_pipe --to ADDR --ca-file F --name HOST[:PORT] --token-file F
//
// One read of 64 KiB becomes one frame and one async_write; one async_read_some is decoded and written out at
// once. Frames and masks are made by cfpipe's own codec, so that the difference is the engine alone.
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
#include <vector>

#include "support.h"
#include "transport/websocket_codec.h"

namespace cfpipe::bench {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using transport::WsMask;
using transport::WsOpcode;

constexpr std::size_t kReadBytes = 64 * 1024;

class Client {
 public:
  Client(net::io_context& loop, net::ssl::context& tls)
      : tls_(loop, tls), in_(loop, ::dup(STDIN_FILENO)), out_(loop, ::dup(STDOUT_FILENO)) {
    ::close(STDOUT_FILENO);  // the reader of the pipe is to see its end when out_ is closed
  }

  void open(const Arguments& arguments) {
    const std::string host = arguments.get("name");
    const std::string name = host.substr(0, host.find(':'));
    tls_.lowest_layer().assign(net::ip::tcp::v4(), connect_tcp(arguments.get("to")));
    SSL_set1_host(tls_.native_handle(), name.c_str());
    SSL_ctrl(tls_.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(name.c_str()));
    tls_.handshake(net::ssl::stream_base::client);
    upgrade(host, arguments.get("token-file"));
    receive();
    send();
  }

 private:
  void upgrade(const std::string& host, const std::string& token_file) {
    std::string token;
    std::getline(std::ifstream(token_file), token);
    const std::string request =
        "GET / HTTP/1.1\r\nHost: " + host +
        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCf-Access-Token: " +
        token + "\r\n\r\n";
    net::write(tls_, net::buffer(request));
    std::string answer;
    const auto head = net::read_until(tls_, net::dynamic_buffer(answer), "\r\n\r\n");
    if (!answer.starts_with("HTTP/1.1 101")) die("the edge says " + answer.substr(0, answer.find('\r')));
    if (answer.size() > head) die("the origin speaks first");
  }

  void send() {
    const auto payload = net::buffer(sent_.data() + tunnel::kHeadroom, kReadBytes);
    in_.async_read_some(payload, [this](error_code end, std::size_t got) {
      const WsMask mask{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};
      std::byte* at = sent_.data() + tunnel::kHeadroom;
      const auto kind = end ? WsOpcode::close : WsOpcode::binary;
      const auto header = transport::put_frame_header(at, got, kind, &mask);
      transport::apply_mask({at, got}, mask);
      net::async_write(tls_, net::buffer(at - header, header + got),
                       [this, end](error_code failed, std::size_t) {
                         if (!end && !failed) send();
                       });
    });
  }

  void receive() {
    tls_.async_read_some(net::buffer(received_), [this](error_code end, std::size_t got) {
      if (end || !decode(got)) return out_.close();
      std::vector<net::const_buffer> parts;
      for (const auto& part : payload_) parts.emplace_back(part.data(), part.size());
      net::async_write(out_, parts, [this](error_code failed, std::size_t) {
        if (!failed) receive();
      });
    });
  }

  bool decode(std::size_t bytes) {
    payload_.clear();
    transport::WsDecoder::Events events;
    return decoder_.feed(std::span(received_).first(bytes), payload_, events) && !events.close;
  }

  net::ssl::stream<net::ip::tcp::socket> tls_;
  net::posix::stream_descriptor in_, out_;
  std::vector<std::byte> sent_ = std::vector<std::byte>(tunnel::kHeadroom + kReadBytes);
  std::vector<std::byte> received_ = std::vector<std::byte>(kReadBytes);
  std::vector<tunnel::Slice> payload_;
  transport::WsDecoder decoder_{transport::WsRole::client};
};

void run(const Arguments& arguments) {
  net::io_context loop(1);
  net::ssl::context tls(net::ssl::context::tlsv13_client);
  tls.set_verify_mode(net::ssl::verify_peer);
  tls.load_verify_file(arguments.get("ca-file"));
  SSL_CTX_set_ciphersuites(tls.native_handle(), "TLS_AES_128_GCM_SHA256");
  Client client(loop, tls);
  client.open(arguments);
  loop.run();
}

}  // namespace
}  // namespace cfpipe::bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const cfpipe::bench::Arguments arguments(argc, argv, 1);
  try {
    cfpipe::bench::run(arguments);
  } catch (const std::exception& error) {
    cfpipe::bench::die(error.what());
  }
  return 0;
}
