// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/accomplice.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace socklid::siege {
namespace {

int open_at(std::uint16_t port, int type) {
  const int made = ::socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int off = 0;
  const int on = 1;
  (void)::setsockopt(made, SOL_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  (void)::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return -1;
  if (type == SOCK_STREAM && ::listen(made, 64) != 0) return -1;
  return made;
}

void watch(int epoll, int socket) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  (void)::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

void echo_datagrams(int socket) {
  std::array<char, 4096> data{};
  sockaddr_storage peer{};
  for (;;) {
    socklen_t size = sizeof(peer);
    const ssize_t got =
        ::recvfrom(socket, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
    if (got < 0) return;
    (void)::sendto(socket, data.data(), static_cast<std::size_t>(got), 0,
                   reinterpret_cast<sockaddr*>(&peer), size);
  }
}

void echo_stream(int socket) {
  std::array<char, 4096> data{};
  const ssize_t got = ::recv(socket, data.data(), data.size(), 0);
  if (got > 0) {
    (void)::send(socket, data.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
  } else {
    ::close(socket);
  }
}

}  // namespace

int answer_all(std::uint16_t port) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int streams = open_at(port, SOCK_STREAM);
  const int datagrams = open_at(port, SOCK_DGRAM);
  if (epoll < 0 || streams < 0 || datagrams < 0) return 1;
  watch(epoll, streams);
  watch(epoll, datagrams);
  std::puts("ok");
  (void)std::fflush(stdout);
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int socket = events.at(static_cast<std::size_t>(i)).data.fd;
      if (socket == datagrams) {
        echo_datagrams(socket);
      } else if (socket == streams) {
        const int made = ::accept4(streams, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (made >= 0) watch(epoll, made);
      } else {
        echo_stream(socket);
      }
    }
  }
}

}  // namespace socklid::siege
