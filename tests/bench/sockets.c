// SPDX-License-Identifier: Apache-2.0
//
// What operations on sockets cost: does each so many times and reads the clock around them, in
// nanoseconds, which are instructions where the clock counts these.
//
//   socklid-bench-sockets CGROUP FILE
//
// A container's process in CGROUP, which it makes, and in a network namespace of its own. Its peer
// is a child outside of the cgroup, in another namespace. Says `ready PEER`, the peer's process.
// Then it takes lines `OPERATION WAY COUNT` and answers each with nanoseconds:
//
//   accept   socket, connect, accept, close at both ends      stream  COUNT times 256 KiB
//   request  64 bytes there, 64 bytes back, on a connection   socket  socket and close, TCP
//   send     a datagram of 64 bytes that names its peer
//
// or one of tests/bench/sockets_deeds.h, with FILE; or `become`, after which the process has
// executed this program anew, and says `ready 0`: it has no peer any more, so that WAY is lo4 or
// lo6. WAY is lo4, lo6: over loopback, both ends in this process; or net4, net6: to the peer
// at 10.7.0.1 or fd07::1, both ends' work counted, but for datagrams, which the peer takes in
// later. The first few of each are not counted.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sockets_deeds.h"
#include "sockets_ends.h"

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// Each starts the clock after the first few.
static long long do_accept(const struct order* order, const struct address* to) {
  const int listener = is_local(order) ? serve(to, SOCK_STREAM) : -1;
  long long begin = 0;
  for (int i = -warm; i < order->count; i++) {
    if (i == 0) begin = now();
    const int client = reach(to);
    if (is_local(order)) {
      close(take(listener));
    } else {
      check(get(client, 1), "more than the end of the stream");
    }
    close(client);
  }
  const long long taken = now() - begin;
  if (is_local(order)) close(listener);
  return taken;
}

static long long do_request(const struct order* order, const struct address* to) {
  const int listener = is_local(order) ? serve(to, SOCK_STREAM) : -1;
  const int client = reach(to);
  const int server = is_local(order) ? take(listener) : -1;
  long long begin = 0;
  for (int i = -warm; i < order->count; i++) {
    if (i == 0) begin = now();
    put(client, message_size);
    if (is_local(order)) {
      get(server, message_size);
      put(server, message_size);
    }
    check(!get(client, message_size), "the connection ended");
  }
  const long long taken = now() - begin;
  close(client);
  if (is_local(order)) close(server), close(listener);
  return taken;
}

static long long do_send(const struct order* order, const struct address* to) {
  const int receiver = is_local(order) ? serve(to, SOCK_DGRAM) : -1;
  const int sender = make(to, SOCK_DGRAM);
  long long taken = 0;
  for (int i = -batch; i < order->count; i += batch) {
    const long long begin = now();
    for (int j = 0; j < batch; j++) {
      send_to(sender, to);
      if (is_local(order)) check(!get(receiver, message_size), "a datagram is missing");
    }
    if (i >= 0) taken += now() - begin;
    if (!is_local(order)) tell(), hear();
  }
  close(sender);
  if (is_local(order)) close(receiver);
  return taken;
}

static long long do_stream(const struct order* order, const struct address* to) {
  const int listener = is_local(order) ? serve(to, SOCK_STREAM) : -1;
  const int client = reach(to);
  const int server = is_local(order) ? take(listener) : -1;
  const size_t warm_size = (size_t)warm * chunk_size, size = (size_t)order->count * chunk_size;
  if (is_local(order)) {
    pass(client, server, warm_size);
  } else {
    put(client, warm_size);
  }
  const long long begin = now();
  if (is_local(order)) {
    pass(client, server, size);
  } else {
    put(client, size);
  }
  if (!is_local(order)) check(get(client, 1), "more than the end of the stream");
  const long long taken = now() - begin;
  close(client);
  if (is_local(order)) close(server), close(listener);
  return taken;
}

static long long do_socket(const struct order* order, const struct address* to) {
  long long begin = 0;
  for (int i = -warm; i < order->count; i++) {
    if (i == 0) begin = now();
    close(make(to, SOCK_STREAM));
  }
  return now() - begin;
}

static long long do_deed(const struct order* order, deed does, const char* path) {
  long long begin = 0;
  for (int i = -warm; i < order->count; i++) {
    if (i == 0) begin = now();
    does(path);
  }
  return now() - begin;
}

// The kernel frees later what was closed, and takes cgroups and namespaces apart in the background:
// the work of one operation must not be counted as the next one's.
static void settle(void) {
  usleep(100 * 1000);
}

static long long measure(const struct order* order, const char* path) {
  const struct address to = target(order);
  settle();
  const deed does = deed_named(order->what);
  if (does != NULL) return do_deed(order, does, path);
  if (strcmp(order->what, "socket") == 0) return do_socket(order, &to);
  if (!is_local(order)) order_peer(order);
  if (strcmp(order->what, "accept") == 0) return do_accept(order, &to);
  if (strcmp(order->what, "request") == 0) return do_request(order, &to);
  if (strcmp(order->what, "send") == 0) return do_send(order, &to);
  if (strcmp(order->what, "stream") == 0) return do_stream(order, &to);
  errno = EINVAL;
  check(1, order->what);
  return 0;
}

static void enter(const char* cgroup) {
  char path[256];
  check(mkdir(cgroup, 0755) != 0, cgroup);
  snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  check(file < 0 || write(file, "0", 1) != 1, path);
  close(file);
  check(unshare(CLONE_NEWNET | CLONE_NEWNS) != 0, "unshare");
  check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0, "make mounts private");
}

int main(int argc, char** argv) {
  char line[64];
  if (argc == 2 && strcmp(argv[1], nothing) == 0) return 0;
  if (argc != 3) {
    fputs("usage: socklid-bench-sockets CGROUP FILE\n", stderr);
    return 2;
  }
  const int is_anew = strcmp(argv[1], nothing) == 0;
  const pid_t peer = is_anew ? 0 : start_peer();
  if (!is_anew) {
    hear();
    enter(argv[1]);
  }
  printf("ready %d\n", peer);
  fflush(stdout);
  while (fgets(line, sizeof(line), stdin)) {
    struct order order = {0};
    check(sscanf(line, "%15s %15s %d", order.what, order.way, &order.count) != 3, line);
    if (strcmp(order.what, "become") == 0) {
      execl("/proc/self/exe", argv[0], nothing, argv[2], NULL);
      check(1, "execl");
    }
    printf("%lld\n", measure(&order, argv[2]));
    fflush(stdout);
  }
  return 0;
}
