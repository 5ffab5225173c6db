// SPDX-License-Identifier: Apache-2.0
#include "nft/netlink.hpp"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <array>
#include <chrono>
#include <limits>

#include "nft/modules.hpp"

namespace socklid {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{5};

/// The kernel sizes its dumps by what the reader offers, up to 32 KiB
/// (net/netlink/af_netlink.c: netlink_recvmsg).
constexpr std::size_t buffer_size = std::size_t{64} * 1024;

int take_text(const nlattr* attribute, void* text) {
  if (mnl_attr_get_type(attribute) != NLMSGERR_ATTR_MSG) return MNL_CB_OK;
  if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0) return MNL_CB_OK;
  static_cast<std::string*>(text)->assign(mnl_attr_get_str(attribute));
  return MNL_CB_OK;
}

/// The attributes stand behind the header of the refused message; its payload is left out
/// (NETLINK_CAP_ACK), unless the kernel says otherwise by leaving out NLM_F_CAPPED.
std::string text_of(const nlmsghdr* header) {
  std::string text;
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return text;
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
  std::size_t skipped = sizeof(nlmsgerr);
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) {
    skipped += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  if (skipped < mnl_nlmsg_get_payload_len(header)) {
    mnl_attr_parse(header, static_cast<unsigned int>(skipped), take_text, &text);
  }
  return text;
}

/// Adds one message to the answer; true if it is the last.
bool take(const nlmsghdr* header, std::uint32_t last_sequence, NetlinkAnswer& answer) {
  if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) answer.interrupted = true;
  if (header->nlmsg_type == NLMSG_DONE) return true;
  if (header->nlmsg_type != NLMSG_ERROR) {
    answer.messages.emplace_back(reinterpret_cast<const char*>(header), header->nlmsg_len);
    return false;
  }
  if (mnl_nlmsg_get_payload_len(header) < sizeof(nlmsgerr)) return false;
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
  if (error->error != 0) {
    answer.errors.push_back({header->nlmsg_seq, -error->error, text_of(header)});
  }
  return header->nlmsg_seq == last_sequence;
}

bool take_all(const char* data, std::size_t size, std::uint32_t last_sequence,
              NetlinkAnswer& answer) {
  bool last = false;
  int left = static_cast<int>(size);
  const auto* header = reinterpret_cast<const nlmsghdr*>(data);
  for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
    last = take(header, last_sequence, answer) || last;
  }
  return last;
}

sockaddr_nl kernel_address() {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  return kernel;
}

/// One datagram of the kernel's, as recv(2); what others have sent is passed over.
ssize_t receive(int fd, char* buffer, std::size_t capacity) {
  while (true) {
    sockaddr_nl from{};
    socklen_t length = sizeof(from);
    const ssize_t size =
        ::recvfrom(fd, buffer, capacity, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0 || from.nl_pid == 0) return size;
  }
}

/// Milliseconds until `deadline`, at least 0.
int left_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

}  // namespace

std::string remedy_for(int error) {
  if (error == EPERM) {
    return " (CAP_NET_ADMIN is needed in the user namespace that owns the network namespace)";
  }
  utsname names{};
  if ((error != EOPNOTSUPP && error != ENOENT) || ::uname(&names) != 0) return {};
  return missing_modules_text(missing_modules({}, names.release));
}

Result<NetlinkSocket> NetlinkSocket::open() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) {
    if (errno == EPROTONOSUPPORT) {
      return fail(Exit::nft, "the kernel has no nfnetlink", remedy_for(EOPNOTSUPP));
    }
    return fail_errno(Exit::nft, "open a netfilter netlink socket");
  }
  // Both only make errors say more or cost less: a kernel without them is served as well.
  const int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  // Whoever has CAP_NET_ADMIN in the namespace can send to any of its netlink sockets, but to one
  // that is connected to another (net/netlink/af_netlink.c: netlink_getsockbyportid).
  const sockaddr_nl kernel = kernel_address();
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) != 0) {
    return fail_errno(Exit::nft, "connect a netfilter netlink socket to the kernel");
  }
  return NetlinkSocket(std::move(fd));
}

Result<NetlinkSocket> NetlinkSocket::open_in(const NetnsRef& netns) {
  const NetnsGuard inside = SL_TRY(NetnsGuard::enter(netns));
  return open();
}

Result<> NetlinkSocket::send(std::string_view request) {
  // A datagram longer than sk_sndbuf - 32 is refused (netlink_sendmsg); the kernel doubles the
  // value given here.
  if (request.size() < static_cast<std::size_t>(std::numeric_limits<int>::max() / 2)) {
    const int size = static_cast<int>(request.size()) + 64;
    if (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0) {
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
  }
  const sockaddr_nl kernel = kernel_address();
  ssize_t sent = -1;
  do {
    sent = ::sendto(fd_.get(), request.data(), request.size(), 0,
                    reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel));
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  if (errno == EMSGSIZE) {
    return fail(Exit::nft, "send ", request.size(),
                " bytes of nft rules: too many for the socket: shorten the lists, "
                "or raise net.core.wmem_max");
  }
  return fail_errno(Exit::nft, "send nft rules");
}

Result<NetlinkAnswer> NetlinkSocket::exchange(std::string_view request,
                                              std::uint32_t last_sequence) {
  SL_CHECK(send(request));
  const Clock::time_point deadline = Clock::now() + patience;
  alignas(nlmsghdr) std::array<char, buffer_size> buffer;
  NetlinkAnswer answer;
  for (bool last = false;;) {
    const ssize_t size = receive(fd_.get(), buffer.data(), buffer.size());
    if (size >= 0) {
      last = take_all(buffer.data(), static_cast<std::size_t>(size), last_sequence, answer) || last;
      continue;
    }
    // ENOBUFS: answers were lost, the next ones are still there.
    if (errno == EINTR || errno == ENOBUFS) continue;
    if (errno != EAGAIN) return fail_errno(Exit::nft, "read the answer of nf_tables");
    if (last || !answer.errors.empty()) return answer;
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, left_until(deadline)) == 0) {
      return fail(Exit::nft, "nf_tables did not answer within 5 seconds");
    }
  }
}

}  // namespace socklid
