// HTTP/1.1 requests at the edges of RFC 9112, each followed by an honest one on the same connection: what the
// edge answers, and whether it goes on to read behind it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "edge/fake_site.h"
#include "edge/raw_client.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// Answers with what it was asked for, so that a test sees how the edge took a request.
class Mirror final : public FakeSite {
 public:
  net::awaitable<Answer> handle(const Request& request) override {
    Answer answer;
    answer.body = "[" + request.method + " " + request.authority + " " + request.path + "?" + request.query +
                  " " + request.body.substr(0, 100) + "]";
    co_return answer;
  }
};

Mirror& mirror() {
  static Mirror made;
  return made;
}

class MalformedRequests : public RawEdgeTest {
 protected:
  MalformedRequests() : RawEdgeTest(mirror()) { start(); }

  /// All that the edge says to those bytes, until it closes.
  std::string answer_to(const std::string& bytes) {
    RawClient client(port());
    EXPECT_TRUE(client.handshake("http/1.1"));
    EXPECT_TRUE(client.say(bytes));
    const auto heard = client.hear();
    EXPECT_TRUE(heard) << "the edge neither answers nor closes";
    return heard.value_or("");
  }
};

std::vector<int> statuses(const std::string& answers) {
  static const std::string kStart = "HTTP/1.1 ";
  std::vector<int> out;
  for (std::size_t at = answers.find(kStart); at != std::string::npos; at = answers.find(kStart, at + 1))
    out.push_back(std::stoi(answers.substr(at + kStart.size(), 3)));
  return out;
}

struct Row {
  const char* name;
  std::string request;
  int status;              ///< 0: the edge closes without a word
  bool goes_on;            ///< the request behind it is answered too
  std::string shows = {};  ///< part of the answer
};

const std::string kHost = "Host: vm.localhost\r\n";
const std::string kNext = "GET /next HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n";

std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\n" + kHost + fields + "\r\n";
}
std::string post(const std::string& fields, const std::string& content) {
  return "POST / HTTP/1.1\r\n" + kHost + fields + "\r\n" + content;
}
std::string to(const std::string& line, const std::string& fields = kHost) {
  return line + "\r\n" + fields + "\r\n";
}
const std::string kChunks = "3\r\nabc\r\n0\r\n\r\n";
const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\n" + kHost + "\r\n";

