// SPDX-License-Identifier: Apache-2.0
//
// Fails if a list of endpoints or ports is read as something else than it says, if a doubtful one
// is accepted (host bits, mapped addresses, odd numbers), or if an error points at the wrong place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

std::string egress_error(const std::string& value) {
  return refusal({{"io.socklid.egress", value}});
}

std::string bind_error(const std::string& value) {
  return refusal({{"io.socklid.bind", value}});
}

std::vector<Endpoint> egress(const std::string& value) {
  return policy_of({{"io.socklid.egress", value}}).egress.value_or(std::vector<Endpoint>{});
}

Prefix ipv4(std::array<std::uint8_t, 4> bytes, std::uint8_t bits = 32) {
  Prefix prefix{AddressFamily::ipv4, {}, bits};
  std::copy(bytes.begin(), bytes.end(), prefix.address.begin());
  return prefix;
}

TEST(Endpoints, ReadsEachPart) {
  Prefix local{AddressFamily::ipv6, {0xfd}, 8};
  const struct {
    const char* text;
    Endpoint endpoint;
  } cases[] = {
      {"tcp", {Protocol::tcp, {0, 65535}, {}}},
      {"udp/53", {Protocol::udp, {53, 53}, {}}},
      {"icmp", {Protocol::icmp, {0, 65535}, {}}},
      {"sctp/0", {Protocol::sctp, {0, 0}, {}}},
      {"dccp/1-65535", {Protocol::dccp, {1, 65535}, {}}},
      {"tcp/3306@10.0.0.2", {Protocol::tcp, {3306, 3306}, ipv4({10, 0, 0, 2})}},
      {"tcp/80@0.0.0.0", {Protocol::tcp, {80, 80}, ipv4({0, 0, 0, 0})}},
      {"tcp/80@0.0.0.0/0", {Protocol::tcp, {80, 80}, ipv4({0, 0, 0, 0}, 0)}},
      {"icmp@192.0.2.128/25", {Protocol::icmp, {}, ipv4({192, 0, 2, 128}, 25)}},
      {"tcp/8000-8100@fd00::/8", {Protocol::tcp, {8000, 8100}, local}},
  };
  for (const auto& [text, endpoint] : cases) {
    EXPECT_EQ(egress(text), std::vector{endpoint}) << text;
    EXPECT_EQ(to_string(endpoint), text);
  }
}

TEST(Endpoints, ReadsProtocolsByTheirNumberWhereRawSocketsAreOpen) {
  const auto both = [](const std::string& value) {
    return Annotations{{"io.socklid.egress", value}, {"io.socklid.families", "inet raw"}};
  };
  const Endpoint vrrp{Protocol::numbered, {112, 112}, ipv4({224, 0, 0, 18})};
  EXPECT_EQ(policy_of(both("proto/112@224.0.0.18")).egress, std::vector{vrrp});
  EXPECT_EQ(to_string(vrrp), "proto/112@224.0.0.18");
  EXPECT_EQ(policy_of(both("proto/47 proto/255")).egress->size(), 2U);
  EXPECT_THAT(refusal(both("proto")),
              HasSubstr("expected the number of a protocol, as in proto/112"));
  for (const char* wrong : {"proto/", "proto/256", "proto/50-51", "proto/x", "proto/050"}) {
    EXPECT_THAT(refusal(both(wrong)), HasSubstr("expected the number of a protocol, 1 to 255"));
  }
  EXPECT_THAT(refusal(both("proto/6")), HasSubstr("expected tcp, which is its name"));
  EXPECT_THAT(refusal(both("proto/58")), HasSubstr("expected icmp, which is its name"));
  for (const char* header : {"proto/0", "proto/43", "proto/44", "proto/51", "proto/60"}) {
    EXPECT_THAT(refusal(both(header)), HasSubstr("no extension header of IPv6")) << header;
  }
  EXPECT_THAT(egress_error("wireguard/51820@10.0.0.1"), HasSubstr("the tunnel's fwmark"));
  EXPECT_THAT(egress_error("proto/112"),
              HasSubstr("proto/112: expected io.socklid.families with raw beside it"));
  EXPECT_THAT(bind_error("proto/112"), HasSubstr("expected allow, deny, or ports"));
  EXPECT_THAT(refusal({{"io.socklid.connect", "proto/112"}}), HasSubstr("expected a protocol"));
}

TEST(Endpoints, WritesTheShortestForm) {
  const struct {
    const char* text;
    const char* shortest;
  } cases[] = {
      {"tcp/0-65535", "tcp"},
      {"udp/7-7", "udp/7"},
      {"tcp@10.0.0.2/32", "tcp@10.0.0.2"},
      {"tcp@FD00:0:0:0::/128", "tcp@fd00::"},
      {"tcp@::/0", "tcp@::/0"},
      {"tcp@::", "tcp@::"},
      {"tcp@1:2::3.4.0.0/112", "tcp@1:2::304:0/112"},
  };
  for (const auto& [text, shortest] : cases) EXPECT_EQ(to_string(egress(text)), shortest) << text;
}

