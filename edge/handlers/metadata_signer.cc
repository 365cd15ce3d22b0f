// The metadata of an application, as clients ask for them with their first request.
#include "edge/handlers/metadata_signer.h"

#include "auth/ssh/key_type_claim.h"
#include "base/text.h"

namespace cfpipe::edge {

/// Signing costs a millisecond and any client may ask, so one answer serves for minutes. The hosts of an
/// application of many are made up by the client: each address gets so many of those signed, and goes on
/// without, by the redirect to the login, which costs nothing.
void MetadataSigner::add(const Request& request, Application* app, Answer& answer) {
  if (app == nullptr || !same_text(request.header("Cf-Access-Metadata-Request"), "true")) return;
  const std::int64_t now = context_.now();
  Application::Metadata& kept = app->metadata.touch(request.host, [](const Application::Metadata&) {});
  if (kept.text.empty() || kept.time > now || kept.time + kMetadataSeconds <= now) {
    if (app->name.is_pattern() && attempts_.take(address_key(request.peer), now) > 0)
      return context_.counters.add(Count::limited, "metadata");
    Tokens::Served served{request.host, app->name.text(), {}};
    if (app->config->certificates)
      served.key_type = auth::key_type_claim(ssh_ca_.user_key_type(*app->config));
    kept.text = context_.tokens.metadata(served, context_.auth_authority(), app->aud, now);
    kept.time = now;
  }
  answer.headers.emplace_back("Cf-Access-Metadata", kept.text);
}

}  // namespace cfpipe::edge
