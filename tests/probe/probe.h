/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socklid-probe: tries things with sockets and says how the kernel answered. One static program
 * without dependencies, so that it runs in a container that holds nothing else.
 *
 *   socklid-probe create.tcp4 bind.udp4:53 orphan/connect.tcp6:fd99::1:80
 *
 *   create.tcp4 ok
 *   bind.udp4:53 EACCES
 *   orphan/connect.tcp6:fd99::1:80 EPERM
 *
 * An attempt is [WHERE/]...VERB[.KIND][:ARGUMENTS]. Its line is its own text and then `ok`, a value
 * (`mark.tcp4 0x3`), an errno's name, or STEP:ERRNO when it failed before it came to what it tries
 * (`listen.tcp4:80 bind:EPERM`). main.c lists the verbs, where.c the places, socket.c the kinds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* How long an attempt waits for an answer that may never come. */
#define PROBE_DEADLINE_MS 3000
/* The descriptor a runtime passes in first (SD_LISTEN_FDS_START). */
#define PROBE_INHERITED_FD 3

/* How one attempt ended. `step` is set if it failed before its point, `value` if it read one. */
struct outcome {
  int error;
  const char* step;
  char value[64];
};

/* A kind of socket by name. */
struct kind {
  const char* name;
  int family;
  int type;
  int protocol;
};

struct address {
  struct sockaddr_storage storage;
  socklen_t length;
};

/* main.c */
void run_attempt(const char* full_name, const char* rest);
/* Records errno; returns false, so that callers can `return failed(...)`. */
bool failed(struct outcome* out, const char* step);

/* socket.c */
const struct kind* find_kind(const char* name);
/* Opens a socket of this kind, or takes the inherited one for "inherited". */
int open_kind(const char* name);
/* "[ADDRESS:]PORT" for sockets of this kind; without an address the wildcard. */
bool parse_address(const char* kind, const char* text, struct address* address);
/* Waits until `fd` is ready for `events`; false with ETIMEDOUT at the deadline. */
bool wait_ready(int fd, short events);

/* entry.c: the same calls by another way into the kernel. */
enum entry { ENTRY_PLAIN, ENTRY_URING, ENTRY_COMPAT };
extern enum entry entry;
int entry_socket(int family, int type, int protocol);
int entry_bind(int fd, const struct address* address);
int entry_listen(int fd);
int entry_connect(int fd, const struct address* address);
int entry_sendto(int fd, const char* data, size_t size, int flags, const struct address* address);

/* verbs.c */
void try_create(const char* kind, const char* rest, struct outcome* out);
void try_bind(const char* kind, const char* rest, struct outcome* out);
void try_listen(const char* kind, const char* rest, struct outcome* out);
void try_accept(const char* kind, const char* rest, struct outcome* out);
void try_connect(const char* kind, const char* rest, struct outcome* out);
void try_connect_from(const char* kind, const char* rest, struct outcome* out);
void try_send(const char* kind, const char* rest, struct outcome* out);
void try_exchange(const char* kind, const char* rest, struct outcome* out);
void try_exchange_from(const char* kind, const char* rest, struct outcome* out);
void try_shutdown(const char* kind, const char* rest, struct outcome* out);

/* guards.c: what would loosen a policy */
void try_sockopt(const char* kind, const char* rest, struct outcome* out);
void try_cmsg(const char* kind, const char* rest, struct outcome* out);
void try_mark(const char* kind, const char* rest, struct outcome* out);
void try_netlink(const char* kind, const char* rest, struct outcome* out);
void try_unix(const char* kind, const char* rest, struct outcome* out);

/* deputies.c: what the kernel does on a task's behalf */
void try_bpf(const char* kind, const char* rest, struct outcome* out);
void try_key(const char* kind, const char* rest, struct outcome* out);
void try_mount(const char* kind, const char* rest, struct outcome* out);
void try_fsopen(const char* kind, const char* rest, struct outcome* out);
void try_write(const char* kind, const char* rest, struct outcome* out);
void try_read(const char* kind, const char* rest, struct outcome* out);

/* serve.c: modes that stay */
void try_serve(const char* kind, const char* rest, struct outcome* out);
void try_stream(const char* kind, const char* rest, struct outcome* out);
void try_wait(const char* kind, const char* rest, struct outcome* out);

/* where.c: runs the attempt in another task if `place` is one; false if it is not known. */
bool run_elsewhere(const char* place, const char* full_name, const char* rest);