TEST(Endpoints, SortsAndDropsDuplicatesButDoesNotMerge) {
  EXPECT_EQ(to_string(egress("udp/53 tcp/80-81 tcp/80 udp/53-53 tcp/80")),
            "tcp/80 tcp/80-81 udp/53");
}

TEST(Endpoints, TakesAnyRunOfSpaceSemicolonAndCommaAsOneSeparator) {
  for (const char* text :
       {"tcp/80 udp/53", "tcp/80,udp/53", "tcp/80;udp/53", " ,;tcp/80 ; ,udp/53;;"}) {
    EXPECT_EQ(to_string(egress(text)), "tcp/80 udp/53") << text;
  }
  for (const char* text : {"", " ", ",;"}) {
    EXPECT_EQ(policy_of({{"io.socklid.egress", text}}).egress, std::vector<Endpoint>{}) << text;
  }
}

TEST(Endpoints, SaysWhereAndWhatWasExpected) {
  EXPECT_EQ(egress_error("tcp/80 upd/53"),
            "io.socklid.egress: \"tcp/80 upd/53\": at byte 8 (\"upd\"): expected a protocol: tcp, "
            "udp, icmp, sctp, dccp or proto/NUMBER, in lower case");
  EXPECT_EQ(egress_error("tcp/65536"),
            "io.socklid.egress: \"tcp/65536\": at byte 5 (\"65536\"): expected a port from 0 to "
            "65535");
  EXPECT_EQ(egress_error("udp/90-80"),
            "io.socklid.egress: \"udp/90-80\": at byte 5 (\"90-80\"): expected the smaller port of "
            "a range first");
  EXPECT_EQ(egress_error("icmp/8"),
            "io.socklid.egress: \"icmp/8\": at byte 5 (\"/8\"): expected no port: icmp has none");
  EXPECT_EQ(egress_error("tcp@db.example"),
            "io.socklid.egress: \"tcp@db.example\": at byte 5 (\"db.example\"): expected an IPv4 "
            "or IPv6 address, or a prefix such as 10.0.0.0/8 (names are not resolved)");
  EXPECT_EQ(egress_error("tcp@"),
            "io.socklid.egress: \"tcp@\": at byte 5: expected an IPv4 or IPv6 address, or a prefix "
            "such as 10.0.0.0/8 (names are not resolved)");
  EXPECT_EQ(egress_error("tcp@10.0.0.0/33"),
            "io.socklid.egress: \"tcp@10.0.0.0/33\": at byte 14 (\"33\"): expected a prefix length "
            "from 0 to 32");
  EXPECT_EQ(egress_error("tcp@fd00::/129"),
            "io.socklid.egress: \"tcp@fd00::/129\": at byte 12 (\"129\"): expected a prefix length "
            "from 0 to 128");
  EXPECT_EQ(egress_error("tcp@fe80::1%eth0"),
            "io.socklid.egress: \"tcp@fe80::1%eth0\": at byte 5 (\"fe80::1%eth0\"): expected an "
            "address without a zone");
}

TEST(Endpoints, SuggestsThePrefixWithoutItsHostBits) {
  EXPECT_EQ(egress_error("tcp/80@10.0.0.1/8"),
            "io.socklid.egress: \"tcp/80@10.0.0.1/8\": at byte 8 (\"10.0.0.1/8\"): expected no "
            "bits below the prefix length; did you mean 10.0.0.0/8?");
  EXPECT_NE(egress_error("tcp@10.0.3.0/23").find("10.0.2.0/23?"), std::string::npos);
  EXPECT_NE(egress_error("tcp@0.0.0.1/0").find("0.0.0.0/0?"), std::string::npos);
  EXPECT_NE(egress_error("tcp@fd00::1/127").find("fd00::/127?"), std::string::npos);
}

TEST(Endpoints, SuggestsTheIpv4FormOfAMappedAddress) {
  EXPECT_EQ(egress_error("tcp@::ffff:10.0.0.2"),
            "io.socklid.egress: \"tcp@::ffff:10.0.0.2\": at byte 5 (\"::ffff:10.0.0.2\"): expected "
            "the IPv4 form, 10.0.0.2");
  EXPECT_NE(egress_error("tcp@::ffff:a00:0/104").find("10.0.0.0/8"), std::string::npos);
  EXPECT_NE(egress_error("tcp@::ffff:10.1.2.3/104").find("10.0.0.0/8"), std::string::npos);
  EXPECT_NE(egress_error("tcp@::ffff:0:0/96").find("0.0.0.0/0"), std::string::npos);
}

