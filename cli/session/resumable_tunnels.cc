#include "cli/session/resumable_tunnels.h"

#include <string>
#include <utility>

#include "tunnel/preamble.h"

namespace cfpipe::cli {
namespace net = boost::asio;
namespace {

/// Host and path, as names of files begin.
std::string application_of(const transport::Url& url) {
  return url.authority() + (url.path() == "/" ? std::string() : std::string(url.path()));
}

}  // namespace

ResumableTunnels::ResumableTunnels(net::any_io_executor executor, const auth::StateDir& state,
                                   const transport::Url& application)
    : executor_(std::move(executor)), in_band_(executor_, state, application_of(application)) {}

ResumableTunnels::Begun ResumableTunnels::begun(std::unique_ptr<tunnel::ResumableStream> stream,
                                                std::unique_ptr<tunnel::Stream> carrier,
                                                tunnel::ResumeKeys keys, const tunnel::ResumeOpened& opened,
                                                Resumption::Dial again) {
  if (!network_) network_ = std::make_unique<NetworkChanges>(executor_);
  Begun out;
  out.resumption =
      std::make_unique<Resumption>(executor_, *network_, *stream, std::move(keys), opened, std::move(again));
  stream->attach(std::move(carrier), 0);
  out.stream = std::move(stream);
  return out;
}

net::awaitable<Result<ResumableTunnels::Begun>> ResumableTunnels::begin(Carrier opened,
                                                                        tunnel::ResumeKeys keys,
                                                                        Resumption::Dial again) {
  // An edge that knows nothing of it says nothing.
  if (opened.answer.empty())
    co_return co_await begin_in_band(std::move(opened.stream), std::move(keys), std::move(again));
  const auto answer = tunnel::parse_resume_opened(opened.answer);
  if (!answer)
    co_return Failure(Stage::upgrade, Cause::bad_accept, std::string("no valid ") + tunnel::kResumeHeader);
  auto stream = std::make_unique<tunnel::ResumableStream>(executor_, false);
  co_return begun(std::move(stream), std::move(opened.stream), std::move(keys), *answer, std::move(again));
}

net::awaitable<Result<ResumableTunnels::Begun>> ResumableTunnels::begin_in_band(
    std::unique_ptr<tunnel::Stream> tunnel, tunnel::ResumeKeys keys, Resumption::Dial again) {
  Begun plain;
  if (!in_band_.is_known()) {
    plain.stream = in_band_.watched(std::move(tunnel));
    co_return plain;
  }
  const std::string key = keys.public_key();
  auto tried = co_await in_band_.begin(std::move(tunnel), key);
  if (!tried) co_return tried.error();
  auto agreed = std::move(*tried);
  if (!agreed.opened) {
    plain.stream = std::move(agreed.carrier);
    co_return plain;
  }
  auto stream = std::make_unique<tunnel::ResumableStream>(executor_, false);
  stream->distrust_ends();
  const InBandResume::Tunnel known{agreed.agent, key, agreed.first, stream.get()};
  auto in_band_again = [this, again = std::move(again), known](std::string value) {
    return in_band_.attach(again, std::move(value), known);
  };
  auto out = begun(std::move(stream), std::move(agreed.carrier), std::move(keys), *agreed.opened,
                   std::move(in_band_again));
  out.stream = tunnel::put_in_front(executor_, std::move(agreed.first), std::move(out.stream));
  co_return out;
}

}  // namespace cfpipe::cli
