/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to loosen a policy from inside, and what must stay possible beside it. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

#define FOREIGN_MARK 0x77
#define IPT_REPLACE 64 /* IPT_SO_SET_REPLACE and IP6T_SO_SET_REPLACE */

struct option {
  const char* name;
  const char* kind;
  int level;
  int number;
  unsigned char value[24];
  socklen_t length;
};

static const struct option options[] = {
    {"mark", "tcp4", SOL_SOCKET, SO_MARK, {FOREIGN_MARK}, 4},
    {"mark6", "udp6", SOL_SOCKET, SO_MARK, {FOREIGN_MARK}, 4},
    {"transparent", "tcp4", IPPROTO_IP, IP_TRANSPARENT, {1}, 4},
    {"transparent6", "tcp6", IPPROTO_IPV6, IPV6_TRANSPARENT, {1}, 4},
    {"repair", "tcp4", IPPROTO_TCP, TCP_REPAIR, {1}, 4},
    {"options", "udp4", IPPROTO_IP, IP_OPTIONS, {131, 7, 4, 192, 0, 2, 1, 0}, 8}, /* loose route */
    /* a type 4 routing header by way of fd99::77 */
    {"rthdr",
     "udp6",
     IPPROTO_IPV6,
     IPV6_RTHDR,
     {0, 2, 4, 0, 0, 0, 0, 0, 0xfd, 0x99, [23] = 0x77},
     24},
    {"iptables", "udp4", IPPROTO_IP, IPT_REPLACE, {0}, 4},
    {"ip6tables", "udp6", IPPROTO_IPV6, IPT_REPLACE, {0}, 4},
    {"nodelay", "tcp4", IPPROTO_TCP, TCP_NODELAY, {1}, 4},
    {"reuseaddr", "tcp6", SOL_SOCKET, SO_REUSEADDR, {1}, 4},
    {"v6only", "tcp6", IPPROTO_IPV6, IPV6_V6ONLY, {1}, 4},
};

static const struct option* find_option(const char* name) {
  for (size_t i = 0; i < sizeof options / sizeof *options; ++i)
    if (!strcmp(options[i].name, name)) return &options[i];
  return NULL;
}

void try_sockopt(const char* kind, const char* rest, struct outcome* out) {
  (void)rest;
  const struct option* option = find_option(kind);
  const int fd = option ? open_kind(option->kind) : -1;
  if (!option) errno = EINVAL;
  if (fd < 0) {
    failed(out, "create");
    return;
  }
  if (setsockopt(fd, option->level, option->number, option->value, option->length))
    failed(out, NULL);
  close(fd);
}

/* A plain message, and a second one to the same peer, in one call. */
static void send_second(int fd, const struct msghdr* message, struct outcome* out) {
  struct mmsghdr both[2] = {{.msg_hdr = *message}, {.msg_hdr = *message}};
  both[0].msg_hdr.msg_control = NULL;
  both[0].msg_hdr.msg_controllen = 0;
  const int sent = sendmmsg(fd, both, 2, 0);
  if (sent == 1) errno = EPERM; /* What stopped the second is not said. */
  if (sent != 2) failed(out, sent == 1 ? "second" : "first");
}

/* A mark for one datagram, by control message: the only one, or that of a second message. */
void try_cmsg(const char* kind, const char* rest, struct outcome* out) {
  const char* socket_kind = !strcmp(kind, "second6") ? "udp6" : "udp4";
  struct address address;
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(uint32_t))];
  } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(uint32_t)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SO_MARK}};
  const uint32_t mark = FOREIGN_MARK;
  struct iovec vector = {.iov_base = "ping\n", .iov_len = 5};
  memcpy(CMSG_DATA(&control.header), &mark, sizeof mark);
  const int fd = open_kind(socket_kind);
  if (fd < 0 || !parse_address(socket_kind, rest, &address)) {
    failed(out, "create");
    return;
  }
  struct msghdr message = {.msg_name = &address.storage,
                           .msg_namelen = address.length,
                           .msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
  if (strcmp(kind, "mark"))
    send_second(fd, &message, out);
  else if (sendmsg(fd, &message, 0) < 0)
    failed(out, NULL);
  close(fd);
}

