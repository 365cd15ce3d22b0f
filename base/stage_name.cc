#include "base/stage_name.h"

namespace cfpipe {

std::string_view stage_name(Stage stage) {
  switch (stage) {
    case Stage::input:
      return "input";
    case Stage::config:
      return "config";
    case Stage::state:
      return "state";
    case Stage::listen:
      return "listen";
    case Stage::dns:
      return "dns";
    case Stage::proxy:
      return "proxy";
    case Stage::tcp:
      return "tcp";
    case Stage::tls:
      return "tls";
    case Stage::http:
      return "http";
    case Stage::application:
      return "application";
    case Stage::login:
      return "login";
    case Stage::token:
      return "token";
    case Stage::certificate:
      return "certificate";
    case Stage::upgrade:
      return "upgrade";
    case Stage::tunnel:
      return "tunnel";
  }
  return "cfpipe";
}

}  // namespace cfpipe
