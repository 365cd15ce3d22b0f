// How the handlers are put together, and what a reload does with them.
#include "edge/handlers/handlers.h"

#include <set>
#include <string>
#include <utility>

#include "base/log.h"

namespace cfpipe::edge {
namespace {

/// Warns of policies that name a service token that does not exist: it may yet be created.
Result<void> check_service_tokens(ServiceTokenStore& tokens, const Config& config) {
  const auto rows = tokens.list();
  if (!rows) return rows.error();
  std::set<std::string> names;
  for (const ServiceTokenRow& row : *rows) names.insert(row.name);
  for (const ApplicationConfig& app : config.applications)
    for (const Policy& policy : app.policies)
      for (const Rule& rule : policy.include)
        if (rule.kind == Rule::Kind::service_token && !names.contains(rule.value))
          spdlog::warn(
              "policy '{}' of {} names service token {}, which does not exist: see service-token create",
              policy.name, app.hostname, rule.value);
  return {};
}

}  // namespace

Result<std::unique_ptr<Handlers>> Handlers::make(boost::asio::any_io_executor executor, Config config,
                                                 Store& store, Now clock, std::chrono::milliseconds poll) {
  auto context = EdgeContext::make(std::move(executor), config, store, std::move(clock));
  if (!context) return context.error();
  std::unique_ptr<Handlers> handlers(new Handlers(std::move(*context), poll));
  if (auto configured = handlers->configure(std::move(config)); !configured) return configured.error();
  return handlers;
}

Handlers::Handlers(std::unique_ptr<EdgeContext> context, std::chrono::milliseconds poll)
    : context_(std::move(context)),
      ssh_ca_(context_->store.keys(), context_->store.serials()),
      transfers_(context_->executor, context_->store.pending(), poll, context_->clock),
      links_(context_->store.pending()),
      credentials_(*context_),
      metadata_(*context_, ssh_ca_),
      certificates_(*context_, ssh_ca_),
      gate_(*context_, credentials_),
      tunnels_(*context_, applications_, credentials_, gate_, metadata_),
      terminals_(*context_, applications_, credentials_, gate_, tunnels_, certificates_, ssh_ca_),
      connectors_(*context_),
      outcome_(*context_, gate_, tunnels_, transfers_),
      providers_(*context_, applications_, outcome_),
      sign_in_(*context_, applications_, credentials_, providers_, outcome_),
      sign_out_(*context_, credentials_, providers_, tunnels_),
      app_pages_(*context_, applications_, credentials_, gate_, outcome_, transfers_, links_),
      dashboard_(*context_, credentials_, gate_, tunnels_, connectors_),
      router_(*context_, {applications_, credentials_, metadata_, gate_, app_pages_, sign_in_, sign_out_,
                          dashboard_, certificates_, tunnels_, terminals_, connectors_, transfers_}) {}

// All that can fail comes first.
Result<void> Handlers::configure(Config config) {
  auto applications = ApplicationTable::make(config, context_->store.keys(), ssh_ca_);
  if (!applications) return applications.error();
  if (auto checked = check_service_tokens(context_->store.service_tokens(), config); !checked)
    return checked.error();
  auto providers = ProviderSignIn::make_providers(*context_, config);
  if (!providers) return providers.error();
  context_->use(std::move(config));
  applications_ = std::move(*applications);
  providers_.use(std::move(*providers));
  sign_in_.set_limit(context_->config.address_limits.logins);
  certificates_.set_limit(context_->config.certificates_per_user);
  tunnels_.reconfigured();
  return {};
}

void Handlers::set_public_port(std::uint16_t port) {
  context_->set_public_port(port);
  applications_.forget_metadata();
}

void Handlers::drain() {
  transfers_.drain();
  context_->audit.leave_spool();
}

}  // namespace cfpipe::edge