/// RFC 9112 6.1 and 6.3: a length that two readers may see differently ends the connection.
const std::vector<Row> kFraming = {
    {"chunked", post("Transfer-Encoding: chunked\r\n", kChunks), 200, true, "? abc]"},
    {"chunked in any case", post("transfer-encoding: ChunKed\r\n", kChunks), 200, true, "? abc]"},
    {"identity", post("Transfer-Encoding: identity\r\n", kSmuggled), 400, false},
    {"identity and a length", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "abcde"), 400,
     false},
    {"an unknown coding", post("Transfer-Encoding: xchunked\r\n", kChunks), 400, false},
    {"gzip alone", post("Transfer-Encoding: gzip\r\n", kSmuggled), 400, false},
    {"an empty one", post("Transfer-Encoding:\r\n", kSmuggled), 400, false},
    {"a comma", post("Transfer-Encoding: ,\r\n", kSmuggled), 400, false},
    {"chunked, then identity", post("Transfer-Encoding: chunked, identity\r\n", kChunks), 400, false},
    {"chunked, then identity below",
     post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", kChunks), 400, false},
    {"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", kChunks), 400, false},
    {"chunked twice below", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kChunks),
     400, false},
    {"chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", kChunks), 400, false},
    {"quoted", post("Transfer-Encoding: \"chunked\"\r\n", kChunks), 400, false},
    {"a vertical tab", post("Transfer-Encoding: \vchunked\r\n", kChunks), 400, false},
    {"gzip and chunked", post("Transfer-Encoding: gzip, chunked\r\n", kChunks), 501, false},
    {"gzip, chunked below", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", kChunks), 501,
     false},
    {"a length, then chunked", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", kChunks), 400,
     false},
    {"chunked, then a length", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", kChunks), 400,
     false},
    {"a space before the colon", post("Transfer-Encoding : chunked\r\n", kChunks), 400, false},
    {"over HTTP/1.0", "POST / HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n" + kChunks, 400,
     false},
    {"a length", post("Content-Length: 3\r\n", "abc"), 200, true, "? abc]"},
    {"a length of nothing", post("Content-Length: 0\r\n", ""), 200, true},
    {"a length with zeros in front", post("Content-Length: 003\r\n", "abc"), 200, true, "? abc]"},
    {"two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400, false},
    {"a length with a sign", post("Content-Length: +3\r\n", "abc"), 400, false},
    {"a negative length", post("Content-Length: -3\r\n", "abc"), 400, false},
    {"a length in hexadecimal", post("Content-Length: 0x3\r\n", "abc"), 400, false},
    {"a length with a space", post("Content-Length: 3 3\r\n", "abc"), 400, false},
    {"no digits", post("Content-Length:\r\n", ""), 400, false},
    {"a length beyond 64 bits", post("Content-Length: 18446744073709551619\r\n", "abc"), 400, false},
    {"a length that is too much", post("Content-Length: 1000000\r\n", "abc"), 413, false},
    {"a chunk that is too much", post("Transfer-Encoding: chunked\r\n", "F4240\r\nabc"), 413, false},
    {"a chunk with an extension", post("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n"), 200,
     true, "? abc]"},
    {"trailers", post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nX: y\r\n\r\n"), 200, true,
     "? abc]"},
    {"a chunk size that is none", post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"), 400,
     false},
    {"a chunk size with 0x", post("Transfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"), 400, false},
    {"a chunk size with a sign", post("Transfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n"), 400,
     false},
    {"no chunk size", post("Transfer-Encoding: chunked\r\n", "\r\nabc\r\n0\r\n\r\n"), 400, false},
    {"a chunk size beyond 64 bits",
     post("Transfer-Encoding: chunked\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n"), 400, false},
    {"a chunk longer than said", post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"), 400,
     false},
    {"a chunk that ends in LF", post("Transfer-Encoding: chunked\r\n", "3\nabc\n0\n\n"), 400, false},
};

/// RFC 9112 3.2.
const std::vector<Row> kHosts = {
    {"a port", to("GET / HTTP/1.1", "Host: vm.localhost:8443\r\n"), 200, true, "GET vm.localhost:8443 /"},
    {"upper case", to("GET / HTTP/1.1", "hOST: VM.localhost\r\n"), 200, true, "GET vm.localhost /"},
    {"an empty port", to("GET / HTTP/1.1", "Host: vm.localhost:\r\n"), 200, true, "GET vm.localhost /"},
    {"an IPv6 address", to("GET / HTTP/1.1", "Host: [::1]:443\r\n"), 200, true, "GET [::1]:443 /"},
    {"none", to("GET / HTTP/1.1", ""), 400, false},
    {"none over HTTP/1.0", to("GET / HTTP/1.0", ""), 200, false},
    {"none beside an absolute target", to("GET https://vm.localhost/ HTTP/1.1", ""), 400, false},
    {"two", to("GET / HTTP/1.1", kHost + "Host: b.localhost\r\n"), 400, false},
    {"the same twice", to("GET / HTTP/1.1", kHost + kHost), 400, false},
    {"two over HTTP/1.0", to("GET / HTTP/1.0", kHost + "Host: b.localhost\r\n"), 400, false},
    {"an empty one", to("GET / HTTP/1.1", "Host:\r\n"), 400, false},
    {"a list", to("GET / HTTP/1.1", "Host: vm.localhost, b.localhost\r\n"), 400, false},
    {"a path", to("GET / HTTP/1.1", "Host: vm.localhost/x\r\n"), 400, false},
    {"a path behind the port", to("GET / HTTP/1.1", "Host: vm.localhost:443/x\r\n"), 400, false},
    {"a port that is none", to("GET / HTTP/1.1", "Host: vm.localhost:x\r\n"), 400, false},
    {"a port beyond 65535", to("GET / HTTP/1.1", "Host: vm.localhost:65536\r\n"), 400, false},
    {"user information", to("GET / HTTP/1.1", "Host: ann@vm.localhost\r\n"), 400, false},
    {"a scheme", to("GET / HTTP/1.1", "Host: https://vm.localhost\r\n"), 400, false},
    {"a space", to("GET / HTTP/1.1", "Host: vm localhost\r\n"), 400, false},
    {"half a bracket", to("GET / HTTP/1.1", "Host: [::1\r\n"), 400, false},
    {"a name in brackets", to("GET / HTTP/1.1", "Host: [vm.localhost]\r\n"), 400, false},
    {"bytes beyond ASCII", to("GET / HTTP/1.1", "Host: vm\xc3\xa9.localhost\r\n"), 400, false},
    {"a space before the colon", to("GET / HTTP/1.1", "Host : vm.localhost\r\n"), 400, false},
};

