// SPDX-License-Identifier: Apache-2.0
#include "sockets_ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char chunk[chunk_size];

void check(int failed, const char* what) {
  if (!failed) return;
  fprintf(stderr, "socklid-bench-sockets: %s: %s\n", what, strerror(errno));
  exit(1);
}

static struct address address(const char* text) {
  struct address result = {0};
  struct sockaddr_in* const ipv4 = (struct sockaddr_in*)&result.value;
  struct sockaddr_in6* const ipv6 = (struct sockaddr_in6*)&result.value;
  if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    result.size = sizeof(*ipv4);
  } else {
    check(inet_pton(AF_INET6, text, &ipv6->sin6_addr) != 1, text);
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    result.size = sizeof(*ipv6);
  }
  return result;
}

int is_local(const struct order* order) {
  return strncmp(order->way, "lo", 2) == 0;
}

struct address target(const struct order* order) {
  const int ipv6 = strchr(order->way, '6') != NULL;
  if (is_local(order)) return address(ipv6 ? "::1" : "127.0.0.1");
  return address(ipv6 ? "fd07::1" : "10.7.0.1");
}

int make(const struct address* address, int type) {
  const int result = socket(address->value.ss_family, type | SOCK_CLOEXEC, 0);
  check(result < 0, "socket");
  return result;
}

int serve(const struct address* address, int type) {
  const int result = make(address, type), on = 1;
  check(setsockopt(result, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0, "SO_REUSEADDR");
  check(bind(result, (const struct sockaddr*)&address->value, address->size) != 0, "bind");
  if (type == SOCK_STREAM) check(listen(result, 16) != 0, "listen");
  return result;
}

int reach(const struct address* address) {
  const int result = make(address, SOCK_STREAM);
  check(connect(result, (const struct sockaddr*)&address->value, address->size) != 0, "connect");
  return result;
}

int take(int listener) {
  const int result = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  check(result < 0, "accept");
  return result;
}

void put(int file, size_t size) {
  for (size_t left = size; left > 0;) {
    const ssize_t done = write(file, chunk, left < chunk_size ? left : chunk_size);
    check(done <= 0, "write");
    left -= (size_t)done;
  }
}

int get(int file, size_t size) {
  for (size_t have = 0; have < size;) {
    const ssize_t got = read(file, chunk, size - have);
    check(got < 0, "read");
    if (got == 0) return 0;
    have += (size_t)got;
  }
  return 1;
}

void send_to(int sender, const struct address* to) {
  const ssize_t sent =
      sendto(sender, chunk, message_size, 0, (const struct sockaddr*)&to->value, to->size);
  check(sent != message_size, "sendto");
}

void pass(int out, int in, size_t size) {
  for (size_t sent = 0, got = 0; got < size;) {
    ssize_t moved = -1, taken;
    if (sent < size) {
      const size_t left = size - sent < chunk_size ? size - sent : chunk_size;
      moved = send(out, chunk, left, MSG_DONTWAIT);
      check(moved < 0 && errno != EAGAIN, "send");
      if (moved > 0) sent += (size_t)moved;
    }
    taken = recv(in, chunk, chunk_size, MSG_DONTWAIT);
    check(taken == 0 || (taken < 0 && errno != EAGAIN), "recv");
    if (taken > 0) got += (size_t)taken;
    if (moved < 0 && taken < 0) {
      struct pollfd both[] = {{in, POLLIN, 0}, {sent < size ? out : -1, POLLOUT, 0}};
      check(poll(both, 2, 10000) <= 0, "poll");
    }
  }
}
