#include "tunnel/resume/admission.h"

namespace cfpipe::tunnel {

std::optional<ResumeAttached> ResumeAdmission::admit(const ResumeAttach& attach, bool may_be_replay,
                                                     ResumableStream& stream) {
  if (attach.epoch < epoch_ || (may_be_replay && attach.epoch == epoch_)) return std::nullopt;
  if (!agreed_) agreed_ = keys_.agree(client_key_, ResumeEnd::client);
  if (!agreed_) return std::nullopt;
  const auto due = keys_.proof(ResumeEnd::client, session_, attach.epoch, attach.next);
  if (!same_proof(attach.proof, due)) return std::nullopt;
  epoch_ = attach.epoch;
  ++turns_;
  ResumeAttached out;
  out.next = stream.detach();
  out.proof = keys_.proof(ResumeEnd::edge, session_, attach.epoch, out.next);
  return out;
}

}  // namespace cfpipe::tunnel
