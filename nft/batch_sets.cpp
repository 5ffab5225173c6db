// SPDX-License-Identifier: Apache-2.0
//
// The part of NftBatch that knows how the kernel wants sets and their elements.
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <cstring>
#include <new>
#include <string>

#include "nft/batch.hpp"
#include "nft/elements.hpp"
#include "nft/owned.hpp"

namespace socklid {
namespace {

using nft::KeyType;

/// Numbers of nft's data types (nftables, include/datatype.h: enum datatypes), 6 bits each in a
/// concatenation. The kernel only keeps them, for nft to print the set.
std::uint32_t number_of(KeyType type) {
  switch (type) {
    case KeyType::ipv4_addr:
      return 7;
    case KeyType::ipv6_addr:
      return 8;
    case KeyType::inet_proto:
      return 12;
    case KeyType::inet_service:
      return 13;
    case KeyType::icmp_type:
      return 14;
    case KeyType::icmpv6_type:
      return 29;
  }
  return 0;
}

std::uint32_t size_of(KeyType type) {
  switch (type) {
    case KeyType::ipv4_addr:
      return 4;
    case KeyType::ipv6_addr:
      return 16;
    case KeyType::inet_service:
      return 2;
    default:
      return 1;
  }
}

/// A key as the kernel compares it: alone as it is, in a concatenation each part padded to 4 bytes.
struct KeyBytes {
  std::array<std::uint8_t, 24> data{};
  std::uint32_t size{0};

  void append(const void* part, std::uint32_t length, bool padded) {
    std::memcpy(data.data() + size, part, length);
    size += padded ? (length + 3) / 4 * 4 : length;
  }
};

KeyBytes key_of(const nft::Set& set, const nft::Element& element, std::uint16_t number) {
  KeyBytes key;
  const bool padded = set.key.size() > 1;
  for (const KeyType type : set.key) {
    const std::uint16_t port = htons(number);
    const auto small = static_cast<std::uint8_t>(number);
    switch (type) {
      case KeyType::ipv4_addr:
      case KeyType::ipv6_addr:
        key.append(element.address.data(), size_of(type), padded);
        break;
      case KeyType::inet_proto:
        key.append(&element.protocol, 1, padded);
        break;
      case KeyType::inet_service:
        key.append(&port, 2, padded);
        break;
      default:
        key.append(&small, 1, padded);
        break;
    }
  }
  return key;
}

void add_element(nftnl_set& set, const KeyBytes& key, std::uint32_t flags,
                 const std::string& chain) {
  nftnl_set_elem* element = nftnl_set_elem_alloc();
  if (element == nullptr) throw std::bad_alloc();
  nftnl_set_elem_add(&set, element);
  nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data.data(), key.size);
  if (flags != 0) nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_FLAGS, flags);
  if (chain.empty()) return;
  nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, static_cast<std::uint32_t>(NFT_JUMP));
  nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, chain.c_str());
}

}  // namespace

Owned<nftnl_set> elements_of(const std::string& table, const nft::Set& set) {
  auto target = owned(nftnl_set_alloc());
  nftnl_set_set_str(target.get(), NFTNL_SET_TABLE, table.c_str());
  nftnl_set_set_str(target.get(), NFTNL_SET_NAME, set.name.c_str());
  for (const nft::Element& element : set.elements) {
    const auto [first, last] = element.numbers;
    add_element(*target, key_of(set, element, first), 0, element.chain);
    if (!set.interval || last == 65535) continue;
    add_element(*target, key_of(set, element, static_cast<std::uint16_t>(last + 1)),
                NFT_SET_ELEM_INTERVAL_END, {});
  }
  return target;
}

void NftBatch::add(const nft::Set& set) {
  const auto target = owned(nftnl_set_alloc());
  std::uint32_t type = 0;
  std::uint32_t length = 0;
  for (const KeyType part : set.key) {
    type = type << 6U | number_of(part);
    length += set.key.size() > 1 ? (size_of(part) + 3) / 4 * 4 : size_of(part);
  }
  std::uint32_t flags = NFT_SET_CONSTANT;
  if (set.lifetime != 0) flags = NFT_SET_EVAL | NFT_SET_TIMEOUT;
  if (set.interval) flags |= NFT_SET_INTERVAL;
  if (set.verdict_map) flags |= NFT_SET_MAP;
  nftnl_set_set_str(target.get(), NFTNL_SET_TABLE, table_.c_str());
  nftnl_set_set_str(target.get(), NFTNL_SET_NAME, set.name.c_str());
  nftnl_set_set_u32(target.get(), NFTNL_SET_ID, next_set_id_);
  nftnl_set_set_u32(target.get(), NFTNL_SET_FLAGS, flags);
  nftnl_set_set_u32(target.get(), NFTNL_SET_KEY_TYPE, type);
  nftnl_set_set_u32(target.get(), NFTNL_SET_KEY_LEN, length);
  if (set.verdict_map) {
    nftnl_set_set_u32(target.get(), NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
    nftnl_set_set_u32(target.get(), NFTNL_SET_DATA_LEN, 0);
  }
  if (set.lifetime != 0) {
    nftnl_set_set_u64(target.get(), NFTNL_SET_TIMEOUT, std::uint64_t{1000} * set.lifetime);
    nftnl_set_set_u32(target.get(), NFTNL_SET_DESC_SIZE, set.room);
  }
  // With its size known a hash table is allocated once. A tree needs no size, and kernels differ
  // in whether they count an interval once or twice.
  if (!set.interval && set.lifetime == 0) {
    nftnl_set_set_u32(target.get(), NFTNL_SET_DESC_SIZE,
                      static_cast<std::uint32_t>(set.elements.size()));
  }
  message(NFT_MSG_NEWSET, NLM_F_CREATE, "set " + set.name,
          [&target](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, target.get()); });
  if (set.lifetime == 0) add_elements(set);
  ++next_set_id_;
}

void NftBatch::add_elements(const nft::Set& set) {
  const auto target = elements_of(table_, set);
  nftnl_set_set_u32(target.get(), NFTNL_SET_ID, next_set_id_);
  const auto iterator = owned(nftnl_set_elems_iter_create(target.get()));
  for (bool more = true; more;) {
    message(NFT_MSG_NEWSETELEM, NLM_F_CREATE, "elements of set " + set.name,
            [&iterator, &more](nlmsghdr* header) {
              more = nftnl_set_elems_nlmsg_build_payload_iter(header, iterator.get()) > 0;
            });
  }
}

}  // namespace socklid
