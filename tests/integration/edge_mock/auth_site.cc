#include <boost/json.hpp>

#include "loop.h"
#include "site.h"

namespace edge_mock {
namespace {

namespace json = boost::json;

constexpr std::string_view kLogin = "/cdn-cgi/access/login/";
constexpr std::string_view kTransfer = "/transfer/";
constexpr std::int64_t kOrgCookieSeconds = 24 * 3600;

Answer refusal(int status, const char* message) {
  return json_answer(status, json::serialize(json::object{{"status", status}, {"message", message}}));
}

std::string text_of(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->as_string().c_str()) : std::string();
}

/// ssh-keygen is the judge of the key; this only keeps a second line or an option out of its input.
bool is_one_line(const std::string& key) {
  return !key.empty() && key.front() != '-' &&
         key.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

}  // namespace

void Site::auth(const Request& request, const Reply& reply) {
  const std::string& path = request.path;
  std::optional<std::string> receiver = path_tail(path, kTransfer);
  if (receiver) {
    transfer(*receiver, reply);
  } else if (path == "/cdn-cgi/access/cert_sign") {
    cert_sign(request, reply);
  } else if (path_tail(path, kLogin)) {
    reply(login_page(request));
  } else if (path == "/cdn-cgi/access/callback") {
    reply(callback(request));
  } else if (path == "/cdn-cgi/access/certs") {
    reply(faults_.on("keys-redirect") ? redirect("https://elsewhere.localhost/keys")
                                      : json_answer(200, tokens_.key_set()));
  } else if (path == "/cdn-cgi/access/get-identity") {
    reply(identity(request, request.cookie("CF_Authorization")));
  } else if (path == "/cdn-cgi/access/logout") {
    reply(log_out());
  } else {
    reply(plain_answer(404, "nothing here\n"));
  }
}

/// The sign-in page, or, for one who is signed in already, the way straight back.
Answer Site::login_page(const Request& request) {
  SignIn sign_in{*path_tail(request.path, kLogin), "", value_of(request.query, "redirect_url"), ""};
  sign_in.app = app_of_aud(sign_in.host, value_of(request.query, "kid"));
  if (sign_in.app.empty()) return plain_answer(400, "no such application\n");
  if (sign_in.return_to.empty() || sign_in.return_to[0] != '/' || sign_in.return_to.rfind("//", 0) == 0)
    sign_in.return_to = "/";
  Answer answer;
  Checked org = tokens_.check_org(request.cookie("CF_Authorization"));
  if (org.state == Checked::State::good && !faults_.on("org-expired")) {
    sign_in.email = org.who.email;
    answer = to_authorized(sign_in);
  } else {
    std::string field = random_hex(16);
    answer.body =
        "<!doctype html><title>Sign in</title>\n<form method=\"post\" action=\"/cdn-cgi/access/callback\">\n"
        "<input type=\"hidden\" name=\"state\" value=\"" +
        field +
        "\">\n"
        "<label>Email <input type=\"email\" name=\"email\" value=\"" +
        escape_html(options_.email) +
        "\"></label>\n"
        "<button type=\"submit\">Sign in</button>\n</form>\n";
    if (request.method == "GET") remember(forms_, field, sign_in);
  }
  if (faults_.on("login-no-domain")) return answer;
  answer.headers.emplace_back("CF-Access-Domain", sign_in.app);
  answer.headers.emplace_back("CF-Access-Aud", aud_of(sign_in.app));
  return answer;
}

Answer Site::callback(const Request& request) {
  if (request.method != "POST") return plain_answer(405, "POST the sign-in form here\n");
  Pairs form = parse_form(request.body);
  std::string email = value_of(form, "email");
  auto node = forms_.extract(value_of(form, "state"));
  if (!node) return plain_answer(400, "that sign-in page is used up\n");
  if (email != options_.email) return plain_answer(403, "that address may not sign in here\n");
  SignIn sign_in = std::move(node.mapped());
  sign_in.email = email;
  Answer answer = to_authorized(sign_in);
  answer.headers.emplace_back("Set-Cookie", make_cookie("CF_Authorization", tokens_.org_token(email),
                                                        unix_now() + kOrgCookieSeconds));
  return answer;
}

Answer Site::to_authorized(const SignIn& sign_in) {
  std::string code = random_hex(16);
  remember(codes_, code, sign_in);
  Pairs query{{"code", code}, {"redirect_url", sign_in.return_to}};
  return redirect(origin_of(sign_in.host) + "/cdn-cgi/access/authorized?" + make_query(query));
}

void Site::cert_sign(const Request& request, const Reply& reply) {
  const auto delay = static_cast<std::uint64_t>(faults_.number("sign-delay-ms", 0));
  if (delay == 0) return sign(request, reply);
  after(loop_, delay, [this, request, reply] { sign(request, reply); });
}

void Site::sign(const Request& request, const Reply& reply) {
  if (request.method != "POST") return void(reply(refusal(405, "method not allowed")));
  if (faults_.on("sign-status"))
    return void(
        reply(refusal(static_cast<int>(faults_.number("sign-status")), "the signer is out of order")));
  if (faults_.spend("sign-plain-text"))
    return void(reply(plain_answer(401, "unable to verify token: expired")));
  if (faults_.on("sign-garbage"))
    return void(reply(json_answer(200, R"({"certificate":"ssh-rsa garbage","id":)")));
  boost::system::error_code error;
  json::value parsed = json::parse(request.body, error);
  if (error || !parsed.is_object()) return void(reply(refusal(400, "the body is no JSON object")));
  const json::object& body = parsed.as_object();
  Checked checked = tokens_.check_any_app(text_of(body, "jwt"));
  if (checked.state == Checked::State::expired)
    return void(reply(plain_answer(401, "unable to verify token: expired")));
  if (checked.state == Checked::State::bad) return void(reply(refusal(401, "invalid token")));
  if (text_of(body, "issuer") != tokens_.issuer())
    return void(reply(refusal(400, "not that issuer's signer")));
  if (checked.who.email.empty()) return void(reply(refusal(403, "a certificate needs an email")));
  std::string key = text_of(body, "public_key");
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  if (!is_one_line(key)) return void(reply(refusal(400, "public_key is not one line")));
  order_certificate(key, checked.who.email, reply);
}

void Site::order_certificate(const std::string& public_key, const std::string& email, const Reply& reply) {
  Signer::Order order;
  order.public_key = public_key;
  order.key_id = random_hex(8);
  order.principal = email.substr(0, email.find('@'));
  order.serial = ++serial_;
  order.over_another_key = faults_.on("sign-wrong-key");
  order.validity_seconds = faults_.number("sign-ttl", Signer::kValiditySeconds);
  std::int64_t expires = unix_now() + order.validity_seconds;
  signer_.sign(order, [reply, id = order.key_id, expires](std::optional<std::string> certificate) {
    if (!certificate) return void(reply(refusal(400, "that public key cannot be signed")));
    json::object body{{"id", id}, {"certificate", *certificate}, {"expires_at", rfc3339(expires)}};
    reply(json_answer(200, json::serialize(body)));
  });
}

void Site::transfer(const std::string& receiver_key, const Reply& reply) {
  Answer not_yet = plain_answer(404, "not yet\n");
  if (faults_.on("transfer-500")) return void(reply(plain_answer(500, "the store is out of order\n")));
  if (faults_.spend("transfer-not-yet")) return void(reply(not_yet));
  transfers_.take(receiver_key, [this, reply, not_yet](std::optional<TransferStore::Box> box) {
    if (!box) return reply(not_yet);
    if (faults_.on("transfer-garbage")) box->body = "bm90IGEgYm94IGF0IGFsbA==";
    if (faults_.on("transfer-wrong-key")) {
      // A good public key, but not the sealer's.
      box->sender_key = TransferStore::seal(box->sender_key, "x")->sender_key;
    }
    Answer answer = plain_answer(200, box->body);
    answer.headers.emplace_back("Service-Public-Key", box->sender_key);
    return reply(std::move(answer));
  });
}

}  // namespace edge_mock
