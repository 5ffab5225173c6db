// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/places.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace socklid::siege {
namespace {

constexpr std::array<std::string_view, roles> role_names{"own",   "any",  "loopback", "victim",
                                                         "named", "next", "group",    "broadcast"};

template <class Address>
Address& as(sockaddr_storage& storage) {
  return reinterpret_cast<Address&>(storage);
}
template <class Address>
const Address& as(const sockaddr_storage& storage) {
  return reinterpret_cast<const Address&>(storage);
}

[[noreturn]] void refuse(const char* word) {
  std::fprintf(stderr, "besieger: what is %s?\n", word);
  std::exit(2);
}

}  // namespace

Places Places::of(int count, char** words) {
  Places places;
  const auto put = [&](Role role, const char* v4, const char* v6) {
    places.v4_[static_cast<std::size_t>(role)] = v4;
    places.v6_[static_cast<std::size_t>(role)] = v6;
  };
  put(Role::any, "0.0.0.0", "::");
  put(Role::loopback, "127.0.0.1", "::1");
  put(Role::group, "239.1.2.3", "ff15::4:3");
  put(Role::broadcast, "255.255.255.255", "ff02::1");
  for (int i = 0; i < count; ++i) {
    const std::string word = words[i];
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) refuse(words[i]);
    const std::string key = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    const auto port = static_cast<std::uint16_t>(std::atoi(value.c_str()));
    if (key == "served") {
      places.served_.push_back(port);
    } else if (key == "reachable") {
      places.named_.push_back(port);
    } else if (key == "other") {
      places.other_.push_back(port);
    } else if (key == "keep") {
      places.kept_.push_back(port);
    } else if (key == "cage") {
      places.cage_ = value;
    } else if (key == "hand") {
      places.hands_over_ = true;
    } else if (key == "files") {
      places.has_files_ = true;
    } else if (key == "link") {
      places.link_name_ = value;
      places.link_ = if_nametoindex(value.c_str());
    } else {
      std::size_t role = 0;
      while (role < roles && role_names.at(role) != key) ++role;
      if (role == roles) refuse(words[i]);
      (value.find(':') == std::string::npos ? places.v4_ : places.v6_).at(role) = value;
    }
  }
  return places;
}

sockaddr_storage Places::address(const Endpoint& endpoint) const {
  sockaddr_storage made{};
  const std::string& text = (endpoint.v6 ? v6_ : v4_).at(static_cast<std::size_t>(endpoint.role));
  const bool group = endpoint.role == Role::group;
  if (endpoint.v6) {
    auto& to = as<sockaddr_in6>(made);
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(endpoint.port);
    inet_pton(AF_INET6, text.c_str(), &to.sin6_addr);
    if (group) to.sin6_addr.s6_addr[13] = static_cast<std::uint8_t>(endpoint.port);
    const bool needs_link =
        IN6_IS_ADDR_LINKLOCAL(&to.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&to.sin6_addr);
    to.sin6_scope_id = needs_link ? link_ : 0;
  } else {
    auto& to = as<sockaddr_in>(made);
    to.sin_family = AF_INET;
    to.sin_port = htons(endpoint.port);
    inet_pton(AF_INET, text.c_str(), &to.sin_addr);
    if (group) to.sin_addr.s_addr ^= htonl(endpoint.port & 0xffU);
  }
  return made;
}

sockaddr_storage Places::mapped(const Endpoint& endpoint) const {
  const sockaddr_storage v4 = address(endpoint);
  sockaddr_storage made{};
  auto& to = as<sockaddr_in6>(made);
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(endpoint.port);
  to.sin6_addr.s6_addr[10] = to.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&to.sin6_addr.s6_addr[12], &as<sockaddr_in>(v4).sin_addr, 4);
  return made;
}

std::uint16_t Places::any_port(Chance& chance) const {
  const unsigned share = chance.below(100);
  if (share < 35 && !served_.empty()) return chance.one_of(served_);
  if (share < 60 && !named_.empty()) return chance.one_of(named_);
  return chance.one_of(other_);
}

Endpoint Places::any_endpoint(Chance& chance, bool v6) const {
  static constexpr std::array<Role, 16> draw{
      Role::own,    Role::own,    Role::own,    Role::own,      Role::any,   Role::loopback,
      Role::victim, Role::victim, Role::victim, Role::victim,   Role::named, Role::named,
      Role::next,   Role::next,   Role::group,  Role::broadcast};
  const Role role = chance.one_of(draw);
  return {role, v6, any_port(chance)};
}

std::string_view name_of(Role role) {
  return role_names.at(static_cast<std::size_t>(role));
}

std::string text_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &as<sockaddr_in6>(address).sin6_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &as<sockaddr_in>(address).sin_addr, text.data(), text.size());
  } else {
    return "-";
  }
  return "[" + std::string(text.data()) + "]:" + std::to_string(port_of(address));
}

socklen_t size_of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

std::uint16_t port_of(const sockaddr_storage& address) {
  return ntohs(as<sockaddr_in>(address).sin_port);  // at the same place in both
}

}  // namespace socklid::siege
