// SPDX-License-Identifier: Apache-2.0
#include "plan/endpoint_lists.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "plan/rules/endpoints.hpp"

namespace socklid {
namespace {

using annotations::AddressFamily;
using annotations::Endpoint;
using annotations::PortRange;

/// A set of ports: which ones of which protocol (IPPROTO_*).
using PortSet = std::map<std::uint8_t, Ports>;

/// Family, bits and address: the key of a list's prefix in the kernel.
struct PrefixOf {
  AddressFamily family{};
  std::uint8_t bits{0};
  std::array<std::uint8_t, 16> address{};
  friend auto operator<=>(const PrefixOf&, const PrefixOf&) = default;
};
using PortsByPrefix = std::map<PrefixOf, PortSet>;

void add(PortsByPrefix& all, AddressFamily family, const Target& target) {
  Ports& ports = all[{family, target.prefix.bits, target.prefix.address}][target.prefix.protocol];
  ports.insert(ports.end(), target.ports.begin(), target.ports.end());
}

PortsByPrefix ports_by_prefix(const std::vector<Target>& targets) {
  PortsByPrefix all;
  for (const Target& target : targets) {
    if (target.prefix.family) {
      add(all, *target.prefix.family, target);
    } else {
      add(all, AddressFamily::ipv4, target);
      add(all, AddressFamily::ipv6, target);
    }
  }
  return all;
}

/// The fewest prefixes of a port number's 16 bits that make up the range.
void append_prefixes(std::vector<sl_port_key>& out, const sl_port_key& set, PortRange range) {
  std::uint32_t first = range.first;
  const std::uint32_t end = std::uint32_t{range.last} + 1;
  while (first < end) {
    std::uint32_t size = 1;
    std::uint32_t bits = 16;
    while (first % (size * 2) == 0 && first + size * 2 <= end) {
      size *= 2;
      bits--;
    }
    sl_port_key key = set;
    key.bits = SL_PORT_FIXED_BITS + bits;
    key.port = htons(static_cast<std::uint16_t>(first));
    out.push_back(key);
    first += size;
  }
}

/// Gives each set of ports its number, and writes it down once.
class PortSets {
 public:
  explicit PortSets(std::vector<sl_port_key>& out) : out_(out) {}

  std::uint32_t number_of(const PortSet& set) {
    const auto [found, added] = numbers_.try_emplace(set, numbers_.size() + 1);
    if (added) write(set, found->second);
    return found->second;
  }

 private:
  void write(const PortSet& set, std::uint32_t number) {
    const std::size_t begin = out_.size();
    for (const auto& [protocol, ranges] : set) {
      sl_port_key key{};
      key.ports = number;
      key.protocol = protocol;
      for (const PortRange& range : ranges) append_prefixes(out_, key, range);
    }
    // Ranges of `any address` and of a prefix of 0 bits meet in one set and can overlap.
    const auto bytes_less = [](const sl_port_key& a, const sl_port_key& b) {
      return std::memcmp(&a, &b, sizeof(a)) < 0;
    };
    const auto bytes_equal = [](const sl_port_key& a, const sl_port_key& b) {
      return std::memcmp(&a, &b, sizeof(a)) == 0;
    };
    const auto from = out_.begin() + static_cast<std::ptrdiff_t>(begin);
    std::sort(from, out_.end(), bytes_less);
    out_.erase(std::unique(from, out_.end(), bytes_equal), out_.end());
  }

