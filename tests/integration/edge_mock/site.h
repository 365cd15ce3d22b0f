#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec.h"
#include "faults.h"
#include "signer.h"
#include "tokens.h"
#include "transfer.h"

namespace edge_mock {

struct Request {
  std::string method;
  std::string host;  ///< lower case, without port
  std::string path;  ///< decoded
  Pairs query;       ///< decoded
  Pairs headers;     ///< those of kHeaders in server.cc that were there, names in lower case
  Pairs cookies;
  std::string body;

  std::string header(std::string_view name) const { return value_of(headers, name); }
  std::string cookie(std::string_view name) const { return value_of(cookies, name); }
};

struct Answer {
  int status = 200;
  Pairs headers;
  std::string body;
  std::string type = "text/html; charset=utf-8";
  bool hang = false;     ///< never sent; the connection stays
  bool hang_up = false;  ///< never sent; the connection closes
  std::string raw = {};  ///< if not empty: sent instead of an HTTP answer, then the connection closes
};

/// Says whether the client was still there to answer.
using Reply = std::function<bool(Answer)>;

struct SiteOptions {
  std::vector<std::string> hosts;  ///< names of the applications
  std::string auth_host;
  std::string email;
  std::string service_id;  ///< empty: no service token is good
  std::string service_secret;
};

/// What the edge answers, on both kinds of host. Knows nothing of sockets.
class Site {
 public:
  Site(SiteOptions options, Faults& faults, Tokens& tokens, Signer& signer, TransferStore& transfers,
       uv_loop_t* loop)
      : options_(std::move(options)),
        faults_(faults),
        tokens_(tokens),
        signer_(signer),
        transfers_(transfers),
        loop_(loop) {}

  /// Known only once the listening port is: `:PORT`, or nothing for 443.
  void set_port_suffix(std::string suffix) { port_suffix_ = std::move(suffix); }

  void handle(const Request& request, const Reply& reply);
  /// Why this upgrade is refused; nothing if it may go on. With `hang` set: neither.
  std::optional<Answer> refuse_upgrade(const Request& request);

  static std::string aud_of(const std::string& app) { return sha256_hex("edge_mock application " + app); }

 private:
  struct SignIn {
    std::string host;
    std::string app;
    std::string return_to;  ///< path and query at the app host
    std::string email;      ///< once it is known
  };

  /// The application whose name (`host`, `*.host`, `host/path`) covers a request, the longest first; those of
  /// the edge's own pages on an application's host name it by its AUD. Empty: none.
  std::string app_of(const Request& request) const;
  std::string app_of_aud(const std::string& host, const std::string& aud) const;
  bool is_app(const std::string& host) const;
  std::string origin_of(const std::string& host) const { return "https://" + host + port_suffix_; }
  std::optional<Answer> http_fault(const Request& request, bool upgrade) const;

  // App host.
  void app(const Request& request, const Reply& reply);
  Answer app_page(const Request& request);
  std::string login_location(const Request& request, const std::string& aud) const;
  Answer to_login(const Request& request);
  Answer authorized(const Request& request);
  Answer cli(const Request& request);
  Answer identity(const Request& request, const std::string& token) const;
  Answer log_out() const;
  std::string app_credential(const Request& request) const;
  /// Whose request this is: a good app token, or a good service token.
  std::optional<Identity> visitor(const Request& request) const;
  std::string metadata(const Request& request) const;
  std::int64_t app_ttl() const;

  // Auth host.
  void auth(const Request& request, const Reply& reply);
  Answer login_page(const Request& request);
  Answer callback(const Request& request);
  Answer to_authorized(const SignIn& sign_in);
  void cert_sign(const Request& request, const Reply& reply);
  void sign(const Request& request, const Reply& reply);
  void order_certificate(const std::string& public_key, const std::string& email, const Reply& reply);
  void transfer(const std::string& receiver_key, const Reply& reply);

  SiteOptions options_;
  Faults& faults_;
  Tokens& tokens_;
  Signer& signer_;
  TransferStore& transfers_;
  uv_loop_t* loop_;
  std::string port_suffix_;
  std::map<std::string, SignIn> forms_;  ///< by the hidden field of the sign-in page, each good once
  std::map<std::string, SignIn> codes_;  ///< by the code given to /cdn-cgi/access/authorized, each good once
  std::map<std::string, std::string> app_sessions_;  ///< CF_AppSession value to host
  std::uint64_t serial_ = 0;
};

Answer plain_answer(int status, std::string text);
Answer json_answer(int status, std::string text);
Answer redirect(std::string location);
/// Adds to what waits to be used once. One of the others goes when there is no room.
constexpr std::size_t kMaxWaiting = 10'000;
template <class Map>
void remember(Map& map, const std::string& key, typename Map::mapped_type value) {
  if (map.size() >= kMaxWaiting) map.erase(map.begin());
  map[key] = std::move(value);
}
/// The last path segment behind `prefix`, if the path starts with it.
std::optional<std::string> path_tail(const std::string& path, std::string_view prefix);
std::string make_cookie(const std::string& name, const std::string& value, std::int64_t expires);

}  // namespace edge_mock
