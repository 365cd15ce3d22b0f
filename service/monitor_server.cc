#include "service/monitor_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace cfpipe::service {
namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::ip::tcp;
namespace {

/// After an accept that failed for want of descriptors.
constexpr std::chrono::milliseconds kPause{100};
constexpr auto kTuple = net::as_tuple(net::use_awaitable);

http::response<http::string_body> response_of(const MonitorAnswer& answer, bool with_body) {
  http::response<http::string_body> out(static_cast<http::status>(answer.status), 11);
  for (const auto& [name, value] : answer.headers) out.insert(name, value);
  out.keep_alive(false);
  out.content_length(answer.body.size());
  if (with_body) out.body() = answer.body;
  return out;
}

}  // namespace

struct MonitorServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(tcp::acceptor listening, Answers a) : acceptor(std::move(listening)), answers(std::move(a)) {}

  net::awaitable<void> accept_all() {
    const auto self = shared_from_this();
    net::steady_timer pause(acceptor.get_executor());
    while (acceptor.is_open()) {
      auto [error, socket] = co_await acceptor.async_accept(kTuple);
      if (error == net::error::operation_aborted) co_return;
      if (error) {
        pause.expires_after(kPause);
        co_await pause.async_wait(kTuple);
      } else if (connections < kMaxMonitorConnections) {
        ++connections;
        net::co_spawn(acceptor.get_executor(), serve(std::move(socket)),
                      [self](const std::exception_ptr&) { --self->connections; });
      }
    }
  }

  net::awaitable<void> serve(tcp::socket socket) {
    const auto self = shared_from_this();
    beast::tcp_stream stream(std::move(socket));
    stream.expires_after(kMonitorDeadline);
    beast::flat_buffer buffer(kMaxMonitorHeadBytes);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxMonitorHeadBytes);
    const auto [unread, size] = co_await http::async_read_header(stream, buffer, parser, kTuple);
    if (unread) co_return;
    const auto response = response_of(answer(parser.get()), parser.get().method() != http::verb::head);
    http::response_serializer<http::string_body> serializer(response);
    // Of an answer to HEAD there is no more than the head.
    if (parser.get().method() == http::verb::head) {
      co_await http::async_write_header(stream, serializer, kTuple);
    } else {
      co_await http::async_write(stream, serializer, kTuple);
    }
    beast::error_code gone;
    stream.socket().shutdown(tcp::socket::shutdown_send, gone);
  }

  MonitorAnswer answer(const http::request<http::empty_body>& request) {
    const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
    if (!reads) {
      MonitorAnswer refused = monitor_text(405, "only GET and HEAD are answered here");
      refused.headers.emplace_back("Allow", "GET, HEAD");
      return refused;
    }
    if (!answers) return monitor_text(503, "the service is ending");
    const std::string_view target(request.target().data(), request.target().size());
    return answers(target.substr(0, target.find('?')));
  }

  tcp::acceptor acceptor;
  Answers answers;
  std::size_t connections = 0;
};

MonitorServer::MonitorServer(tcp::acceptor acceptor, Answers answers)
    : impl_(std::make_shared<Impl>(std::move(acceptor), std::move(answers))) {
  net::co_spawn(impl_->acceptor.get_executor(), impl_->accept_all(), net::detached);
}

MonitorServer::~MonitorServer() {
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->answers = {};
}

MonitorAnswer monitor_text(int status, std::string text) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(text) + "\n"};
}

tcp::endpoint MonitorServer::endpoint() const {
  return impl_->acceptor.local_endpoint();
}

}  // namespace cfpipe::service