TEST(Endpoints, RefusesWhatIsOnlyAlmostRight) {
  for (const char* text : {"TCP/80",
                           "tcp/",
                           "tcp/-",
                           "tcp/80-",
                           "tcp/-80",
                           "tcp/080",
                           "tcp/+80",
                           "tcp/0x50",
                           "tcp/80-81-82",
                           "tcp/http",
                           "tcp/99999999999999999999",
                           "tcp:80",
                           "tcp/80/81",
                           "/80",
                           "@10.0.0.1",
                           "80",
                           "allow",
                           "deny",
                           "ip",
                           "icmpv6",
                           "tcp/80@",
                           "tcp@10.0.0",
                           "tcp@10.0.0.0/",
                           "tcp@010.0.0.1",
                           "tcp@10.0.0.256",
                           "tcp@[::1]",
                           "tcp@::1::",
                           "tcp@10.0.0.0/08",
                           "tcp@10.0.0.0/+8",
                           "tcp@10.0.0.0/8/8",
                           "tcp@10.0.0.1@10.0.0.2",
                           "tcp@::/-1",
                           "tcp@10.0.0.0/255.0.0.0",
                           "tcp/8 0@",
                           "icmp/"}) {
    egress_error(text);
  }
}

TEST(Endpoints, KnowDnsAsAWordForBothProtocols) {
  const auto egress = [](const char* value) { return policy_of({{"io.socklid.egress", value}}); };
  EXPECT_EQ(egress("dns"), egress("tcp/53 udp/53"));
  EXPECT_EQ(egress("dns@10.0.0.2 tcp/80"), egress("udp/53@10.0.0.2 tcp/53@10.0.0.2 tcp/80"));
  EXPECT_EQ(egress("dns@fd00::/8"), egress("udp/53@fd00::/8 tcp/53@fd00::/8"));
  EXPECT_EQ(policy_of({{"io.socklid.bind", "dns"}}),
            policy_of({{"io.socklid.bind", "tcp/53 udp/53"}}));
  EXPECT_EQ(policy_of({{"io.socklid.connect", "dns"}}).connect->size(), 2U);
  EXPECT_EQ(to_string(egress("dns dns udp/53")), "io.socklid.egress: tcp/53 udp/53\n");
  for (const char* value :
       {"dns/53", "dns/53@10.0.0.2", "DNS", "dns@", "dns@name", "dns@10.0.0.1/8"}) {
    egress_error(value);
  }
}

TEST(Endpoints, EscapesAndShortensWhatItQuotes) {
  EXPECT_EQ(egress_error("tcp/80\x01udp"),
            "io.socklid.egress: \"tcp/80\\x01udp\": at byte 7 (\"\\x01\"): expected nothing but "
            "printable ASCII");
  EXPECT_EQ(egress_error("tcp/80\xc2\xa0udp"),
            "io.socklid.egress: \"tcp/80\\xc2\\xa0udp\": at byte 7 (\"\\xc2\"): expected nothing "
            "but printable ASCII");
  EXPECT_EQ(egress_error("tcp/80\tudp/x").find("at byte 12 (\"x\")"), 36U);
  EXPECT_EQ(egress_error("\"\\"),
            "io.socklid.egress: \"\\\"\\\\\": at byte 1 (\"\\\"\\\\\"): expected a protocol: tcp, "
            "udp, icmp, sctp, dccp or proto/NUMBER, in lower case");
  EXPECT_EQ(egress_error("tcp/" + std::string(200, '7')),
            "io.socklid.egress: \"tcp/" + std::string(76, '7') + "…\": at byte 5 (\"" +
                std::string(40, '7') + "…\"): expected a port from 0 to 65535");
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("tcp/8") + static_cast<char>(c) + "@x\x1b[31m";
    egress_error(text);  // error_of() looks at the message
  }
  egress_error(std::string("tcp@10.0.0.1\0", 13));
}

TEST(Bind, IsAllowDenyOrPorts) {
  EXPECT_EQ(policy_of({{"io.socklid.bind", "allow"}}), Policy{});
  EXPECT_EQ(policy_of({{"io.socklid.bind", "deny"}}).bind, Endpoints{});
  const Policy ports = policy_of({{"io.socklid.bind", "udp/5353 tcp/80@0.0.0.0 tcp"}});
  EXPECT_EQ(to_string(ports.bind.value()), "tcp tcp/80@0.0.0.0 udp/5353");
}

TEST(Bind, RefusesOtherProtocolsAndWordsAmongPorts) {
  const std::string expected = "expected allow, deny, or ports such as tcp/80 udp/53";
  EXPECT_EQ(bind_error(""), "io.socklid.bind: \"\": at byte 1: " + expected);
  EXPECT_EQ(bind_error("alow"), "io.socklid.bind: \"alow\": at byte 1 (\"alow\"): " + expected);
  EXPECT_EQ(bind_error("sctp/80"),
            "io.socklid.bind: \"sctp/80\": at byte 1 (\"sctp\"): " + expected);
  EXPECT_EQ(bind_error("tcp/80 deny"),
            "io.socklid.bind: \"tcp/80 deny\": at byte 8 (\"deny\"): " + expected);
  for (const char* text : {"icmp", "80", " ,", "deny allow", "Deny"}) bind_error(text);
}

}  // namespace
}  // namespace socklid::annotations
