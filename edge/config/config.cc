#include "edge/config/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

namespace cfpipe::edge {

std::vector<std::string> groups_named(const Config& config) {
  std::set<std::string> out;
  const auto take = [&out](const Policy& policy) {
    for (const auto* rules : {&policy.include, &policy.require, &policy.exclude})
      for (const Rule& rule : *rules)
        if (rule.kind == Rule::Kind::group) out.insert(rule.value);
  };
  for (const ApplicationConfig& app : config.applications)
    for (const Policy& policy : app.policies) take(policy);
  if (config.administrators) take(*config.administrators);
  return {out.begin(), out.end()};
}

bool takes_sign_ins_of(const ApplicationConfig& app, const std::string& provider) {
  return app.allowed_idps.empty() ||
         std::find(app.allowed_idps.begin(), app.allowed_idps.end(), provider) != app.allowed_idps.end();
}

std::vector<std::string> provider_names(const Config& config) {
  if (config.identity_provider == IdentityProvider::dev) return {std::string(kDevProviderName)};
  std::vector<std::string> out;
  for (const OidcConfig& provider : config.providers) out.push_back(provider.name);
  return out;
}

std::vector<std::string> claims_named(const Config& config) {
  std::set<std::string> out;
  for (const ApplicationConfig& app : config.applications)
    if (app.certificates) out.insert(app.certificates->claims.begin(), app.certificates->claims.end());
  return {out.begin(), out.end()};
}

Result<LoadedConfig> load_config(const std::string& path) {
  const auto fault = [&](const char* what) {
    return Failure(Stage::config, Cause::bad_option, path + ": " + what);
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return fault("cannot be opened");
  struct stat info {};
  if (::fstat(::fileno(file.get()), &info) != 0) return fault("cannot be read");
  if (S_ISREG(info.st_mode) && (info.st_mode & S_IWOTH) != 0)
    return fault("may be written by everybody, who could let themselves in; chmod go-w");
  std::string text(kMaxConfigBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return fault("cannot be read");
  if (text.size() > kMaxConfigBytes) return fault("is larger than 1 MiB");
  LoadedConfig out = parse_config(text);
  if (S_ISREG(info.st_mode) && (info.st_mode & S_IWGRP) != 0)
    out.warnings.emplace_back("its group may write it, and so let itself in; chmod g-w unless that is meant");
  return out;
}

}  // namespace cfpipe::edge