/// RFC 9112 3.2.1 to 3.2.4.
const std::vector<Row> kTargets = {
    {"a path and a query", to("GET /a/b?c=d HTTP/1.1"), 200, true, "vm.localhost /a/b?c=d "},
    {"a URL, whose authority wins", to("GET https://b.localhost:8443/a?c HTTP/1.1"), 200, true,
     "GET b.localhost:8443 /a?c "},
    {"a URL in upper case", to("GET HTTPS://B.localhost/ HTTP/1.1"), 200, true, "GET b.localhost /? "},
    {"a URL without a path", to("GET https://b.localhost HTTP/1.1"), 200, true, "GET b.localhost /? "},
    {"a URL with a query alone", to("GET https://b.localhost?c HTTP/1.1"), 200, true, "GET b.localhost /?c "},
    {"a URL of another scheme", to("GET http://vm.localhost/ HTTP/1.1"), 400, false},
    {"a URL with user information", to("GET https://ann@vm.localhost/ HTTP/1.1"), 400, false},
    {"a URL without an authority", to("GET https:/// HTTP/1.1"), 400, false},
    {"a URL with a bad port", to("GET https://vm.localhost:x/ HTTP/1.1"), 400, false},
    {"a fragment", to("GET /a#b HTTP/1.1"), 400, false},
    {"an asterisk", to("OPTIONS * HTTP/1.1"), 400, false},
    {"a relative path", to("GET a HTTP/1.1"), 400, false},
    {"none", to("GET HTTP/1.1"), 400, false},
    {"CONNECT", to("CONNECT vm.localhost:22 HTTP/1.1"), 501, false},
    {"CONNECT to a path", to("CONNECT / HTTP/1.1"), 501, false},
};

