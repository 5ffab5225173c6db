// SPDX-License-Identifier: Apache-2.0
//
// The peer of sockets.c: its part of each order, in another process.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sockets_ends.h"

static int to_other, from_other;  // pipes between the container's process and this

void tell(void) {
  put(to_other, 1);
}
void hear(void) {
  check(!get(from_other, 1), "the other process ended");
}

void order_peer(const struct order* order) {
  check(write(to_other, order, sizeof(*order)) != sizeof(*order), "write");
  hear();
}

static void drain(int receiver) {
  char message[message_size];
  while (recv(receiver, message, sizeof(message), MSG_DONTWAIT) >= 0) {
  }
  check(errno != EAGAIN, "recv");
}

// The peer's part of one order.
static void answer(const struct order* order) {
  const struct address here = target(order);
  const int datagrams = strcmp(order->what, "send") == 0;
  const int server = serve(&here, datagrams ? SOCK_DGRAM : SOCK_STREAM);
  tell();
  if (datagrams) {
    for (int i = -batch; i < order->count; i += batch) hear(), drain(server), tell();
  } else if (strcmp(order->what, "accept") == 0) {
    for (int i = -warm; i < order->count; i++) close(take(server));
  } else {
    const int connection = take(server);
    const int stream = strcmp(order->what, "stream") == 0;
    for (int i = -warm; i < order->count; i++) {
      check(!get(connection, stream ? chunk_size : message_size), "the connection ended");
      if (!stream) put(connection, message_size);
    }
    close(connection);
  }
  close(server);
}

pid_t start_peer(void) {
  int there[2], back[2];
  check(pipe2(there, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0, "pipe");
  const pid_t pid = fork();
  check(pid < 0, "fork");
  from_other = pid == 0 ? there[0] : back[0];
  to_other = pid == 0 ? back[1] : there[1];
  close(pid == 0 ? there[1] : back[1]);
  if (pid != 0) return pid;
  struct order order;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  check(unshare(CLONE_NEWNET) != 0, "unshare");
  tell();
  while (read(from_other, &order, sizeof(order)) == sizeof(order)) answer(&order);
  exit(0);
}
