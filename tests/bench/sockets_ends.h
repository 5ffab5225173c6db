// SPDX-License-Identifier: Apache-2.0
//
// What sockets.c, the container's process, and its peer share: orders, sockets at either end, and
// the pipes between the two processes. All end the program, with a line on standard error, where
// something does not work.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { port = 7, message_size = 64, chunk_size = 256 * 1024, warm = 3, batch = 32 };

struct order {
  char what[16];
  char way[16];
  int count;
};

struct address {
  struct sockaddr_storage value;
  socklen_t size;
};

// Ends the program if `failed`, with `what` and errno's text.
void check(int failed, const char* what);

// Whether both ends are in the container's process.
int is_local(const struct order* order);
// Where the order's service is.
struct address target(const struct order* order);

int make(const struct address* address, int type);
// Bound, and listening if it is a stream's.
int serve(const struct address* address, int type);
// A connection, from either side.
int reach(const struct address* address);
int take(int listener);

// So many bytes of no meaning; get() is false at the end of the stream.
void put(int file, size_t size);
int get(int file, size_t size);
void send_to(int sender, const struct address* to);
// Through both ends in turn, as much as each takes, so that neither has to be waited for.
void pass(int out, int in, size_t size);

// Forks the peer, in a network namespace of its own, which serves orders until this process ends.
pid_t start_peer(void);
// Returns once the peer serves.
void order_peer(const struct order* order);
// One byte to the other process, one from it.
void tell(void);
void hear(void);
