#include "auth/certificate/signing.h"

#include <boost/json/serialize.hpp>

#include "base/clock.h"
#include "base/json.h"
#include "transport/http/status.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
namespace json = boost::json;
using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;

constexpr std::chrono::milliseconds kSignDeadline{15'000};

Failure refused(const HttpAnswer& answer) {
  std::string said;
  if (auto body = parse_json_object(answer.body)) said = text_of(*body, "message");
  if (said.empty()) said = answer.body;
  const Cause cause = transport::unavailable(answer.status).value_or(Cause::sign_refused);
  Failure failure(Stage::certificate, cause, printable(said));
  failure.http_status = answer.status;
  failure.ray = printable(answer.header("Cf-Ray"), 64);
  return failure;
}

Failure invalid(std::string why) {
  return {Stage::certificate, Cause::certificate_invalid, std::move(why)};
}

/// Where the token's issuer signs.
Result<Url> sign_url(const Access& access, const std::string& issuer) {
  auto url = transport::parse_url(issuer);
  if (!url || !issuer.starts_with("https://")) {
    return Failure(Stage::certificate, Cause::token_invalid, "its issuer is not an https URL");
  }
  if (auto trusted = access.trusted.check(url->authority()); !trusted) return trusted.error();
  url->target = "/cdn-cgi/access/cert_sign";
  return url;
}

}  // namespace

bool valid_at(const CertFields& fields, std::int64_t now) {
  const auto time = static_cast<std::uint64_t>(now);
  return fields.valid_after <= time && time < fields.valid_before;
}

Result<Certificate> read_sign_answer(const HttpAnswer& answer, std::string_view key_blob, std::int64_t now) {
  if (answer.status != 200) return refused(answer);
  const auto body = parse_json_object(answer.body);
  if (!body) return invalid("the answer is not JSON: " + printable(answer.body, 80));
  auto certificate = parse_certificate(text_of(*body, "certificate"));
  if (!certificate) return certificate.error();
  if (certificate->user_key_blob != key_blob) return invalid("it is over another key");
  // Whether it is good is for the clocks over there: sshd believes its own, and so do the edges.
  certificate->clock_offset = clock_offset(answer.header("Date"), now);
  const auto there = static_cast<std::uint64_t>(now + certificate->clock_offset);
  if (certificate->fields.valid_before <= there) return invalid("it has expired already");
  if (certificate->fields.valid_after > there + kCertMaxSkew) return invalid("it is not valid yet");
  return certificate;
}

net::awaitable<Result<Certificate>> sign_key(const Access& access, const Secret& app_token,
                                             std::string key_blob) {
  auto token = parse_jwt(app_token.reveal());
  if (!token) co_return token.error();
  const std::string issuer = token->text("iss");
  auto url = sign_url(access, issuer);
  if (!url) co_return url.error();
  json::object body;
  body["public_key"] = public_key_line(key_blob);
  body["jwt"] = app_token.reveal();
  body["issuer"] = issuer;
  HttpRequest request("POST", *url);
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = json::serialize(body);
  request.deadline = kSignDeadline;
  auto answer = co_await access.http(*url).send(request);
  if (!answer) co_return answer.error();
  const std::int64_t now = unix_now();
  auto certificate = read_sign_answer(*answer, key_blob, now);
  if (certificate) {
    access.observer.note("certificate " + printable(certificate->fields.key_id));
    if (!valid_at(certificate->fields, now)) access.observer.clock_differs(certificate->clock_offset);
  }
  co_return certificate;
}

Result<SshKey> key_to_certify(const KeyFiles& files, std::optional<KeyType> type) {
  auto on_disk = files.load_key();
  if (!on_disk) return on_disk.error();
  const bool fits = *on_disk && (!type || (*on_disk)->type() == *type);
  return fits ? std::move(**on_disk) : SshKey::generate(type.value_or(kDefaultKeyType));
}

net::awaitable<Result<KeyAndCertificate>> renew_key_files(const Access& access, const KeyFiles& files,
                                                          const Secret& app_token,
                                                          std::optional<KeyType> type) {
  auto loaded = files.load(unix_now(), type);
  if (!loaded) co_return loaded.error();
  if (*loaded) co_return std::move(**loaded);
  auto key = key_to_certify(files, type);
  if (!key) co_return key.error();
  auto certificate = co_await sign_key(access, app_token, key->public_blob());
  if (!certificate) co_return certificate.error();
  if (auto stored = files.store(*key, *certificate); !stored) co_return stored.error();
  co_return KeyAndCertificate{std::move(*key), std::move(*certificate)};
}

net::awaitable<Result<Certificate>> renew_user_certificate(const Access& access, const UserCertificate& files,
                                                           const UserKey& key, const Secret& app_token) {
  auto loaded = files.load(key.blob, unix_now());
  if (!loaded) co_return loaded.error();
  if (*loaded) co_return std::move(**loaded);
  auto certificate = co_await sign_key(access, app_token, key.blob);
  if (!certificate) co_return certificate.error();
  if (auto stored = files.store(key, *certificate); !stored) co_return stored.error();
  if (const auto left = files.put_beside(key, *certificate); !left) access.observer.note(left.error().detail);
  co_return certificate;
}

bool token_was_refused(const Failure& failure) {
  if (failure.cause == Cause::token_rejected) return true;
  const int status = failure.http_status;
  return failure.cause == Cause::sign_refused && status >= 400 && status < 500 && status != 404 &&
         status != 429;
}

}  // namespace cfpipe::auth
