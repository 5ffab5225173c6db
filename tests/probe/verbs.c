/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define MESSAGE "ping\n"

static void close_keeping_errno(int fd) {
  const int error = errno;
  close(fd);
  errno = error;
}

/* Opens the socket; a failure is that step's. */
static int opened(const char* kind, struct outcome* out) {
  const int fd = open_kind(kind);
  if (fd < 0) failed(out, "create");
  return fd;
}

static bool addressed(const char* kind, const char* rest, struct address* address,
                      struct outcome* out) {
  return parse_address(kind, rest, address) || failed(out, "address");
}

void try_create(const char* kind, const char* rest, struct outcome* out) {
  (void)rest;
  const int fd = open_kind(kind);
  if (fd < 0) {
    failed(out, NULL);
    return;
  }
  close(fd);
}

static bool bind_to(int fd, const char* kind, const char* rest, struct outcome* out,
                    const char* step) {
  const int one = 1;
  struct address address;
  if (!addressed(kind, rest, &address, out)) return false;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  return entry_bind(fd, &address) == 0 || failed(out, step);
}

void try_bind(const char* kind, const char* rest, struct outcome* out) {
  const int fd = opened(kind, out);
  if (fd < 0) return;
  bind_to(fd, kind, rest, out, NULL);
  close(fd);
}

/* unnamed: listen without bind. ephemeral: after a bind to port 0. */
void try_listen(const char* kind, const char* rest, struct outcome* out) {
  const bool unnamed = !strncmp(kind, "unnamed", 7);
  const bool ephemeral = !strncmp(kind, "ephemeral", 9);
  const bool inherited = !strcmp(kind, "inherited");
  const char* socket_kind = unnamed || ephemeral ? (strchr(kind, '6') ? "tcp6" : "tcp4") : kind;
  const int fd = opened(socket_kind, out);
  if (fd < 0) return;
  const char* port = ephemeral ? "0" : rest;
  if (unnamed || inherited || bind_to(fd, socket_kind, port, out, "bind"))
    if (entry_listen(fd)) failed(out, NULL);
  close(fd);
}

/* Starts a connection and waits for its end; `step` names it if it is not the point itself. */
static bool connect_to(int fd, const struct address* address, struct outcome* out,
                       const char* step) {
  int error = 0;
  socklen_t length = sizeof error;
  const int flags = fcntl(fd, F_GETFL);
  /* io_uring gives up on a non-blocking socket; a linked timeout is more than the test needs. */
  if (entry != ENTRY_URING) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  if (entry_connect(fd, address) == 0) {
    fcntl(fd, F_SETFL, flags);
    return true;
  }
  if (errno != EINPROGRESS) return failed(out, step);
  if (!wait_ready(fd, POLLOUT)) return failed(out, step);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  fcntl(fd, F_SETFL, flags);
  errno = error;
  return error == 0 || failed(out, step);
}

/* TCP_FASTOPEN_CONNECT puts the connection off to the first write, if there is a cookie. */
static void connect_fastopen(const char* rest, struct outcome* out) {
  const int one = 1;
  struct address address;
  const int fd = opened("tcp4", out);
  if (fd < 0 || !addressed("tcp4", rest, &address, out)) return;
  if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one)) {
    failed(out, "sockopt");
  } else if (connect_to(fd, &address, out, NULL)) {
    if (send(fd, MESSAGE, strlen(MESSAGE), MSG_NOSIGNAL) < 0) failed(out, "send");
  }
  close(fd);
}

void try_connect(const char* kind, const char* rest, struct outcome* out) {
  struct address address;
  if (!strcmp(kind, "fastopen")) {
    connect_fastopen(rest, out);
    return;
  }
  const int fd = opened(kind, out);
  if (fd < 0) return;
  if (addressed(kind, rest, &address, out)) connect_to(fd, &address, out, NULL);
  close(fd);
}

/* connectfrom.KIND:PORT:ADDRESS:PORT: with a local port of its choice. */
void try_connect_from(const char* kind, const char* rest, struct outcome* out) {
  char port[16];
  struct address address;
  snprintf(port, sizeof port, "%.*s", (int)strcspn(rest, ":"), rest);
  const int fd = opened(kind, out);
  if (fd < 0) return;
  if (bind_to(fd, kind, port, out, "bind") &&
      addressed(kind, rest + strcspn(rest, ":") + 1, &address, out))
    connect_to(fd, &address, out, NULL);
  close(fd);
}

