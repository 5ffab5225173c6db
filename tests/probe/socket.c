/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef IPPROTO_SMC
#define IPPROTO_SMC 256
#endif
#define PROTOCOL_DCCP 33
#define PROTOCOL_L2TP 115
#define ALL_ETHERNET htons(0x0003)

static const struct kind kinds[] = {
    {"tcp4", AF_INET, SOCK_STREAM, 0},
    {"tcp6", AF_INET6, SOCK_STREAM, 0},
    {"dual", AF_INET6, SOCK_STREAM, 0},
    {"mapped", AF_INET6, SOCK_STREAM, 0},
    {"udp4", AF_INET, SOCK_DGRAM, 0},
    {"udp6", AF_INET6, SOCK_DGRAM, 0},
    {"mappedudp", AF_INET6, SOCK_DGRAM, 0},
    {"unspec", AF_INET, SOCK_DGRAM, 0},     /* the address says AF_UNSPEC; the kernel sends it */
    {"inet-on-6", AF_INET6, SOCK_DGRAM, 0}, /* an AF_INET address on an IPv6 socket */
    {"mptcp", AF_INET, SOCK_STREAM, IPPROTO_MPTCP},
    {"mptcp6", AF_INET6, SOCK_STREAM, IPPROTO_MPTCP},
    {"udplite", AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE},
    {"udplite6", AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE},
    {"ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
    {"ping6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6},
    {"raw", AF_INET, SOCK_RAW, IPPROTO_RAW},
    {"rawtcp", AF_INET, SOCK_RAW, IPPROTO_TCP},
    {"raw6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
    {"sctp", AF_INET, SOCK_STREAM, IPPROTO_SCTP},
    {"sctp6", AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP},
    {"dccp", AF_INET, SOCK_DCCP, PROTOCOL_DCCP},
    {"l2tp", AF_INET, SOCK_DGRAM, PROTOCOL_L2TP},
    {"smc", AF_SMC, SOCK_STREAM, 0},
    {"smcproto", AF_INET, SOCK_STREAM, IPPROTO_SMC},
    {"packet", AF_PACKET, SOCK_RAW, 0},
    {"packetall", AF_PACKET, SOCK_DGRAM, 0x0300},
    {"oldpacket", AF_INET, SOCK_PACKET, 0x0300}, /* AF_PACKET under an older name */
    {"xdp", AF_XDP, SOCK_RAW, 0},
    {"vsock", AF_VSOCK, SOCK_STREAM, 0},
    {"alg", AF_ALG, SOCK_SEQPACKET, 0},
    {"key", AF_KEY, SOCK_RAW, 2},
    {"tipc", AF_TIPC, SOCK_SEQPACKET, 0},
    {"can", AF_CAN, SOCK_RAW, 1},
    {"bluetooth", AF_BLUETOOTH, SOCK_RAW, 1},
    {"qipcrtr", AF_QIPCRTR, SOCK_DGRAM, 0},
    {"rds", AF_RDS, SOCK_SEQPACKET, 0},
    {"kcm", AF_KCM, SOCK_DGRAM, 0},
    {"netlink-route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
    {"netlink-netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER},
    {"netlink-audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT},
    {"netlink-xfrm", AF_NETLINK, SOCK_RAW, NETLINK_XFRM},
    {"netlink-generic", AF_NETLINK, SOCK_RAW, NETLINK_GENERIC},
    {"netlink-uevent", AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT},
    {"netlink-diag", AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG},
    {"unix", AF_UNIX, SOCK_STREAM, 0},
    {"unixdgram", AF_UNIX, SOCK_DGRAM, 0},
    {"unixseq", AF_UNIX, SOCK_SEQPACKET, 0},
};

const struct kind* find_kind(const char* name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (!strcmp(kinds[i].name, name)) return &kinds[i];
  return NULL;
}

static bool is_inherited(const char* name) {
  return !strcmp(name, "inherited");
}

int open_kind(const char* name) {
  if (is_inherited(name)) return dup(PROBE_INHERITED_FD);
  const struct kind* kind = find_kind(name);
  if (!kind) {
    fprintf(stderr, "socklid-probe: no such kind of socket: %s\n", name);
    exit(2);
  }
  const int fd = entry_socket(kind->family, kind->type | SOCK_CLOEXEC, kind->protocol);
  if (fd < 0 || kind->family != AF_INET6) return fd;
  const int only_6 = !strcmp(name, "tcp6") || !strcmp(name, "udp6");
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_6, sizeof only_6);
  return fd;
}

static int family_of(const char* name) {
  int family = AF_INET;
  socklen_t length = sizeof family;
  if (!strcmp(name, "inet-on-6")) return AF_INET;
  if (is_inherited(name)) {
    getsockopt(PROBE_INHERITED_FD, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family;
  }
  const struct kind* kind = find_kind(name);
  return kind ? kind->family : AF_INET;
}

static bool fill_inet(const char* host, int port, struct address* address) {
  struct sockaddr_in* inet = (struct sockaddr_in*)&address->storage;
  inet->sin_family = AF_INET;
  inet->sin_port = htons(port);
  address->length = sizeof *inet;
  return !*host || inet_pton(AF_INET, host, &inet->sin_addr) == 1;
}

/* An IPv4 address on an IPv6 socket is written as the kernel sees it: ::ffff:192.0.2.1 */
static bool fill_inet6(const char* host, int port, struct address* address) {
  struct sockaddr_in6* inet6 = (struct sockaddr_in6*)&address->storage;
  char mapped[80];
  snprintf(mapped, sizeof mapped, "%s%s", strchr(host, '.') ? "::ffff:" : "", host);
  inet6->sin6_family = AF_INET6;
  inet6->sin6_port = htons(port);
  address->length = sizeof *inet6;
  return !*host || inet_pton(AF_INET6, mapped, &inet6->sin6_addr) == 1;
}

bool parse_address(const char* kind, const char* text, struct address* address) {
  char host[64] = "";
  const char* colon = strrchr(text, ':');
  const char* port = colon ? colon + 1 : text;
  memset(address, 0, sizeof *address);
  if (colon) snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
  const bool good = family_of(kind) == AF_INET6 ? fill_inet6(host, atoi(port), address)
                                                : fill_inet(host, atoi(port), address);
  if (!strcmp(kind, "unspec")) address->storage.ss_family = AF_UNSPEC;
  if (!good) errno = EINVAL;
  return good;
}

bool wait_ready(int fd, short events) {
  struct pollfd ready = {.fd = fd, .events = events};
  const int count = poll(&ready, 1, PROBE_DEADLINE_MS);
  if (count == 0) errno = ETIMEDOUT;
  return count == 1;
}
