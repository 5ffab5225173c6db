/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts that stay: servers, and waiting for an event from outside. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

static void say_ready(const char* kind, const char* rest) {
  printf("serving.%s%s%s ok\n", kind, *rest ? ":" : "", rest);
  fflush(stdout);
}

/* PID 1 of a container has no default actions: without this a stop would take ten seconds. */
static void end(int number) {
  (void)number;
  _exit(0);
}

static void end_on_term(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
}

static void answer_connections(int listener, struct outcome* out) {
  char data[256];
  for (;;) {
    const int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
      failed(out, "accept");
      return;
    }
    const ssize_t size = recv(connection, data, sizeof data, 0);
    if (size > 0) send(connection, data, size, MSG_NOSIGNAL);
    close(connection);
  }
}

static void answer_datagrams(int fd, struct outcome* out) {
  char data[256];
  struct sockaddr_storage peer;
  for (;;) {
    socklen_t length = sizeof peer;
    const ssize_t size = recvfrom(fd, data, sizeof data, 0, (struct sockaddr*)&peer, &length);
    if (size < 0 || sendto(fd, data, size, 0, (struct sockaddr*)&peer, length) < 0) {
      failed(out, size < 0 ? "recv" : "send");
      return;
    }
  }
}

static bool is_stream(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) && type == SOCK_STREAM;
}

static bool prepare(int fd, const char* kind, const char* rest, struct outcome* out) {
  const int one = 1;
  struct address address;
  if (!strcmp(kind, "inherited")) return true;
  if (!parse_address(kind, rest, &address)) return failed(out, "address");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr*)&address.storage, address.length)) return failed(out, "bind");
  return !is_stream(fd) || !listen(fd, 8) || failed(out, "listen");
}

void try_serve(const char* kind, const char* rest, struct outcome* out) {
  end_on_term();
  const int fd = open_kind(kind);
  if (fd < 0) {
    failed(out, "create");
    return;
  }
  if (!prepare(fd, kind, rest, out)) return;
  say_ready(kind, rest);
  if (is_stream(fd))
    answer_connections(fd, out);
  else
    answer_datagrams(fd, out);
}

/* Held back, so that it interrupts nothing: an exchange that a signal ends is not lost. */
static bool told_to_end(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

/* One datagram after the other, each when the one before has come back or is lost; until told to
 * end. The value is "LOST-of-SENT". */
void try_stream(const char* kind, const char* rest, struct outcome* out) {
  unsigned sent = 0, lost = 0, answer = 0;
  struct address address;
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);
  const int fd = open_kind(kind);
  if (fd < 0 || !parse_address(kind, rest, &address) ||
      connect(fd, (struct sockaddr*)&address.storage, address.length)) {
    failed(out, "connect");
    return;
  }
  for (; !told_to_end(); ++sent) {
    if (send(fd, &sent, sizeof sent, 0) < 0 || !wait_ready(fd, POLLIN) ||
        recv(fd, &answer, sizeof answer, 0) < 0 || answer != sent)
      ++lost;
    if (sent == 0) {
      printf("streaming ok\n");
      fflush(stdout);
    }
  }
  close(fd);
  snprintf(out->value, sizeof out->value, "%u-of-%u", lost, sent);
}

/* term: until told to end. stdin: until its end. fifo: until somebody has opened it for writing. */
void try_wait(const char* kind, const char* rest, struct outcome* out) {
  char byte;
  end_on_term();
  if (!strcmp(kind, "term")) {
    printf("waiting ok\n");
    fflush(stdout);
    for (;;) pause();
  } else if (!strcmp(kind, "stdin")) {
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  } else {
    const int fd = open(rest, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      failed(out, NULL);
    else
      close(fd);
  }
}
