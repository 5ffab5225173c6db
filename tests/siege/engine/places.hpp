// SPDX-License-Identifier: Apache-2.0
//
// Places: the addresses and ports that sequences draw from. The parent of the container says them
// as words: "victim=10.77.0.1", "served=53", "named=22", "other=44444", "link=sl0".
//
//   const Places places = Places::of(argc, argv);
//   const sockaddr_storage address = places.address({role, port, true});
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/siege/engine/chance.hpp"

namespace socklid::siege {

/// Whose address it is. `next` is on the link, and nobody's.
enum class Role : std::uint8_t {
  own,
  any,
  loopback,
  victim,
  named,
  next,
  group,
  broadcast,
};
constexpr std::size_t roles = 8;

/// An address and port, as values.
struct Endpoint {
  Role role{Role::any};
  bool v6{false};
  std::uint16_t port{0};
};

class Places {
 public:
  /// Unknown words are errors of the caller, and end the program.
  static Places of(int count, char** words);

  /// With the scope of the link, where an address needs one. For Role::group the port chooses among
  /// many groups; it is the port of the result too.
  [[nodiscard]] sockaddr_storage address(const Endpoint& endpoint) const;
  /// As `::ffff:a.b.c.d`; `endpoint` is not v6.
  [[nodiscard]] sockaddr_storage mapped(const Endpoint& endpoint) const;
  /// Named ones and served ones more often than others.
  [[nodiscard]] std::uint16_t any_port(Chance& chance) const;
  [[nodiscard]] Endpoint any_endpoint(Chance& chance, bool v6) const;
  [[nodiscard]] unsigned link() const { return link_; }
  [[nodiscard]] const std::string& link_name() const { return link_name_; }
  [[nodiscard]] const std::vector<std::uint16_t>& served() const { return served_; }
  [[nodiscard]] const std::vector<std::uint16_t>& kept() const { return kept_; }
  /// The program that plays the rounds, if it is not this one: a subject's. Empty: this one.
  [[nodiscard]] const std::string& cage() const { return cage_; }
  /// Whether that is handed sockets that it has not made.
  [[nodiscard]] bool hands_over() const { return hands_over_; }
  /// Whether there are protected files.
  [[nodiscard]] bool has_files() const { return has_files_; }
  /// Whether there are sockets from before.
  [[nodiscard]] bool has_older() const { return hands_over_ || !kept_.empty(); }

 private:
  std::array<std::string, roles> v4_, v6_;
  std::vector<std::uint16_t> served_, named_, other_, kept_;
  std::string link_name_, cage_;
  unsigned link_{0};
  bool hands_over_{false};
  bool has_files_{false};
};

std::string_view name_of(Role role);
/// "10.77.0.1:53"; for the log.
std::string text_of(const sockaddr_storage& address);
socklen_t size_of(const sockaddr_storage& address);
std::uint16_t port_of(const sockaddr_storage& address);

}  // namespace socklid::siege
