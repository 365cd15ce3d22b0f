#include "auth/discovery/application_cache.h"

#include <boost/json/serialize.hpp>
#include <string>

#include "auth/ssh/key_type_claim.h"
#include "base/json.h"

namespace cfpipe::auth {
namespace {

std::string file_of(const Access& access) {
  const auto path = access.app.path();
  return access.app.authority() + (path == "/" ? std::string() : std::string(path)) + "-application";
}

}  // namespace

std::optional<KnownApplication> known_application(const Access& access) {
  const auto name = file_of(access);
  const auto age = access.state.age(name);
  if (!age || *age > kKnownMaxAge) return std::nullopt;
  const auto file = access.state.read(name);
  if (!file || !*file) return std::nullopt;
  const auto object = parse_json_object((*file)->reveal());
  if (!object) return std::nullopt;
  KnownApplication known;
  known.app.auth_domain = text_of(*object, "auth_domain");
  known.app.aud = text_of(*object, "aud");
  known.app.app_hostname = text_of(*object, "app_hostname");
  known.app.key_type = claimed_key_type(text_of(*object, kKeyTypeClaim));
  known.age = *age;
  if (!fits(known.app, access.app)) return std::nullopt;
  if (!access.trusted.check(known.app.auth_domain)) return std::nullopt;
  return known;
}

void remember_application(const Access& access, const Application& app) {
  boost::json::object object{
      {"auth_domain", app.auth_domain}, {"aud", app.aud}, {"app_hostname", app.app_hostname}};
  if (app.key_type) object[kKeyTypeClaim] = key_type_claim(*app.key_type);
  const auto kept = access.state.write(file_of(access), boost::json::serialize(object));
  if (!kept) access.observer.note("application not remembered: " + kept.error().detail);
}

void forget_application(const Access& access) {
  const auto removed = access.state.remove(file_of(access));
  if (!removed) access.observer.note("application not forgotten: " + removed.error().detail);
}

}  // namespace cfpipe::auth
