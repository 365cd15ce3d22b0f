#include "edge/listener/admin_listener.h"

#include <utility>

#include "edge/http/responses.h"
#include "edge/listener/given_sockets.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;

Result<std::unique_ptr<Admin>> Admin::open(net::any_io_executor executor, const Listener& listen,
                                           Answers answers, Fd given) {
  tcp::acceptor acceptor(executor);
  if (const auto used = use_listener(acceptor, listen, kAdminListenName, std::move(given)); !used)
    return used.error();
  return std::unique_ptr<Admin>(new Admin(std::move(acceptor), std::move(answers)));
}

Admin::Admin(tcp::acceptor acceptor, Answers answers)
    : server_(std::move(acceptor), [answers = std::move(answers)](std::string_view path) {
        Answer answer = answers(path);
        return service::MonitorAnswer{answer.status, std::move(answer.headers), std::move(answer.body)};
      }) {}

}  // namespace cfpipe::edge