/* A send that names its peer. */
void try_send(const char* kind, const char* rest, struct outcome* out) {
  const bool fastopen = !strncmp(kind, "fastopen", 8);
  const char* socket_kind = fastopen ? (strchr(kind, '6') ? "tcp6" : "tcp4") : kind;
  struct address address;
  const int fd = opened(socket_kind, out);
  if (fd < 0) return;
  if (addressed(socket_kind, rest, &address, out)) {
    const int flags = MSG_NOSIGNAL | (fastopen ? MSG_FASTOPEN | MSG_DONTWAIT : 0);
    const int sent = entry_sendto(fd, MESSAGE, strlen(MESSAGE), flags, &address);
    /* Without a cookie the SYN goes first and the data later. */
    if (sent < 0 && errno != EINPROGRESS) failed(out, NULL);
  }
  close(fd);
}

static void exchange_on(int fd, const char* kind, const char* peer, struct outcome* out) {
  char answer[64];
  struct address address;
  if (!addressed(kind, peer, &address, out) || !connect_to(fd, &address, out, "connect")) return;
  if (send(fd, MESSAGE, strlen(MESSAGE), MSG_NOSIGNAL) < 0)
    failed(out, "send");
  else if (!wait_ready(fd, POLLIN) || recv(fd, answer, sizeof answer, 0) < 0)
    failed(out, "answer");
}

void try_exchange(const char* kind, const char* rest, struct outcome* out) {
  const int fd = opened(kind, out);
  if (fd < 0) return;
  exchange_on(fd, kind, rest, out);
  close(fd);
}

void try_exchange_from(const char* kind, const char* rest, struct outcome* out) {
  char port[16];
  const size_t length = strcspn(rest, ":");
  snprintf(port, sizeof port, "%.*s", (int)length, rest);
  const int fd = opened(kind, out);
  if (fd < 0) return;
  if (bind_to(fd, kind, port, out, "bind")) exchange_on(fd, kind, rest + length + 1, out);
  close(fd);
}

/* A connection to ourselves to accept; where connecting is denied there is none, and an accept
 * that is allowed answers EAGAIN. */
static int connect_to_self(const char* kind, const char* port) {
  char text[64];
  struct address address;
  const int fd = open_kind(kind);
  const bool six = strchr(kind, '6') != NULL;
  snprintf(text, sizeof text, "%s:%s", six ? "::1" : "127.0.0.1", port);
  if (fd < 0 || !parse_address(kind, text, &address)) return fd;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  if (connect(fd, (struct sockaddr*)&address.storage, address.length) && errno != EINPROGRESS) {
    close_keeping_errno(fd);
    return -1;
  }
  return fd;
}

static void accept_from(int fd, bool expect_one, struct outcome* out) {
  if (expect_one) wait_ready(fd, POLLIN);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  const int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) {
    failed(out, NULL);
    return;
  }
  close(connection);
}

void try_accept(const char* kind, const char* rest, struct outcome* out) {
  const int fd = opened(kind, out);
  if (fd < 0) return;
  if (!strcmp(kind, "inherited")) {
    accept_from(fd, true, out);
  } else if (bind_to(fd, kind, rest, out, "bind")) {
    if (listen(fd, 1)) {
      failed(out, "listen");
    } else {
      const int peer = connect_to_self(kind, rest);
      accept_from(fd, peer >= 0, out);
      if (peer >= 0) close(peer);
    }
  }
  close(fd);
}

/* Without an address: on a socket that is not connected, where ENOTCONN is the kernel's consent. */
void try_shutdown(const char* kind, const char* rest, struct outcome* out) {
  struct address address;
  const int fd = opened(kind, out);
  if (fd < 0) return;
  const bool ready =
      !*rest || (addressed(kind, rest, &address, out) && connect_to(fd, &address, out, "connect"));
  if (ready && shutdown(fd, SHUT_RDWR)) failed(out, NULL);
  close(fd);
}
