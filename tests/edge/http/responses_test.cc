// Files that never change are sent from where they lie, however many clients take them at once.
#include "edge/http/responses.h"

#include <gtest/gtest.h>

#include <string>

#include "edge/edge_fixture.h"
#include "edge/http/terminal_bundle.h"
#include "edge/http/web_files.h"

namespace cfpipe::edge {
namespace {

Request request_for(const std::string& method) {
  Request out;
  out.method = method;
  return out;
}

TEST(Answers, OfFilesHoldNoCopy) {
  for (const char* name : {"style.css", "close.js", "dashboard.css", "dashboard.js"}) {
    for (const char* method : {"GET", "HEAD"}) {
      const Answer answer = asset_answer(request_for(method), name);
      EXPECT_TRUE(answer.body.empty()) << name;
      EXPECT_EQ(answer.content().data(), web_files().at(name).data()) << name;
      EXPECT_EQ(answer.content().size(), web_files().at(name).size()) << name;
    }
  }
}

TEST(Answers, OfTheTerminalsFilesHoldNoCopyCompressedOrNot) {
  if (!has_terminal()) GTEST_SKIP() << "built without the terminal";
  for (const char* name : {"terminal.js", "terminal.css"}) {
    Request request = request_for("GET");
    Answer answer = asset_answer(request, name);
    EXPECT_EQ(answer.content().data(), terminal_file(name)->plain.data());
    EXPECT_TRUE(answer.body.empty());
    request.headers.emplace_back("Accept-Encoding", "gzip");
    answer = asset_answer(request, name);
    EXPECT_EQ(answer.content().data(), terminal_file(name)->gzip.data());
    EXPECT_TRUE(answer.body.empty());
  }
}

TEST(Answers, OfTextAreTheirOwn) {
  const Answer answer = text_answer(404, "not found");
  EXPECT_TRUE(answer.file.empty());
  EXPECT_EQ(answer.content(), "not found\n");
}

class BodiesOfRequests : public SiteTest {
 protected:
  bool read(const std::string& method, const std::string& url) {
    return site_->router().reads_body(browser_->request(method, url));
  }
};

TEST_F(BodiesOfRequests, AreReadWhereSomethingLooksAtThem) {
  const std::string own = "https://auth.localhost:8443/cdn-cgi/access/";
  EXPECT_TRUE(read("POST", own + "cert_sign"));
  EXPECT_TRUE(read("POST", own + "callback?state=x"));
  EXPECT_TRUE(read("POST", own + "api/v1/service-tokens"));
  EXPECT_TRUE(read("DELETE", own + "api/v1/me/sessions/x"));
}

TEST_F(BodiesOfRequests, AreNotReadElsewhere) {
  const std::string own = "https://auth.localhost:8443/cdn-cgi/access/";
  for (const std::string& url : {own + "terminal.js", own + "login/vm.localhost", own + "cert_signs",
                                 own + "logout", std::string("https://auth.localhost:8443/"),
                                 std::string("https://vm.localhost:8443/cdn-cgi/access/cert_sign"),
                                 std::string("https://vm.localhost:8443/"),
                                 std::string("https://unknown.example.com/cdn-cgi/access/cert_sign")})
    EXPECT_FALSE(read("POST", url)) << url;
  EXPECT_FALSE(read("GET", own + "cert_sign"));
  EXPECT_FALSE(read("PUT", own + "cert_sign"));
  EXPECT_FALSE(read("GET", own + "api/v1/me"));
}

}  // namespace
}  // namespace cfpipe::edge
