// SPDX-License-Identifier: Apache-2.0
//
// Lists as entries of tries. Fails when random overlapping lists, looked up as the kernel looks
// them up, name another set of peers than reading the list from top to bottom does.
#include "plan/endpoint_lists.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <random>
#include <set>

#include "tests/support/host_lists.hpp"

namespace socklid {
namespace {

using annotations::AddressFamily;
using annotations::Endpoint;
using annotations::Prefix;
using annotations::Protocol;

/// Few addresses, ports and lengths, so that endpoints overlap, hide and touch each other.
class Lists {
 public:
  explicit Lists(unsigned seed) : random_(seed) {}

  std::vector<Endpoint> list() {
    std::vector<Endpoint> list(below(12));
    for (Endpoint& endpoint : list) endpoint = one();
    return list;
  }

  sl_attempt attempt() {
    sl_attempt attempt{};
    const bool ipv4 = below(2) == 0;
    attempt.address_family = ipv4 ? AF_INET : AF_INET6;
    const auto bytes = address();
    std::memcpy(attempt.address, bytes.data(), ipv4 ? 4 : 16);
    attempt.port = port();
    return attempt;
  }

  std::uint8_t protocol() { return pick<std::uint8_t>({IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP}); }

 private:
  Endpoint one() {
    Endpoint endpoint;
    endpoint.protocol = pick<Protocol>({Protocol::tcp, Protocol::udp, Protocol::icmp});
    if (endpoint.protocol != Protocol::icmp && below(4) != 0) {
      endpoint.ports.first = port();
      endpoint.ports.last = std::max(endpoint.ports.first, port());
    }
    if (below(3) != 0) endpoint.prefix = prefix();
    return endpoint;
  }

  Prefix prefix() {
    Prefix prefix;
    const bool ipv4 = below(2) == 0;
    prefix.family = ipv4 ? AddressFamily::ipv4 : AddressFamily::ipv6;
    prefix.bits = ipv4 ? pick<std::uint8_t>({0, 1, 8, 9, 24, 31, 32})
                       : pick<std::uint8_t>({0, 8, 33, 64, 127, 128});
    prefix.address = address();
    for (unsigned bit = prefix.bits; bit < 128; bit++) {
      prefix.address[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
    }
    return prefix;
  }

  std::array<std::uint8_t, 16> address() {
    std::array<std::uint8_t, 16> bytes{};
    for (std::uint8_t& byte : bytes) byte = pick<std::uint8_t>({0, 0, 0, 1, 128});
    return bytes;
  }

  std::uint16_t port() {
    return pick<std::uint16_t>({0, 1, 79, 80, 81, 443, 1024, 32767, 32768, 65535});
  }

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return *(values.begin() + below(values.size()));
  }

  std::mt19937_64 random_;
};

bool names(const Endpoint& endpoint, const sl_attempt& attempt, std::uint8_t protocol) {
  const bool ipv4 = attempt.address_family == AF_INET;
  int number = ipv4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  if (endpoint.protocol == Protocol::tcp) number = IPPROTO_TCP;
  if (endpoint.protocol == Protocol::udp) number = IPPROTO_UDP;
  if (number != protocol) return false;
  if (endpoint.protocol != Protocol::icmp &&
      (attempt.port < endpoint.ports.first || attempt.port > endpoint.ports.last)) {
    return false;
  }
  if (!endpoint.prefix) return true;
  return (endpoint.prefix->family == AddressFamily::ipv4) == ipv4 &&
         test::same_bits(endpoint.prefix->address.data(), attempt.address, endpoint.prefix->bits);
}

TEST(EndpointLists, NameWhatTheListNames) {
  Lists generate(2003);
  int named = 0;
  for (int i = 0; i < 3000; i++) {
    const std::vector<Endpoint> connect = generate.list();
    const std::vector<Endpoint> bind = generate.list();
    test::host_lists() = compile_lists(connect, bind).of(4711, 1);
    sl_policy policy{};
    policy.cgroup_id = 4711;
    policy.generation = 1;
    for (int k = 0; k < 20; k++) {
      const sl_attempt attempt = generate.attempt();
      const std::uint8_t protocol = generate.protocol();
      const bool expected = std::any_of(connect.begin(), connect.end(), [&](const Endpoint& e) {
        return names(e, attempt, protocol);
      });
      ASSERT_EQ(sl_list_names(&policy, SL_LIST_CONNECT, protocol, &attempt) != 0, expected)
          << to_string(connect) << " and " << protocol << '/' << attempt.port;
      named += expected ? 1 : 0;
    }
  }
  EXPECT_GT(named, 5000);
}

TEST(EndpointLists, ALongerPrefixHidesNoShorterOne) {
  const Prefix wide{AddressFamily::ipv4, {10}, 8};
  const Prefix narrow{AddressFamily::ipv4, {10, 1}, 16};
  test::host_lists() =
      compile_lists({{Protocol::tcp, {443, 443}, wide}, {Protocol::tcp, {80, 80}, narrow}}, {});
  sl_attempt attempt{};
  attempt.address_family = AF_INET;
  attempt.address[0] = __builtin_bswap32(0x0a010203);
  const sl_policy policy{};
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{80, 443, 81}) {
    attempt.port = port;
    EXPECT_EQ(sl_list_names(&policy, SL_LIST_CONNECT, IPPROTO_TCP, &attempt), port != 81) << port;
    EXPECT_EQ(sl_list_names(&policy, SL_LIST_BIND, IPPROTO_TCP, &attempt), 0) << "another list";
  }
}

TEST(EndpointLists, GrowLinearlyAndShareSetsOfPorts) {
  std::vector<Endpoint> list;
  for (std::uint32_t i = 0; i < 10000; i++) {
    const Prefix prefix{AddressFamily::ipv4,
                        {10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)},
                        24};
    list.push_back({Protocol::tcp, {443, 443}, prefix});
  }
  const EndpointLists lists = compile_lists(list, {});
  EXPECT_EQ(lists.prefixes.size(), 10000u);
  EXPECT_EQ(lists.ports.size(), 1u);
}

