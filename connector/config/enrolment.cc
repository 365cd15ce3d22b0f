#include "connector/config/enrolment.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/json.h"
#include "base/platform/files.h"
#include "base/platform/own_file.h"

namespace cfpipe::connector {
namespace {

constexpr unsigned kPrivate = 0600;

std::string in(const std::string& state_dir, const char* name) {
  return state_dir + "/" + name;
}

/// The content of a file of the state directory. Nothing: there is none.
Result<std::optional<Secret>> content_of(const std::string& path) {
  auto file = open_own_file(path);
  if (!file) return file.error();
  if (!*file) return std::optional<Secret>();
  auto content = read_own_file(**file, path);
  if (!content) return content.error();
  return std::optional<Secret>(std::move(*content));
}

Failure not_enrolled(const std::string& state_dir) {
  return {Stage::state, Cause::state_unreadable,
          "none is in " + state_dir + "; run `cfpipe-connector enroll` first"};
}

Failure broken(const std::string& path, const char* why) {
  return {Stage::state, Cause::state_unreadable,
          path + ": " + why + "; enrol again with `cfpipe-connector enroll --replace`"};
}

}  // namespace

Result<Enrolment> parse_identity(std::string_view json, const std::string& path) {
  const auto object = parse_json_object(json);
  if (!object) return broken(path, "it is no JSON object");
  Enrolment out;
  out.id = text_of(*object, "id");
  out.name = text_of(*object, "name");
  auto edge = Authority::parse(text_of(*object, "edge"));
  if (!auth::is_connector_id(out.id) || !auth::is_connector_name(out.name) || !edge)
    return broken(path, "it names no connector and edge");
  out.edge = std::move(*edge);
  return out;
}

Result<Enrolment> load_enrolment(const std::string& state_dir) {
  const std::string identity_path = in(state_dir, kIdentityFile);
  const auto identity = content_of(identity_path);
  if (!identity) return identity.error();
  if (!*identity) return not_enrolled(state_dir);
  auto out = parse_identity((*identity)->reveal(), identity_path);
  if (!out) return out;
  const std::string key_path = in(state_dir, kKeyFile);
  const auto pem = content_of(key_path);
  if (!pem) return pem.error();
  if (!*pem) return broken(key_path, "it is missing");
  auto key = auth::ConnectorKey::from_pem((*pem)->reveal());
  if (!key) return broken(key_path, "it is not an unencrypted Ed25519 key in PEM");
  out->key = std::make_shared<const auth::ConnectorKey>(std::move(*key));
  return out;
}

Result<bool> has_enrolment(const std::string& state_dir) {
  for (const char* name : {kIdentityFile, kKeyFile}) {
    const auto file = open_own_file(in(state_dir, name));
    if (!file) return file.error();
    if (*file) return true;
  }
  return false;
}

Result<void> save_enrolment(const std::string& state_dir, const Enrolment& enrolment) {
  const boost::json::object identity{
      {"id", enrolment.id}, {"name", enrolment.name}, {"edge", enrolment.edge_name()}};
  const Secret pem = enrolment.key->pem();
  // The key first: an identity without its key would be none.
  if (auto put = replace_file(in(state_dir, kKeyFile), pem.reveal(), kPrivate); !put) return put;
  return replace_file(in(state_dir, kIdentityFile), boost::json::serialize(identity) + "\n", kPrivate);
}

}  // namespace cfpipe::connector