/// RFC 9112 2.2, 2.3, 3, 5.1 and 5.2.
const std::vector<Row> kSyntax = {
    {"an empty line in front", "\r\n" + get(""), 200, true},
    {"a few empty lines in front", "\r\n\r\n\r\n\r\n" + get(""), 200, true},
    {"many empty lines in front", "\r\n\r\n\r\n\r\n\r\n" + get(""), 0, false},
    {"a folded line", get("X: a\r\n b\r\n"), 400, false},
    {"a line folded by a tab", get("X: a\r\n\tb\r\n"), 400, false},
    {"a folded line of nothing", get("X: a\r\n \r\n"), 400, false},
    {"a first line that is folded", "GET / HTTP/1.1\r\n X: a\r\n" + kHost + "\r\n", 400, false},
    {"a fold that hides a length", post("X: a\r\n Content-Length: 3\r\n", "abc"), 400, false},
    {"a space before the colon", get("X : a\r\n"), 400, false},
    {"no colon", get("X\r\n"), 400, false},
    {"no name", get(": a\r\n"), 400, false},
    {"a name with a space", get("X Y: a\r\n"), 400, false},
    {"a CR in a value", get("X: a\rb\r\n"), 400, false},
    {"a NUL in a value", get(std::string("X: a\0b\r\n", 8)), 400, false},
    {"lines that end in LF", "GET / HTTP/1.1\nHost: vm.localhost\n\n", 400, false},
    {"one line that ends in LF", get("X: a\n"), 400, false},
    {"bytes beyond ASCII in a value", get("X: \xc3\xa9\r\n"), 200, true},
    {"a space in front", " " + get(""), 400, false},
    {"two spaces", to("GET  / HTTP/1.1"), 400, false},
    {"a space behind", to("GET / HTTP/1.1 "), 400, false},
    {"a method that is no token", to("G@T / HTTP/1.1"), 400, false},
    {"a method of its own", to("BREW / HTTP/1.1"), 200, true, "[BREW vm"},
    {"no version", "GET /\r\n" + kHost + "\r\n", 400, false},
    {"a version in lower case", to("GET / http/1.1"), 400, false},
    {"a version with more digits", to("GET / HTTP/1.10"), 400, false},
    // The parser takes 1.0 and 1.1 alone; a 505 is an option (RFC 9110 15.6.6).
    {"a later version 1", to("GET / HTTP/1.2"), 400, false},
    {"version 2.0", to("GET / HTTP/2.0"), 400, false},
    {"version 0.9", to("GET / HTTP/0.9"), 400, false},
    {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, false},
    {"TLS inside of TLS", std::string("\x16\x03\x01\x00\x05hello", 10), 400, false},
    {"a header that is too large", get("X: " + std::string(40'000, 'x') + "\r\n"), 431, false},
};

/// RFC 9110 10.1.1, with the content right behind the head.
const std::vector<Row> kExpectations = {
    {"100-continue", post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"), 200, true, "? abc]"},
    {"100-continue without content", get("Expect: 100-continue\r\n"), 200, true},
    {"100-continue in any case", get("Expect: 100-Continue\r\n"), 200, true},
    {"another", get("Expect: 200-ok\r\n"), 417, false},
    {"one among others", get("Expect: 100-continue, 200-ok\r\n"), 417, false},
    {"another over HTTP/1.0", to("GET / HTTP/1.0", kHost + "Expect: 200-ok\r\n"), 200, false},
};

TEST_F(MalformedRequests, EachIsAnsweredAsItsRfcHasIt) {
  for (const auto* rows : {&kFraming, &kHosts, &kTargets, &kSyntax, &kExpectations}) {
    for (const auto& row : *rows) {
      const auto answers = answer_to(row.request + kNext);
      std::vector<int> expected;
      if (row.status != 0) expected.push_back(row.status);
      if (row.goes_on) expected.push_back(200);
      EXPECT_EQ(statuses(answers), expected) << row.name << "\n" << row.request << "\n" << answers;
      EXPECT_NE(answers.find(row.shows), std::string::npos) << row.name << "\n" << answers;
      EXPECT_EQ(answers.find("/next") != std::string::npos, row.goes_on) << row.name << "\n" << answers;
    }
  }
}

TEST_F(MalformedRequests, OnesInPiecesAreJudgedAsInOne) {
  const std::vector<std::pair<std::string, int>> rows = {
      {"\r\n" + get("X: a\r\n"), 200},
      {get("X: a\r\n b\r\n"), 400},
      {post("Transfer-Encoding: identity\r\n", ""), 400},
      {post("Transfer-Encoding: chunked\r\n", kChunks), 200},
  };
  for (const auto& [request, status] : rows) {
    RawClient client(port());
    ASSERT_TRUE(client.handshake("http/1.1"));
    bool taken = true;  // the edge may be through with it before the end
    for (const char byte : request + kNext) taken = taken && client.say({&byte, 1});
    const auto heard = client.hear();
    ASSERT_TRUE(heard) << request;
    ASSERT_FALSE(statuses(*heard).empty()) << request;
    EXPECT_EQ(statuses(*heard).front(), status) << request << *heard;
  }
}

TEST_F(MalformedRequests, AClientThatWaitsIsToldToGoOn) {
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  ASSERT_TRUE(client.say(post("Expect: 100-continue\r\nContent-Length: 3\r\n", "")));
  EXPECT_EQ(client.hear_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.say("abc" + kNext));
  const auto heard = client.hear();
  ASSERT_TRUE(heard);
  EXPECT_EQ(statuses(*heard), (std::vector<int>{200, 200}));
  EXPECT_NE(heard->find("? abc]"), std::string::npos) << *heard;
}

TEST_F(MalformedRequests, AClientThatWaitsWithTooMuchIsRefusedInstead) {
  RawClient client(port());
  ASSERT_TRUE(client.handshake("http/1.1"));
  ASSERT_TRUE(client.say(post("Expect: 100-continue\r\nContent-Length: 262145\r\n", "")));
  const auto heard = client.hear();
  ASSERT_TRUE(heard);
  EXPECT_EQ(statuses(*heard), (std::vector<int>{413}));
}

}  // namespace
}  // namespace cfpipe::edge