TEST(EndpointLists, ARangeIsTheFewestPrefixes) {
  EXPECT_EQ(compile_lists({{Protocol::udp, {0, 65535}, {}}}, {}).ports.size(), 1u);
  EXPECT_EQ(compile_lists({{Protocol::udp, {1, 65534}, {}}}, {}).ports.size(), 30u);
  EXPECT_EQ(compile_lists({{Protocol::udp, {80, 95}, {}}}, {}).ports.size(), 1u);
}

/// 10,000 addresses with a port each, or 10,000 port ranges of several entries each.
std::vector<Endpoint> many_addresses() {
  std::vector<Endpoint> list;
  for (std::uint16_t i = 0; i < 10000; i++) {
    const Prefix prefix{AddressFamily::ipv4,
                        {10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1},
                        32};
    list.push_back({Protocol::tcp, {i, i}, prefix});
  }
  return list;
}
std::vector<Endpoint> many_ranges() {
  std::vector<Endpoint> list = many_addresses();
  for (Endpoint& endpoint : list) {
    const std::uint16_t first = endpoint.ports.first;
    endpoint.ports = {static_cast<std::uint16_t>(first | 1),
                      static_cast<std::uint16_t>(65534 - (first / 2) * 2)};
  }
  return list;
}

Result<> check_share(const std::vector<Endpoint>& connect, const std::vector<Endpoint>& bind,
                     const std::vector<Endpoint>* egress = nullptr) {
  return socklid::check_share({{"io.socklid.", &connect, &bind, egress}});
}

TEST(Share, HoldsWhateverTenThousandEndpointsOfOnePortComeTo) {
  const std::vector<Endpoint> list = many_addresses();
  const std::vector<Endpoint> none;
  EXPECT_TRUE(check_share(list, none));
  EXPECT_TRUE(check_share(none, list));
  EXPECT_TRUE(check_share(none, none, &list));
  EXPECT_TRUE(check_share(none, list, &none)) << "what is served too";
}

TEST(Share, IsExceededByTheAnnotationThatIsNamed) {
  const std::vector<Endpoint> ranges = many_ranges();
  const std::vector<Endpoint> few = {{Protocol::tcp, {80, 80}, {}}};
  const auto expect = [&](const Result<>& checked, std::string_view annotation,
                          std::size_t entries) {
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().exit, Exit::unsupported);
    const std::string& message = checked.error().message;
    EXPECT_TRUE(message.starts_with(annotation)) << message;
    EXPECT_NE(message.find(std::to_string(entries)), std::string::npos) << message;
    EXPECT_NE(message.find("32768"), std::string::npos) << message;
  };
  const std::size_t entries = compile_lists(ranges, {}).ports.size();
  EXPECT_GT(entries, 2 * max_list_entries);
  expect(check_share(ranges, few), "io.socklid.connect ", entries);
  expect(check_share(few, ranges), "io.socklid.bind ", entries);
  expect(check_share(few, few, &ranges), "io.socklid.egress ", entries);
}

TEST(Share, IsOneForTheContainerAndItsSubjects) {
  std::vector<Endpoint> half = many_ranges();
  const std::vector<Endpoint> none;
  std::size_t entries = compile_lists(half, {}).ports.size();
  while (entries > max_list_entries * 3 / 4) {
    half.resize(half.size() * 9 / 10);
    entries = compile_lists(half, {}).ports.size();
  }
  ASSERT_GT(entries, max_list_entries / 2);
  const NamedLists container{"io.socklid.", &none, &none, nullptr};
  const NamedLists one{"io.socklid.subject.a: ", &half, &none, nullptr};
  const NamedLists other{"io.socklid.subject.b: ", &none, &half, nullptr};
  EXPECT_TRUE(socklid::check_share({container, one}));
  const auto both = socklid::check_share({container, one, other});
  ASSERT_FALSE(both);
  EXPECT_TRUE(both.error().message.starts_with("io.socklid.subject.a: connect comes to "))
      << both.error().message;
}

/// The way to be sure that it is quick for most: not compiled when it cannot be too long.
TEST(Share, IsNotExceededByAnythingThatIsNotCompiled) {
  std::vector<Endpoint> ranges = many_ranges();
  ranges.resize(546);
  const EndpointLists lists = compile_lists({}, ranges, &ranges);
  EXPECT_LE(lists.ports.size(), max_list_entries);
  EXPECT_LE(lists.prefixes.size(), max_list_entries);
}

}  // namespace
}  // namespace socklid
