#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <string>
#include <variant>

#include "base/access_headers.h"
#include "base/json.h"
#include "edge/connector/registry.h"
#include "edge/connector_fixture.h"
#include "edge/context_fixture.h"
#include "edge/handlers/connector_authority.h"

namespace cfpipe::edge {

/// One connector at an edge, which has not enrolled yet.
class ConnectorAuthorityTest : public ContextTest {
 protected:
  /// The secret of a fresh token.
  std::string invited(const std::string& name = "office") {
    Connectors connectors(store_->connectors(), store_->pending());
    const auto made = connectors.invite(name, Authority::parse(ConnectorPeer::kEdge).value(), now_);
    return std::string(made.value()->secret.reveal());
  }
  /// Enrols the peer.
  void enrol(const std::string& name = "office") {
    const Answer answer = authority_.enrol(peer_.enrol(invited(name)));
    ASSERT_EQ(answer.status, 200) << answer.body;
    peer_.claim.id = text_of(*parse_json_object(answer.body), "id");
  }
  template <class T>
  Answer enrolled_with(const std::string& member, const T& value) {
    auto body = peer_.enrolment(invited());
    body[member] = value;
    return authority_.enrol(peer_.enrol(body));
  }
  Answer answer_to(const Request& request) {
    auto out = authority_.attach(request);
    EXPECT_TRUE(std::holds_alternative<Answer>(out)) << "it was granted";
    return std::holds_alternative<Answer>(out) ? std::get<Answer>(std::move(out)) : Answer();
  }
  bool grants(const Request& request) {
    auto out = authority_.attach(request);
    if (const auto* answer = std::get_if<Answer>(&out)) last_ = *answer;
    return std::holds_alternative<AttachGrant>(out);
  }
  std::string challenge() { return header_of(answer_to(peer_.attach()), auth::kChallengeHeader); }
  static void expect_refusal(const Answer& answer, int status, const std::string& part) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_NE(header_of(answer, kReasonHeader).find(part), std::string::npos)
        << header_of(answer, kReasonHeader);
    EXPECT_NE(answer.body.find(part), std::string::npos) << answer.body;
  }
  bool refusals(const std::string& cause, int count) {
    return counted("connector_refusals_total{cause=\"" + cause + "\"} " + std::to_string(count));
  }

  ConnectorPeer peer_;
  ConnectorAuthority authority_{*context_};
  Answer last_;
};

}  // namespace cfpipe::edge
