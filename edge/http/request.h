#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cfpipe::edge {

class Origin;
class TunnelTarget;
struct Identity;
struct TunnelSeat;
namespace terminal {
struct TerminalGrant;
}

/// One request as the listener hands it over: already bounded, syntax checked, of either HTTP version.
struct Request {
  std::string method;
  std::string authority;  ///< Host header in canonical form, with its port if it has one; empty: it is none
  std::string host;       ///< the same without port
  std::string path;       ///< starts with '/', still percent-encoded
  std::string query;      ///< without '?'
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;  ///< address of the client, without port
  std::string ray;   ///< this request's id; the listener puts it into Cf-Ray

  std::string_view header(std::string_view name) const;  ///< first of that name (any case) or empty
  std::string query_value(std::string_view key) const;   ///< decoded, or empty
  std::string form_value(
      std::string_view key) const;  ///< of an application/x-www-form-urlencoded body, decoded
};

/// Shared with the site's loop, which may be asked about it after its connection has gone.
using SharedRequest = std::shared_ptr<const Request>;

struct Answer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string_view file = {};  ///< the content in place of `body`: bytes that stay as long as the process
  std::string_view content() const { return file.empty() ? std::string_view(body) : file; }
};

/// Leave to open a tunnel: where it goes and on whose behalf.
struct TunnelGrant {
  std::string app_hostname;
  std::shared_ptr<TunnelTarget> target;  ///< what the tunnel leads to; not null once it has been granted
  std::shared_ptr<Origin> origin;        ///< the server, which is not always what the client talks to
  std::string destination;  ///< the origin, if the client asked for it and it is not the application's own
  std::string identity;  ///< email, or name of a service token; empty where a bypass policy lets anybody pass
  std::shared_ptr<const Identity> who;    ///< the same, as the policies were asked about it; null: nobody
  std::string client_id;                  ///< of a service token
  std::string session;                    ///< the sign-in that the token comes from
  std::int64_t issued = 0;                ///< when the token was, Unix seconds
  std::int64_t expires = 0;               ///< the token's end, Unix seconds; 0: there is none
  std::chrono::seconds session_limit{0};  ///< the tunnel ends so long after it was opened; 0: it may stay
  std::chrono::seconds idle_limit{0};  ///< the tunnel ends when nothing has moved for so long; 0: it may stay
  std::chrono::seconds resume{
      0};  ///< how long the tunnel may be without its client; 0: it ends with its connection
  std::shared_ptr<const terminal::TerminalGrant>
      terminal;                      ///< of a terminal in the browser, which `target` is then
  std::uint64_t configuration = 0;   ///< number of the one that granted it; 0: none did
  std::shared_ptr<TunnelSeat> seat;  ///< counts it from now on; null: it counts once it has opened
};

}  // namespace cfpipe::edge
