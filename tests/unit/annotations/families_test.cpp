// SPDX-License-Identifier: Apache-2.0
//
// Fails if a name of io.socklid.families stands for another number than the C library says, if two
// names mean one thing, or if the list is not kept as given.
#include "annotations/family.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <set>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using Kind = Family::Kind;

std::optional<std::vector<Family>> families(const std::string& value) {
  return policy_of({{"io.socklid.families", value}}).families;
}

TEST(Families, HaveTheNumbersOfTheSystemsHeaders) {
  const struct {
    const char* name;
    Kind kind;
    int number;
  } cases[] = {
      {"unix", Kind::address_family, AF_UNIX},
      {"inet", Kind::address_family, AF_INET},
      {"ax25", Kind::address_family, AF_AX25},
      {"ipx", Kind::address_family, AF_IPX},
      {"appletalk", Kind::address_family, AF_APPLETALK},
      {"netrom", Kind::address_family, AF_NETROM},
      {"atmpvc", Kind::address_family, AF_ATMPVC},
      {"x25", Kind::address_family, AF_X25},
      {"inet6", Kind::address_family, AF_INET6},
      {"rose", Kind::address_family, AF_ROSE},
      {"key", Kind::address_family, AF_KEY},
      {"netlink", Kind::address_family, AF_NETLINK},
      {"packet", Kind::address_family, AF_PACKET},
      {"atmsvc", Kind::address_family, AF_ATMSVC},
      {"rds", Kind::address_family, AF_RDS},
      {"pppox", Kind::address_family, AF_PPPOX},
      {"llc", Kind::address_family, AF_LLC},
      {"can", Kind::address_family, AF_CAN},
      {"tipc", Kind::address_family, AF_TIPC},
      {"bluetooth", Kind::address_family, AF_BLUETOOTH},
      {"iucv", Kind::address_family, AF_IUCV},
      {"rxrpc", Kind::address_family, AF_RXRPC},
      {"isdn", Kind::address_family, AF_ISDN},
      {"phonet", Kind::address_family, AF_PHONET},
      {"ieee802154", Kind::address_family, AF_IEEE802154},
      {"caif", Kind::address_family, AF_CAIF},
      {"alg", Kind::address_family, AF_ALG},
      {"nfc", Kind::address_family, AF_NFC},
      {"vsock", Kind::address_family, AF_VSOCK},
      {"kcm", Kind::address_family, AF_KCM},
      {"qipcrtr", Kind::address_family, AF_QIPCRTR},
      {"smc", Kind::address_family, AF_SMC},
      {"xdp", Kind::address_family, AF_XDP},
      {"mctp", Kind::address_family, AF_MCTP},
      {"netlink-route", Kind::netlink_protocol, NETLINK_ROUTE},
      {"netlink-usersock", Kind::netlink_protocol, NETLINK_USERSOCK},
      {"netlink-sock-diag", Kind::netlink_protocol, NETLINK_SOCK_DIAG},
      {"netlink-xfrm", Kind::netlink_protocol, NETLINK_XFRM},
      {"netlink-selinux", Kind::netlink_protocol, NETLINK_SELINUX},
      {"netlink-iscsi", Kind::netlink_protocol, NETLINK_ISCSI},
      {"netlink-audit", Kind::netlink_protocol, NETLINK_AUDIT},
      {"netlink-fib-lookup", Kind::netlink_protocol, NETLINK_FIB_LOOKUP},
      {"netlink-connector", Kind::netlink_protocol, NETLINK_CONNECTOR},
      {"netlink-netfilter", Kind::netlink_protocol, NETLINK_NETFILTER},
      {"netlink-kobject-uevent", Kind::netlink_protocol, NETLINK_KOBJECT_UEVENT},
      {"netlink-generic", Kind::netlink_protocol, NETLINK_GENERIC},
      {"netlink-scsitransport", Kind::netlink_protocol, NETLINK_SCSITRANSPORT},
      {"netlink-rdma", Kind::netlink_protocol, NETLINK_RDMA},
      {"netlink-crypto", Kind::netlink_protocol, NETLINK_CRYPTO},
      {"raw", Kind::raw, 0},
  };
  EXPECT_EQ(std::size(cases), family_names().size());
  for (const auto& [name, kind, number] : cases) {
    const Family family{kind, static_cast<std::uint8_t>(number)};
    EXPECT_EQ(families(name), std::vector{family}) << name;
    EXPECT_EQ(to_string(family), name);
  }
}

TEST(Families, HaveOneNameEach) {
  std::set<std::string_view> names;
  std::set<Family> meanings;
  for (const FamilyName& known : family_names()) {
    EXPECT_TRUE(names.insert(known.name).second) << known.name;
    EXPECT_TRUE(meanings.insert(known.family).second) << known.name;
  }
}

TEST(Families, AreSortedWithoutDuplicatesAndOtherwiseAsGiven) {
  EXPECT_EQ(to_string(*families("raw inet6,inet;netlink-generic inet netlink")),
            "inet inet6 netlink netlink-generic raw");
  EXPECT_EQ(to_string(*families("unix inet")), "unix inet");
}

TEST(Families, MayBeNone) {
  EXPECT_EQ(families(""), std::vector<Family>{});
  EXPECT_TRUE(restricts(policy_of({{"io.socklid.families", ""}})));
}

TEST(Families, RefuseOtherNames) {
  EXPECT_EQ(refusal({{"io.socklid.families", "inet AF_INET6"}}),
            "io.socklid.families: \"inet AF_INET6\": at byte 6 (\"AF_INET6\"): expected names of "
            "socket families: unix, inet, inet6, netlink, netlink-generic, packet, vsock, raw, "
            "...");
  for (const char* text :
       {"INET", "2", "inet4", "netlink-", "netlink-firewall", "allow", "local"}) {
    refusal({{"io.socklid.families", text}});
  }
}

TEST(Families, PrintEvenWithoutAName) {
  EXPECT_EQ(to_string(Family{Kind::address_family, 200}), "0/200");
}

}  // namespace
}  // namespace socklid::annotations
