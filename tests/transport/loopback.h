#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "support/hosts.h"
#include "transport/dial/http_client.h"
#include "transport/http/message_io.h"
#include "transport/tls/channel.h"
#include "transport/tls/context.h"

namespace cfpipe::testing {
namespace net = boost::asio;
using net::ip::tcp;
using namespace std::chrono_literals;

/// Certificates for one test: an authority, and server certificates by it. Gone with the object.
class ThrowawayCa {
 public:
  explicit ThrowawayCa(const std::string& name = "Throwaway CA") : key_(EVP_EC_gen("P-256")) {
    std::string pattern = (std::filesystem::temp_directory_path() / "cfpipe-tls-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    dir_ = pattern;
    ca_ = make(key_.get(), name, "", -3600, 3600, nullptr);
    write(ca_file(), [&](FILE* file) { PEM_write_X509(file, ca_.get()); });
  }
  ~ThrowawayCa() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  ThrowawayCa(const ThrowawayCa&) = delete;
  ThrowawayCa& operator=(const ThrowawayCa&) = delete;

  std::string ca_file() const { return dir_ + "/ca.pem"; }

  /// A server's context with a certificate for `dns_name`, valid for `seconds` from now (negative: expired).
  transport::SslCtx server(const std::string& dns_name, long seconds = 3600) const {
    return server_with(dns_name, "DNS:" + dns_name, seconds);
  }
  /// The same with the name in the subject's CN, and this subjectAltName; empty: none.
  transport::SslCtx server_with(const std::string& common_name, const std::string& alt, long seconds) const {
    const Key key(EVP_EC_gen("P-256"));
    const Cert cert = make(key.get(), common_name, alt, -7200, seconds, this);
    write(dir_ + "/cert.pem", [&](FILE* file) { PEM_write_X509(file, cert.get()); });
    write(dir_ + "/key.pem",
          [&](FILE* file) { PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    auto context = transport::make_tls_server(dir_ + "/cert.pem", dir_ + "/key.pem");
    if (!context) throw std::runtime_error(context.error().detail);
    return std::move(*context);
  }

 private:
  using Key = std::unique_ptr<EVP_PKEY, transport::FreeWith<EVP_PKEY_free>>;
  using Cert = std::unique_ptr<X509, transport::FreeWith<X509_free>>;

  static void write(const std::string& path, const std::function<void(FILE*)>& put) {
    FILE* file = std::fopen(path.c_str(), "w");
    put(file);
    std::fclose(file);
  }

  static void extend(X509* cert, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static Cert make(EVP_PKEY* key, const std::string& name, const std::string& alt, long from, long until,
                   const ThrowawayCa* issuer) {
    Cert cert(X509_new());
    X509_set_version(cert.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), until);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(cert.get(),
                         X509_get_subject_name(issuer == nullptr ? cert.get() : issuer->ca_.get()));
    X509_set_pubkey(cert.get(), key);
    extend(cert.get(), NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (!alt.empty()) extend(cert.get(), NID_subject_alt_name, alt);
    X509_sign(cert.get(), issuer == nullptr ? key : issuer->key_.get(), EVP_sha256());
    return cert;
  }

  Key key_;
  Cert ca_;
  std::string dir_;
};

/// One loop, one listener on a free port of the loopback, and what it says to each connection.
class LoopbackTest : public ::testing::Test {
 protected:
  using Channel = transport::TlsChannel;
  using Serve = std::function<net::awaitable<void>(Channel&)>;

  LoopbackTest() : acceptor(loop, tcp::endpoint(net::ip::address_v4::loopback(), 0)) {
    options.ca_file = ca.ca_file();
  }

  transport::Url url(const std::string& target = "/") const {
    transport::Url out;
    out.host = transport::host_of("vm.localhost");
    out.port = acceptor.local_endpoint().port();
    out.target = target;
    return out;
  }

  /// From now on every connection is shaken hands with and given to `serve`; closed when it returns.
  void serve(transport::SslCtx context, Serve what) {
    server_context = std::move(context);
    handler = std::move(what);
    net::co_spawn(loop, accept_all(), net::detached);
  }
  void serve(Serve what) { serve(ca.server("vm.localhost"), std::move(what)); }

  net::awaitable<void> accept_all() {
    for (;;) {
      auto [error, socket] = co_await acceptor.async_accept(net::as_tuple(net::use_awaitable));
      if (error) co_return;
      ++accepted;
      net::co_spawn(loop, one(std::move(socket)), net::detached);
    }
  }
  net::awaitable<void> one(tcp::socket socket) {
    transport::SslPtr ssl(SSL_new(server_context.get()));
    SSL_set_accept_state(ssl.get());
    Channel channel(std::move(socket), std::move(ssl));
    if (!co_await channel.handshake(10s, "client")) co_return;
    co_await handler(channel);
  }

  /// Runs the loop until `what` has a value; fails the test after far too long.
  template <class T>
  std::optional<T> run(net::awaitable<T> what) {
    std::optional<T> out;
    net::co_spawn(loop, std::move(what), [&](std::exception_ptr thrown, T result) {
      EXPECT_FALSE(thrown);
      out.emplace(std::move(result));
      loop.stop();
    });
    loop.restart();
    loop.run_for(30s);
    EXPECT_TRUE(out) << "it hangs";
    return out;
  }

  /// The same for what gives a socket, which co_spawn cannot hand over.
  using Connected = std::shared_ptr<Result<tcp::socket>>;
  Connected connected(net::awaitable<Result<tcp::socket>> what) {
    auto held = hold(std::move(what));
    return *run(std::move(held));
  }
  static net::awaitable<Connected> hold(net::awaitable<Result<tcp::socket>> what) {
    co_return std::make_shared<Result<tcp::socket>>(co_await std::move(what));
  }

  static auto soon() { return std::chrono::steady_clock::now() + 10s; }

  /// Reads until `end` has been seen, or the peer ends.
  static net::awaitable<std::string> read_until(Channel& channel, std::string end) {
    std::string got;
    std::array<std::byte, 8192> room{};
    while (got.find(end) == std::string::npos) {
      std::size_t bytes = 0;
      const auto status = channel.read(room, bytes);
      got.append(reinterpret_cast<const char*>(room.data()), bytes);
      if (status == tunnel::IoStatus::ok) continue;
      if (status != tunnel::IoStatus::would_block || !co_await channel.readable(soon())) break;
    }
    co_return got;
  }

  static net::awaitable<void> say(Channel& channel, std::string text) {
    co_await transport::write_all(channel, text, soon());
  }

  /// Waits until the peer has gone.
  static net::awaitable<void> until_gone(Channel& channel) {
    co_await read_until(channel, "\xff never said \xff");
  }

  net::io_context loop;
  ThrowawayCa ca;
  tcp::acceptor acceptor;
  transport::SslCtx server_context;
  Serve handler;
  transport::DialOptions options;
  int accepted = 0;
};

}  // namespace cfpipe::testing
