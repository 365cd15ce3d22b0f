// What a program says to the agent: frames do not depend on cuts, answers are well formed, and a signature is
// only ever by our key, over what was asked, on a connection whose bindings permit it.
#include "auth/agent/protocol.h"
#include "auth/ssh/verify.h"
#include "auth/ssh/wire.h"
#include "fuzz.h"

namespace {

using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::auth;

constexpr std::uint64_t kNow = 1'700'000'000;
constexpr char kSession[] = "a session of 20 byte";

/// What the agent has, and a host whose key the fuzzer may use: it cannot make signatures.
struct World {
  SshKey key = SshKey::generate(KeyType::ed25519);
  SshKey ca = SshKey::generate(KeyType::ed25519);
  SshKey host = SshKey::generate(KeyType::ed25519);
  Certificate certificate = made();

  Certificate made() const {
    CertFields fields;
    fields.key_id = "ann@example.com";
    fields.principals = {"ann"};
    fields.valid_before = kNow + 60;
    return parse_certificate(make_user_certificate(key.public_blob(), fields, ca).value()).value();
  }
};
const World& world() {
  static const World made;
  return made;
}

std::string framed(std::string_view message) {
  return SshWriter().string(message).take();
}

// A stream of messages, written down so that the fuzzer can reach deep: each begins with a letter.
//   b, B: a session-bind by the host's key that holds, B for forwarding     s: a request to sign what follows
//   l: a login in that session that follows with a method's name            r: a message as it stands
std::string message_of(char kind, std::string_view text) {
  const auto& w = world();
  SshWriter out;
  switch (kind) {
    case 'b':
    case 'B':
      out.byte(kAgentExtension).string(kSessionBindExtension).string(w.host.public_blob()).string(kSession);
      return out.string(w.host.sign(kSession)).byte(kind == 'B').raw(text).take();
    case 's':
      return out.byte(kAgentSignRequest).string(w.certificate.blob).string(text).u32(0).take();
    case 'l': {
      SshWriter login;
      login.string(kSession).byte(50).string("ann").string("ssh-connection").string(text).byte(1);
      login.string(w.certificate.type).string(w.certificate.blob);
      if (text.starts_with("publickey-hostbound")) login.string(w.host.public_blob());
      return out.byte(kAgentSignRequest).string(w.certificate.blob).string(login.take()).u32(0).take();
    }
    default:
      return std::string(text);
  }
}

std::string stream_of(cfpipe::fuzz::Input& input) {
  std::string out;
  while (!input.rest().empty()) {
    const char kind = static_cast<char>(input.byte());
    if (kind == 'x') return out.append(input.rest());  // as it stands, lengths too
    const auto text = input.take(input.byte());
    out += framed(message_of(kind, text));
  }
  return out;
}

std::vector<std::string> messages_of(const std::vector<std::string_view>& pieces) {
  AgentFramer framer;
  std::vector<std::string> out;
  for (const auto piece : pieces) {
    framer.feed(piece);
    while (auto message = framer.next()) {
      require(!message->empty() && message->size() <= kMaxAgentMessage, "a message has a bound");
      out.push_back(std::move(*message));
    }
  }
  if (framer.broken()) out.emplace_back();
  return out;
}

void check_signature_given(std::string_view request, SshReader answer, const AgentSession& session) {
  const auto& w = world();
  SshReader asked(request);
  asked.byte();
  asked.string();
  const auto data = asked.string();
  require(session.bindings().permit(data, w.certificate.blob, w.certificate.user_key_blob),
          "what is signed is permitted");
  require(!session.bindings().spoilt(), "nothing is signed on a connection that was spoilt");
  require(!session.bindings().forwarded(), "nothing is signed where the agent was forwarded");
  require(check_signature(w.key.public_blob(), answer.string(), data) == SignatureCheck::good,
          "a signature is by our key over what was asked");
  require(answer.finished(), "an answer ends");
}

void check_answers(const std::vector<std::string>& messages, bool key_is_elsewhere) {
  const auto& w = world();
  AgentSession session(key_is_elsewhere ? nullptr : &w.key, &w.certificate);
  for (const auto& message : messages) {
    if (message.empty()) break;
    const auto answer = session.answer(message, kNow);
    require(session.bindings().requests().size() <= kMaxBindings, "bindings have a bound");
    SshReader reader(answer.bytes);
    const auto kind = reader.byte();
    if (answer.ask_other) {
      require(key_is_elsewhere && kind == kAgentSignRequest, "another agent is asked to sign only");
      require(reader.string() == w.certificate.user_key_blob, "by the certificate's key");
      continue;
    }
    switch (kind) {
      case kAgentSignResponse:
        require(!key_is_elsewhere, "nothing is signed here without the key");
        check_signature_given(message, reader, session);
        break;
      case kAgentIdentitiesAnswer:
        require(reader.u32() <= 1, "there is one identity at most");
        break;
      default:
        require((kind == kAgentSuccess || kind == kAgentFailure) && reader.finished(),
                "an answer is one of the protocol");
    }
  }
  AgentSession expired(&w.key, &w.certificate);
  for (const auto& message : messages) {
    if (message.empty()) break;
    const auto answer = expired.answer(message, kNow + 60).bytes;
    require(answer.front() != kAgentSignResponse, "an expired certificate signs nothing");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto stream = stream_of(input);
  const auto messages = messages_of({stream});
  require(messages == messages_of(cfpipe::fuzz::cut(stream, plan)), "cuts change nothing");
  check_answers(messages, plan % 2 == 1);
  return 0;
}
