// SPDX-License-Identifier: Apache-2.0
//
// NetlinkMessage: builds one netlink message with its attributes (netlink(7), linux/netlink.h), and
// netlink_exchange() has the kernel carry it out.
//
//   NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE);
//   message.fixed(ifinfomsg{}).text(IFLA_IFNAME, "d0");
//   message.open(IFLA_LINKINFO).text(IFLA_INFO_KIND, "dummy").close();
//   const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
//   if (!netlink_exchange(fd.get(), message.bytes())) return failed("RTM_NEWLINK");
//
// Numbers are in host byte order unless the attribute says otherwise. Several messages in one
// buffer are their bytes() one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace socklid::selftest {

class NetlinkMessage {
 public:
  /// NLM_F_REQUEST and NLM_F_ACK are added to `flags`, so that the kernel answers every message.
  explicit NetlinkMessage(std::uint16_t type, std::uint16_t flags = 0);

  /// The header of the message's type, ifinfomsg for example: first, and once.
  template <typename Header>
  NetlinkMessage& fixed(const Header& header) {
    static_assert(std::is_trivially_copyable_v<Header>);
    return append(&header, sizeof(header));
  }

  /// An attribute of any size below 64 KiB, padded to four bytes.
  NetlinkMessage& attribute(std::uint16_t type, const void* data, std::size_t size);
  template <typename Value>
  NetlinkMessage& value(std::uint16_t type, const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    return attribute(type, &value, sizeof(value));
  }
  /// A string with its terminating zero.
  NetlinkMessage& text(std::uint16_t type, std::string_view text);

  /// Attributes up to close() lie in this one. Some families want NLA_F_NESTED in `type`.
  NetlinkMessage& open(std::uint16_t type);
  NetlinkMessage& close();

  /// Whole once every open() is closed; a multiple of four bytes long.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  NetlinkMessage& append(const void* data, std::size_t size);

  std::string bytes_;
  std::vector<std::size_t> open_;  ///< where attributes begin that are not closed
};

/// One datagram to the kernel, then its answers.
[[nodiscard]] bool netlink_exchange(int fd, std::string_view messages);

/// What the kernel said to messages that were sent already: the kernel handles them inside the
/// call that sends (net/netlink/af_netlink.c: netlink_unicast_kernel), so nothing is waited for.
/// False and errno of the first message that was refused; ENODATA if none was answered.
[[nodiscard]] bool netlink_answer(int fd);

}  // namespace socklid::selftest
