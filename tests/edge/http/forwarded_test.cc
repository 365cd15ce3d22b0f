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

struct Chain {
  const char* name;
  Headers headers;
  const char* client;  ///< or what is wrong
};
void PrintTo(const Chain& one, std::ostream* out) {
  *out << one.name;
}
class Forwarded : public ::testing::TestWithParam<Chain> {};

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
        Chain{"Nothing", {}, "192.0.2.1"},  //
        Chain{"OfNoInterest", {{"X-Real-IP", "198.51.100.7"}, {"Via", "1.1 x"}}, "192.0.2.1"},
        Chain{"Empty", list(" , "), "192.0.2.1"},  //
        Chain{"One", list("198.51.100.7"), "198.51.100.7"},
        Chain{"WhatTheClientWrote", list("203.0.113.1, 198.51.100.7"), "198.51.100.7"},
        Chain{"OfTwoProxies", list("203.0.113.1, 198.51.100.7 ,192.0.2.9"), "198.51.100.7"},
        Chain{"OfTrustedOnesAlone", list("192.0.2.8, 192.0.2.9"), "192.0.2.8"},
        Chain{"TwoFields",
              {{"X-Forwarded-For", "203.0.113.1"}, {"x-forwarded-for", "198.51.100.7"}},
              "198.51.100.7"},
        Chain{"V6", list("2001:db8::7, 2001:db8:1::9"), "2001:db8::7"},
        Chain{"MappedV6", list("::ffff:198.51.100.7"), "198.51.100.7"},
        Chain{"MappedProxy", list("198.51.100.7, ::ffff:192.0.2.9"), "198.51.100.7"},
        Chain{"Port", list("198.51.100.7:5000"), "198.51.100.7"},
        Chain{"V6AndPort", list("[2001:db8::7]:5000"), "2001:db8::7"},
        Chain{"Unknown", list("198.51.100.7, unknown"), "192.0.2.1"},
        Chain{"NameBeforeTheClient", list("evil.example.com, 198.51.100.7"), "198.51.100.7"},
        Chain{"Name", list("evil.example.com"), "X-Forwarded-For names a client that is no address"},
        Chain{"OtherSpelling", list("0x7f.1"), "X-Forwarded-For names a client that is no address"},
        Chain{"Quoted", list("\"198.51.100.7\""), "X-Forwarded-For names a client that is no address"},
        Chain{"OpenBracket", list("[2001:db8::7"), "X-Forwarded-For names a client that is no address"},
        Chain{"NoPort", list("198.51.100.7:"), "X-Forwarded-For names a client that is no address"},
        Chain{"Http",
              {{"X-Forwarded-For", "198.51.100.7"}, {"X-Forwarded-Proto", "HTTP"}},
              "198.51.100.7 by http"},
        Chain{"Https", {{"X-Forwarded-For", "198.51.100.7"}, {"X-Forwarded-Proto", "https"}}, "198.51.100.7"},
        Chain{"HttpsAtTheFirst", {{"X-Forwarded-Proto", "https, http"}}, "192.0.2.1"}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Elements, Forwarded,
    ::testing::Values(
        Chain{"One", elements("for=198.51.100.7"), "198.51.100.7"},
        Chain{"CaseAndSpace", elements("For=198.51.100.7 ; PROTO=Http;by=192.0.2.1"), "198.51.100.7 by http"},
        Chain{"WhatTheClientWrote", elements("for=203.0.113.1;proto=http, for=198.51.100.7;proto=https"),
              "198.51.100.7"},
        Chain{"OfTwoProxies", elements("for=198.51.100.7;proto=http, for=192.0.2.9;proto=https"),
              "198.51.100.7 by http"},
        Chain{"V6", elements("for=\"[2001:db8::7]:4711\""), "2001:db8::7"},
        Chain{"V6WithoutQuotes", elements("for=[2001:db8::7]"), "2001:db8::7"},
        Chain{"HiddenPort", elements("for=\"198.51.100.7:_x\""), "198.51.100.7"},
        Chain{"Escaped", elements("for=\"198.51.100.\\7\""), "198.51.100.7"},
        Chain{"Hidden", elements("for=203.0.113.1, for=_secret"), "192.0.2.1"},
        Chain{"Unknown", elements("for=unknown"), "192.0.2.1"},  //
        Chain{"NoFor", elements("for=203.0.113.1, proto=https"), "192.0.2.1"},
        Chain{"EmptyOnes", elements(", for=198.51.100.7;;host=x; ,"), "198.51.100.7"},
        Chain{"Name", elements("for=evil"), kNoAddress},  //
        Chain{"ForTwice", elements("for=198.51.100.7;for=192.0.2.9"), kMalformed},
        Chain{"OpenQuote", elements("for=\", for=198.51.100.7"), kMalformed},
        Chain{"ClosedByTheProxysQuote", elements("for=\", for=\"[2001:db8::7]\""), kMalformed},
        Chain{"OpenEscape", elements("for=\"\\"), kMalformed},  //
        Chain{"OpenQuoteInAFieldOfItsOwn",
              {{"Forwarded", "for=\""}, {"Forwarded", "for=198.51.100.7"}},
              kMalformed},
        Chain{"NoValue", elements("for"), kMalformed},
        Chain{"Blank", elements("for =198.51.100.7"), kMalformed}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Both, Forwarded,
    ::testing::Values(Chain{"OfOneMind",
                            {{"Forwarded", "for=198.51.100.7"}, {"X-Forwarded-For", "198.51.100.7"}},
                            "198.51.100.7"},
                      Chain{"OneIsTheClients",
                            {{"Forwarded", "for=203.0.113.1"}, {"X-Forwarded-For", "198.51.100.7"}},
                            "Forwarded and X-Forwarded-For name different clients"},
                      Chain{"EitherMayBe",
                            {{"Forwarded", "for=198.51.100.7"}, {"X-Forwarded-For", "203.0.113.1"}},
                            "Forwarded and X-Forwarded-For name different clients"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace cfpipe::edge
