// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/broker_process.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

#include "guard/pins.hpp"
#include "selftest/arena/cgroup_tree.hpp"
#include "selftest/ways/bpf_call.hpp"
#include "selftest/ways/hierarchy.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

UniqueFd with_errno(int error) {
  errno = error;
  return {};
}

UniqueFd duplicate(const UniqueFd& fd) {
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

/// bpf(BPF_OBJ_GET), bpf(2).
UniqueFd open_pinned(const std::string& path) {
  bpf_attr attributes{};
  attributes.pathname = reinterpret_cast<std::uint64_t>(path.c_str());
  return UniqueFd(
      static_cast<int>(::syscall(SYS_bpf, BPF_OBJ_GET, &attributes,
                                 offsetof(bpf_attr, file_flags) + sizeof(attributes.file_flags))));
}

/// Of the network namespace that the caller is in.
UniqueFd open_sysctl(int family) {
  return UniqueFd(::open(family == AF_INET ? "/proc/sys/net/ipv4/ip_nonlocal_bind"
                                           : "/proc/sys/net/ipv6/ip_nonlocal_bind",
                         O_WRONLY | O_CLOEXEC));
}

UniqueFd open_configfs() {
  UniqueFd root = private_mount("configfs");
  if (!root) return {};
  for (const char* const path : {nvmet_host, nvmet_subsystem}) {
    if (::mkdirat(root.get(), path, 0755) != 0 && errno != EEXIST) return {};
  }
  return root;
}

/// As CRIU puts back a connection: it stands, and no packet was sent for it (net/ipv4/tcp_output.c,
/// tcp_connect()). The peer knows nothing of it.
bool connect_in_silence(int fd, const Address& peer) {
  constexpr std::uint32_t bytes = 32 * 1024;
  tcp_repair_window window{};
  window.snd_wnd = window.max_window = window.rcv_wnd = bytes;
  return set_option(fd, SOL_TCP, TCP_REPAIR, TCP_REPAIR_ON) && connect_to(fd, peer) &&
         ::setsockopt(fd, SOL_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window)) == 0 &&
         set_option(fd, SOL_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
}

/// A socket that `prepare` did something to; empty with its errno if it could not.
template <typename Prepare>
UniqueFd prepared(UniqueFd fd, Prepare prepare) {
  if (fd && !prepare(fd.get())) return with_errno(errno);
  return fd;
}

class Broker {
 public:
  explicit Broker(const BrokerPlaces& places) : places_(places) {}

  /// False when the client is gone.
  bool answer(int client) {
    BrokerRequest request{};
    UniqueFd none;
    if (receive_with_fd(client, &request, sizeof(request), none) != sizeof(request)) return false;
    UniqueFd fd = request.action == BrokerRequest::Do::visit ? visit(request) : make(request);
    const BrokerReply reply{.error = fd ? 0 : errno, .pid = ::getpid(), .fd = fd.get()};
    const bool lend = fd && request.action == BrokerRequest::Do::lend;
    const bool sent = send_with_fd(client, &reply, sizeof(reply), lend ? fd.get() : -1);
    kept_.push_back(std::move(fd));
    return sent;
  }

  void forget() { kept_.clear(); }

 private:
  const NetnsRef& netns_of(Namespace where) const {
    return where == Namespace::inside ? places_.network->inside : places_.network->elsewhere;
  }

  UniqueFd visit(const BrokerRequest& request) const {
    const auto there = NetnsGuard::enter(places_.network->elsewhere);
    if (!there) return with_errno(EINVAL);
    const Address container =
        make_address(request.family == AF_INET ? inside4 : inside6, request.port);
    return prepared(open_socket(request.family, SOCK_STREAM),
                    [&](int fd) { return connect_to(fd, container); });
  }

  UniqueFd make(const BrokerRequest& request) const {
    switch (request.what) {
      case Lent::netns:
        return duplicate(netns_of(request.where).fd);
      case Lent::cgroup_outside:
        return open_directory(places_.outside);
      case Lent::cgroup_above:
        return open_directory(places_.above);
      case Lent::cgroup_procs:
        return open_procs(places_.outside).value_or(UniqueFd{});
      case Lent::bpffs:
        return open_directory("/sys/fs/bpf");
      case Lent::configfs:
        return open_configfs();
      case Lent::perf_program:
        return load_constant_program(BPF_PROG_TYPE_PERF_EVENT);
      case Lent::denials_map:
        return open_pinned(pins::directory(object_hash()) + "/" + pins::denials);
      default:
        break;
    }
    const auto there = NetnsGuard::enter(netns_of(request.where));
    if (!there) return with_errno(EINVAL);
    return request.what == Lent::sysctl ? open_sysctl(request.family) : make_socket(request);
  }

  static UniqueFd make_socket(const BrokerRequest& request) {
    const int family = request.family;
    const auto connected = [&](int fd) { return connect_to(fd, request.target); };
    const auto bound = [&](int fd) { return bind_to(fd, any_address(family, request.port)); };
    const auto listening = [&](int fd) { return bound(fd) && ::listen(fd, 8) == 0; };
    switch (request.what) {
      case Lent::udp:
        return open_socket(family, SOCK_DGRAM);
      case Lent::udp_connected:
        return prepared(open_socket(family, SOCK_DGRAM), connected);
      case Lent::udp_bound:
        return prepared(open_socket(family, SOCK_DGRAM), bound);
      case Lent::tcp:
        return open_socket(family, SOCK_STREAM);
      case Lent::tcp_connected:
        return prepared(open_socket(family, SOCK_STREAM), connected);
      case Lent::tcp_early:
        return prepared(open_socket(family, SOCK_STREAM),
                        [&](int fd) { return connect_in_silence(fd, request.target); });
      case Lent::tcp_bound:
        return prepared(open_socket(family, SOCK_STREAM), bound);
      case Lent::tcp_listening:
        return prepared(open_socket(family, SOCK_STREAM), listening);
      case Lent::mptcp:
        return open_socket(family, SOCK_STREAM, ipproto_mptcp);
      case Lent::sctp:
        return open_socket(family, SOCK_SEQPACKET, IPPROTO_SCTP);
      case Lent::icmp:
        return open_socket(family, SOCK_DGRAM,
                           family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
      case Lent::raw:
        return open_socket(family, SOCK_RAW, IPPROTO_RAW);
      case Lent::packet:
        return open_socket(AF_PACKET, SOCK_RAW);
      case Lent::netlink_route:
        return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
      case Lent::netlink_netfilter:
        return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
      case Lent::netlink_xfrm:
        return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
      case Lent::netlink_generic:
        return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
      default:
        return with_errno(EINVAL);
    }
  }

  BrokerPlaces places_;
  std::vector<UniqueFd> kept_;  ///< for the client
};

/// Serves one client after the other, until it is killed or selftest is gone.
int serve(const BrokerPlaces& places, int control) {
  Broker broker(places);
  char ready = 'y';
  if (::send(control, &ready, 1, MSG_NOSIGNAL) != 1) return 1;
  UniqueFd client;
  for (;;) {
    std::array<pollfd, 2> entries{pollfd{control, POLLIN, 0}, pollfd{client.get(), POLLIN, 0}};
    if (::poll(entries.data(), entries.size(), -1) < 0) return 1;
    if (entries[0].revents != 0) {
      broker.forget();
      if (receive_with_fd(control, &ready, 1, client) <= 0) return 0;
    } else if (entries[1].revents != 0 && !broker.answer(client.get())) {
      client.reset();
    }
  }
}

struct Pair {
  UniqueFd ours;
  UniqueFd theirs;
};

Result<Pair> make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno(Exit::internal, "a way to the broker");
  }
  return Pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

Result<BrokerProcess> BrokerProcess::start(const BrokerPlaces& places) {
  Pair control = SL_TRY(make_pair());
  Child child = SL_TRY(Child::start([&] {
    control.ours.reset();
    return serve(places, control.theirs.get());
  }));
  control.theirs.reset();
  char ready = 'n';
  if (::recv(control.ours.get(), &ready, 1, 0) != 1) {
    return fail(Exit::internal, "the broker of sockets did not start");
  }
  return BrokerProcess(std::move(child), std::move(control.ours));
}

Result<UniqueFd> BrokerProcess::serve_new_client() const {
  Pair pair = SL_TRY(make_pair());
  if (!send_with_fd(control_.get(), "c", 1, pair.theirs.get())) {
    return fail_errno(Exit::internal, "ask the broker of sockets");
  }
  return std::move(pair.ours);
}

}  // namespace socklid::selftest
