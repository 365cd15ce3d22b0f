// Who a request is from, as the proxies in front write it: Forwarded (RFC 7239) and X-Forwarded-For.
#include "edge/http/forwarded.h"

#include <gtest/gtest.h>

namespace cfpipe::edge {
namespace {

const boost::asio::ip::address kProxy = boost::asio::ip::make_address("192.0.2.1");

TrustedProxies trusted() {
  TrustedProxies out;
  for (const char* range : {"192.0.2.0/24", "2001:db8:1::/48"}) out.ranges.push_back(*parse_ip_range(range));
  return out;
}

std::string plainly(const ForwardedClient& client) {
  return client.address.to_string() + (client.encrypted ? "" : " by http");
}

struct Case {
  const char* name;
  Headers headers;
  const char* client;  ///< or what is wrong
};
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}
class Forwarded : public ::testing::TestWithParam<Case> {};

TEST_P(Forwarded, NamesTheClient) {
  const auto read = forwarded_client(GetParam().headers, trusted(), kProxy);
  if (const auto* client = std::get_if<ForwardedClient>(&read)) {
    EXPECT_EQ(plainly(*client), GetParam().client);
  } else {
    EXPECT_EQ(std::get<std::string>(read), GetParam().client);
  }
}

Headers list(const char* value) {
  return {{"X-Forwarded-For", value}};
}
Headers elements(const char* value) {
  return {{"forwarded", value}};
}

constexpr const char* kNoAddress = "Forwarded names a client that is no address";
constexpr const char* kMalformed = "Forwarded is malformed";

INSTANTIATE_TEST_SUITE_P(
    Lists, Forwarded,
    ::testing::Values(
        Case{"Nothing", {}, "192.0.2.1"},  //
        Case{"OfNoInterest", {{"X-Real-IP", "198.51.100.7"}, {"Via", "1.1 x"}}, "192.0.2.1"},
        Case{"Empty", list(" , "), "192.0.2.1"},  //
        Case{"One", list("198.51.100.7"), "198.51.100.7"},
        Case{"WhatTheClientWrote", list("203.0.113.1, 198.51.100.7"), "198.51.100.7"},
        Case{"OfTwoProxies", list("203.0.113.1, 198.51.100.7 ,192.0.2.9"), "198.51.100.7"},
        Case{"OfTrustedOnesAlone", list("192.0.2.8, 192.0.2.9"), "192.0.2.8"},
        Case{"TwoFields",
             {{"X-Forwarded-For", "203.0.113.1"}, {"x-forwarded-for", "198.51.100.7"}},
             "198.51.100.7"},
        Case{"V6", list("2001:db8::7, 2001:db8:1::9"), "2001:db8::7"},
        Case{"MappedV6", list("::ffff:198.51.100.7"), "198.51.100.7"},
        Case{"MappedProxy", list("198.51.100.7, ::ffff:192.0.2.9"), "198.51.100.7"},
        Case{"Port", list("198.51.100.7:5000"), "198.51.100.7"},
        Case{"V6AndPort", list("[2001:db8::7]:5000"), "2001:db8::7"},
        Case{"Unknown", list("198.51.100.7, unknown"), "192.0.2.1"},
        Case{"NameBeforeTheClient", list("evil.example.com, 198.51.100.7"), "198.51.100.7"},
        Case{"Name", list("evil.example.com"), "X-Forwarded-For names a client that is no address"},
        Case{"OtherSpelling", list("0x7f.1"), "X-Forwarded-For names a client that is no address"},
        Case{"Quoted", list("\"198.51.100.7\""), "X-Forwarded-For names a client that is no address"},
        Case{"OpenBracket", list("[2001:db8::7"), "X-Forwarded-For names a client that is no address"},
        Case{"NoPort", list("198.51.100.7:"), "X-Forwarded-For names a client that is no address"},
        Case{"Http",
             {{"X-Forwarded-For", "198.51.100.7"}, {"X-Forwarded-Proto", "HTTP"}},
             "198.51.100.7 by http"},
        Case{"Https", {{"X-Forwarded-For", "198.51.100.7"}, {"X-Forwarded-Proto", "https"}}, "198.51.100.7"},
        Case{"HttpsAtTheFirst", {{"X-Forwarded-Proto", "https, http"}}, "192.0.2.1"}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Elements, Forwarded,
    ::testing::Values(
        Case{"One", elements("for=198.51.100.7"), "198.51.100.7"},
        Case{"CaseAndSpace", elements("For=198.51.100.7 ; PROTO=Http;by=192.0.2.1"), "198.51.100.7 by http"},
        Case{"WhatTheClientWrote", elements("for=203.0.113.1;proto=http, for=198.51.100.7;proto=https"),
             "198.51.100.7"},
        Case{"OfTwoProxies", elements("for=198.51.100.7;proto=http, for=192.0.2.9;proto=https"),
             "198.51.100.7 by http"},
        Case{"V6", elements("for=\"[2001:db8::7]:4711\""), "2001:db8::7"},
        Case{"V6WithoutQuotes", elements("for=[2001:db8::7]"), "2001:db8::7"},
        Case{"HiddenPort", elements("for=\"198.51.100.7:_x\""), "198.51.100.7"},
        Case{"Escaped", elements("for=\"198.51.100.\\7\""), "198.51.100.7"},
        Case{"Hidden", elements("for=203.0.113.1, for=_secret"), "192.0.2.1"},
        Case{"Unknown", elements("for=unknown"), "192.0.2.1"},  //
        Case{"NoFor", elements("for=203.0.113.1, proto=https"), "192.0.2.1"},
        Case{"EmptyOnes", elements(", for=198.51.100.7;;host=x; ,"), "198.51.100.7"},
        Case{"Name", elements("for=evil"), kNoAddress},  //
        Case{"ForTwice", elements("for=198.51.100.7;for=192.0.2.9"), kMalformed},
        Case{"OpenQuote", elements("for=\", for=198.51.100.7"), kMalformed},
        Case{"ClosedByTheProxysQuote", elements("for=\", for=\"[2001:db8::7]\""), kMalformed},
        Case{"OpenEscape", elements("for=\"\\"), kMalformed},  //
        Case{"OpenQuoteInAFieldOfItsOwn",
             {{"Forwarded", "for=\""}, {"Forwarded", "for=198.51.100.7"}},
             kMalformed},
        Case{"NoValue", elements("for"), kMalformed},
        Case{"Blank", elements("for =198.51.100.7"), kMalformed}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Both, Forwarded,
    ::testing::Values(Case{"OfOneMind",
                           {{"Forwarded", "for=198.51.100.7"}, {"X-Forwarded-For", "198.51.100.7"}},
                           "198.51.100.7"},
                      Case{"OneIsTheClients",
                           {{"Forwarded", "for=203.0.113.1"}, {"X-Forwarded-For", "198.51.100.7"}},
                           "Forwarded and X-Forwarded-For name different clients"},
                      Case{"EitherMayBe",
                           {{"Forwarded", "for=198.51.100.7"}, {"X-Forwarded-For", "203.0.113.1"}},
                           "Forwarded and X-Forwarded-For name different clients"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace cfpipe::edge
