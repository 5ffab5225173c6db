// SPDX-License-Identifier: Apache-2.0
//
// Both ends of the wire between an attempt and the broker; the broker itself is in
// broker_process.cpp.
#include "selftest/ways/broker.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "selftest/arena/broker_process.hpp"

namespace socklid::selftest {
namespace {

/// The reply, with errno set from it. `fd` gets the descriptor.
BrokerReply ask(const Scene& scene, const BrokerRequest& request, UniqueFd& fd) {
  BrokerReply reply{.error = EPIPE, .pid = 0, .fd = -1};
  if (!send_with_fd(scene.broker, &request, sizeof(request), -1)) return {.error = errno};
  const ssize_t size = receive_with_fd(scene.broker, &reply, sizeof(reply), fd);
  if (size < 0) return {.error = errno};
  return reply;
}

BrokerRequest request_for(const Scene& scene, BrokerRequest::Do action, Lent what,
                          Namespace where) {
  return {.action = action,
          .what = what,
          .where = where,
          .family = scene.family(),
          .target = scene.target,
          .port = scene.port};
}

}  // namespace

bool send_with_fd(int socket, const void* message, std::size_t size, int fd) {
  iovec data{const_cast<void*>(message), size};  // NOLINT: sendmsg(2) only reads it
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(int));
  }
  return ::sendmsg(socket, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

ssize_t receive_with_fd(int socket, void* message, std::size_t size, UniqueFd& fd) {
  iovec data{message, size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  if (got < 0) return got;
  const cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(rights), sizeof(int));
    fd.reset(received);
  }
  return got;
}

UniqueFd borrow(const Scene& scene, Lent what, Namespace where) {
  UniqueFd fd;
  const BrokerReply reply =
      ask(scene, request_for(scene, BrokerRequest::Do::lend, what, where), fd);
  if (reply.error != 0) fd.reset();
  errno = reply.error;
  return fd;
}

HeldSocket hold(const Scene& scene, Lent what, Namespace where) {
  UniqueFd none;
  const BrokerReply reply =
      ask(scene, request_for(scene, BrokerRequest::Do::keep, what, where), none);
  errno = reply.error;
  return {.pid = reply.pid, .fd = reply.error == 0 ? reply.fd : -1};
}

bool visit(const Scene& scene, std::uint16_t port) {
  UniqueFd none;
  BrokerRequest request =
      request_for(scene, BrokerRequest::Do::visit, Lent::tcp, Namespace::elsewhere);
  request.port = port;
  const BrokerReply reply = ask(scene, request, none);
  errno = reply.error;
  return reply.error == 0;
}

}  // namespace socklid::selftest
