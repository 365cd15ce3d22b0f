#include "edge/handlers/context.h"

#include <utility>

#include "base/access_headers.h"
#include "edge/config/way_in.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kUnrecordableRetry = "30";  ///< seconds

}  // namespace

PartyKey party_of(const Identity& identity) {
  return person_key(identity.name(), identity.client_id);
}

Result<std::unique_ptr<EdgeContext>> EdgeContext::make(boost::asio::any_io_executor executor, Config config,
                                                       Store& store, Now clock) {
  auto tokens = Tokens::open(store.keys());
  if (!tokens) return tokens.error();
  auto signed_state = SignedState::open(store.keys());
  if (!signed_state) return signed_state.error();
  return std::unique_ptr<EdgeContext>(new EdgeContext(std::move(executor), std::move(config), store,
                                                      std::move(*tokens), std::move(*signed_state),
                                                      std::move(clock)));
}

EdgeContext::EdgeContext(boost::asio::any_io_executor own_executor, Config own_config, Store& own_store,
                         Tokens own_tokens, SignedState own_signed_state, Now own_clock)
    : executor(std::move(own_executor)),
      store(own_store),
      audit(executor, own_store.audit()),
      tokens(std::move(own_tokens)),
      signed_state(std::move(own_signed_state)),
      clock(std::move(own_clock)) {
  use(std::move(own_config));
}

void EdgeContext::use(Config other) {
  config = std::move(other);
  ++configurations;
  tokens.set_asked(groups_named(config), claims_named(config));
  tokens.set_providers(provider_names(config));
  set_public_port(config.public_port);
}

void EdgeContext::set_public_port(std::uint16_t port) {
  config.public_port = port;
  tokens.set_issuer("https://" + auth_authority());
}

std::string EdgeContext::authority(std::string_view host) const {
  return https_authority(host, config.public_port);
}

bool EdgeContext::record(AuditRow row) {
  row.time = now();
  return audit.append(std::move(row)).kept || config.audit_continues;
}

bool EdgeContext::record_limited(RowCause cause, AuditRow row, const PartyKey& person) {
  const auto left_out = rows.take(cause, person, address_key(row.peer), now());
  if (!left_out) {
    counters.add(Count::left_out, name_of(cause));
    return false;
  }
  if (*left_out > 0) row.reason += " " + left_out_note(*left_out);
  return record(std::move(row));
}

AuditRow row_of(std::string_view kind, const Request& request) {
  AuditRow row;
  row.kind = kind;
  row.peer = request.peer;
  row.ray = request.ray;
  return row;
}

Answer unrecordable() {
  Answer answer = text_answer(503, kUnrecordable);
  answer.headers.emplace_back(kReasonHeader, kUnrecordable);
  answer.headers.emplace_back("Retry-After", kUnrecordableRetry);
  return answer;
}

}  // namespace cfpipe::edge