static void read_mark(int fd, struct outcome* out) {
  uint32_t mark = 0;
  socklen_t length = sizeof mark;
  if (getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &length))
    failed(out, NULL);
  else
    snprintf(out->value, sizeof out->value, "0x%x", mark);
}

static int accepted_connection(const char* port) {
  struct address wildcard, self;
  char text[32];
  const int one = 1, listener = open_kind("tcp4"), client = open_kind("tcp4");
  snprintf(text, sizeof text, "127.0.0.1:%s", port);
  if (!parse_address("tcp4", port, &wildcard) || !parse_address("tcp4", text, &self)) return -1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (entry_bind(listener, &wildcard) || entry_listen(listener)) return -1;
  if (entry_connect(client, &self)) return -1;
  return accept(listener, NULL, NULL);
}

void try_mark(const char* kind, const char* rest, struct outcome* out) {
  const int fd = !strcmp(kind, "accepted") ? accepted_connection(rest) : open_kind(kind);
  if (fd < 0) {
    failed(out, "create");
    return;
  }
  read_mark(fd, out);
  close(fd);
}

struct route_request {
  struct nlmsghdr header;
  union {
    struct rtgenmsg any;
    struct {
      struct ifaddrmsg message;
      struct rtattr attribute;
      unsigned char address[4];
    } add;
  } body;
};

/* Reading lists the interfaces; writing gives `lo` one more address. */
void try_netlink(const char* kind, const char* rest, struct outcome* out) {
  (void)rest;
  char answer[8192];
  struct route_request request = {.header = {.nlmsg_seq = 1}};
  if (!strcmp(kind, "read")) {
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body.any);
  } else {
    request.header.nlmsg_type = RTM_NEWADDR;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body.add);
    request.body.add.message =
        (struct ifaddrmsg){.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1};
    request.body.add.attribute = (struct rtattr){.rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL};
    memcpy(request.body.add.address, (unsigned char[]){127, 9, 9, 9}, 4);
  }
  const int fd = open_kind("netlink-route");
  if (fd < 0) {
    failed(out, "create");
    return;
  }
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) {
    failed(out, NULL);
  } else if (!wait_ready(fd, POLLIN) || recv(fd, answer, sizeof answer, 0) < 0) {
    failed(out, "answer");
  } else if (((struct nlmsghdr*)answer)->nlmsg_type == NLMSG_ERROR) {
    errno = -((struct nlmsgerr*)NLMSG_DATA(answer))->error;
    if (errno) failed(out, "kernel");
  }
  close(fd);
}

static bool unix_steps(int listener, int client, struct outcome* out) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  const socklen_t length = offsetof(struct sockaddr_un, sun_path) + 14;
  snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "socklid-%d", getpid() % 10000);
  if (bind(listener, (struct sockaddr*)&name, length)) return failed(out, "bind");
  if (listen(listener, 1)) return failed(out, "listen");
  if (connect(client, (struct sockaddr*)&name, length)) return failed(out, "connect");
  const int connection = accept(listener, NULL, NULL);
  if (connection < 0) return failed(out, "accept");
  if (send(client, "x", 1, 0) != 1) return failed(out, "send");
  if (shutdown(connection, SHUT_RDWR)) return failed(out, "shutdown");
  close(connection);
  return true;
}

void try_unix(const char* kind, const char* rest, struct outcome* out) {
  (void)kind, (void)rest;
  int pair[2];
  const int listener = open_kind("unix"), client = open_kind("unix");
  if (listener < 0 || client < 0) {
    failed(out, "create");
    return;
  }
  if (unix_steps(listener, client, out) && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
    failed(out, "socketpair");
  close(listener);
  close(client);
}
