#include "edge/handlers/metadata_signer.h"

#include "edge/context_fixture.h"

namespace cfpipe::edge {
namespace {

class Metadata : public ContextTest {
 protected:
  std::string signed_for(const std::string& host, Application& of) {
    Answer answer;
    signer_.add(with_header(request("/", host), "Cf-Access-Metadata-Request", "true"), &of, answer);
    return header_of(answer, "Cf-Access-Metadata");
  }
  MetadataSigner signer_{*context_, ssh_ca_};
};

TEST_F(Metadata, AreSignedOnceInFiveMinutes) {
  const std::string first = signed_for("vm.localhost", app());
  EXPECT_FALSE(first.empty());
  now_ += kMetadataSeconds - 1;
  EXPECT_EQ(signed_for("vm.localhost", app()), first);
  ++now_;
  EXPECT_NE(signed_for("vm.localhost", app()), first);
}

TEST_F(Metadata, AreNotAddedUnasked) {
  Answer answer;
  signer_.add(request("/"), &app(), answer);
  EXPECT_EQ(header_of(answer, "Cf-Access-Metadata"), "");
}

TEST_F(Metadata, OfManyHostsAreSignedForOneAddressSoOften) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].hostname = "*.localhost";
  use(config);
  Application& many = *applications_.find("*.localhost");
  std::size_t count = 0;
  while (count <= kMetadataPerMinute && !signed_for("h" + std::to_string(count) + ".localhost", many).empty())
    ++count;
  EXPECT_EQ(count, kMetadataPerMinute);
  EXPECT_TRUE(counted("limited_total{limit=\"metadata\"} 1")) << metrics_text(context_->counters, {});
}

}  // namespace
}  // namespace cfpipe::edge