  std::vector<sl_port_key>& out_;
  std::map<PortSet, std::uint32_t> numbers_;
};

void append_list(EndpointLists& lists, PortSets& sets, sl_list list,
                 const std::vector<Target>& targets) {
  for (const auto& [prefix, ports] : ports_by_prefix(targets)) {
    PrefixEntry entry{};
    entry.key.bits = SL_PREFIX_FIXED_BITS + prefix.bits;
    entry.key.list = static_cast<std::uint8_t>(list);
    entry.key.family = prefix.family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
    std::memcpy(entry.key.address, prefix.address.data(), sizeof(entry.key.address));
    entry.value = {.ports = sets.number_of(ports), .bits = prefix.bits};
    lists.prefixes.push_back(entry);
  }
}

/// As many entries as there can be, without compiling: most lists are short.
bool may_be_too_long(const std::vector<NamedLists>& lists) {
  constexpr std::size_t most_of_one =
      30;  // prefixes of a range; addresses, with those of `served`, are 4
  std::size_t endpoints = 0;
  for (const NamedLists& one : lists) {
    endpoints += one.connect->size() + one.bind->size();
    if (one.egress != nullptr) endpoints += one.egress->size();
  }
  return endpoints > max_list_entries / (2 * most_of_one);
}

/// Entries of the two tries.
struct Entries {
  std::size_t addresses{0};
  std::size_t ports{0};

  static Entries of(const EndpointLists& lists) {
    return {lists.prefixes.size(), lists.ports.size()};
  }
};

struct Share {
  std::string annotation;
  Entries entries;
};

void append_shares(std::vector<Share>& shares, const NamedLists& one) {
  const std::vector<Endpoint> none;
  const auto* const served = one.egress == nullptr ? nullptr : &none;
  shares.push_back({one.prefix + "connect", Entries::of(compile_lists(*one.connect, none))});
  shares.push_back({one.prefix + "bind", Entries::of(compile_lists(none, *one.bind, served))});
  if (one.egress == nullptr) return;
  shares.push_back({one.prefix + "egress", Entries::of(compile_lists(none, none, one.egress))});
}

}  // namespace

Result<> check_share(const std::vector<NamedLists>& lists) {
  if (!may_be_too_long(lists)) return {};
  Entries all;
  for (const NamedLists& one : lists) {
    const Entries entries = Entries::of(compile_lists(*one.connect, *one.bind, one.egress));
    all.addresses += entries.addresses;
    all.ports += entries.ports;
  }
  const bool addresses = all.addresses > max_list_entries;
  if (!addresses && all.ports <= max_list_entries) return {};
  std::vector<Share> shares;
  for (const NamedLists& one : lists) append_shares(shares, one);
  const auto entries = [&](const Share& share) {
    return addresses ? share.entries.addresses : share.entries.ports;
  };
  const auto most =
      std::max_element(shares.begin(), shares.end(),
                       [&](const Share& a, const Share& b) { return entries(a) < entries(b); });
  return fail(Exit::unsupported, most->annotation, " comes to ", entries(*most),
              (addresses ? " entries of addresses" : " entries of ports"),
              " in the kernel, and one container may have ", max_list_entries, ": name fewer ",
              (addresses ? "addresses" : "ports"),
              (addresses ? ", or prefixes that hold them"
                         : ", or ranges that begin and end at multiples of powers of two"));
}

EndpointLists EndpointLists::of(std::uint64_t cgroup_id, std::uint32_t generation) const {
  EndpointLists lists = *this;
  for (PrefixEntry& entry : lists.prefixes) {
    entry.key.cgroup_id = cgroup_id;
    entry.key.generation = generation;
  }
  for (sl_port_key& key : lists.ports) {
    key.cgroup_id = cgroup_id;
    key.generation = generation;
  }
  return lists;
}

EndpointLists compile_lists(const std::vector<Endpoint>& connect, const std::vector<Endpoint>& bind,
                            const std::vector<Endpoint>* egress) {
  EndpointLists lists;
  PortSets sets(lists.ports);
  append_list(lists, sets, SL_LIST_CONNECT, merge_endpoints(connect));
  append_list(lists, sets, SL_LIST_BIND, merge_endpoints(bind));
  if (egress != nullptr) {
    append_list(lists, sets, SL_LIST_EGRESS, merge_endpoints(*egress));
    append_list(lists, sets, SL_LIST_SERVED, merge_listeners(bind));
  }
  return lists;
}

}  // namespace socklid
