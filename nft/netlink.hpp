// SPDX-License-Identifier: Apache-2.0
//
// NetlinkSocket: the way to the kernel's nf_tables, of the network namespace it was opened in.
//
//   NetlinkSocket socket = SL_TRY(NetlinkSocket::open());        // inside the namespace
//   // leave the namespace; the socket stays in it (net/netlink/af_netlink.c: netlink_create)
//   const NetlinkAnswer answer = SL_TRY(socket.exchange(messages, last_sequence));
//   if (!answer.errors.empty()) ...
//
// The kernel handles a request inside sendto(2), so its answers are waiting when that returns; an
// answer that does not come within 5 seconds is an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "node/netns.hpp"

namespace socklid {

/// One message of a request that the kernel refused.
struct NetlinkError {
  std::uint32_t sequence{0};  ///< nlmsg_seq of the message
  int error{0};               ///< positive errno
  std::string text;           ///< the kernel's own words (NLMSGERR_ATTR_MSG), or empty
};

struct NetlinkAnswer {
  std::vector<std::string> messages;  ///< each one netlink message with its header
  std::vector<NetlinkError> errors;   ///< in the order of the request
  bool interrupted{false};            ///< a dump changed while it was read: ask again
};

/// The remedy for a positive errno of nf_tables, " (...)", or nothing where the errno
/// does not say. It names each module that is missing.
[[nodiscard]] std::string remedy_for(int error);

class NetlinkSocket {
 public:
  /// NETLINK_NETFILTER in the calling thread's current network namespace, close-on-exec. Needs no
  /// privilege; a request does (CAP_NET_ADMIN in the user namespace that owns the namespace).
  /// Errors: Exit::nft.
  [[nodiscard]] static Result<NetlinkSocket> open();

  /// The same in another namespace, where the socket stays; this thread is there for one call.
  /// Also Exit::netns.
  [[nodiscard]] static Result<NetlinkSocket> open_in(const NetnsRef& netns);

  /// Sends one or more netlink messages in one datagram and collects the answers up to the
  /// acknowledgement of `last_sequence`, the end of a dump, or an error. What the kernel refused
  /// is in the answer; an Error (Exit::nft) means that no answer came. The send buffer grows to
  /// the request, past net.core.wmem_max where CAP_NET_ADMIN of the initial user namespace allows.
  [[nodiscard]] Result<NetlinkAnswer> exchange(std::string_view request,
                                               std::uint32_t last_sequence);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<> send(std::string_view request);

  UniqueFd fd_;
};

}  // namespace socklid
