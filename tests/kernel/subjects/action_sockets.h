/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What subject_actions.c does with sockets. Each function returns an errno, or 0.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MISUSED = 250 }; /* no errno */

static int result(long value) {
  return value < 0 ? errno : 0;
}

static int connect_to(int fd, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result(connect(fd, (struct sockaddr*)&address, sizeof(address)));
}

static int bind_to(int fd, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

  int yes = 1;

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)); /* connections of before linger */
  return result(bind(fd, (struct sockaddr*)&address, sizeof(address)));
}

static int serve_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), peer = socket(AF_INET, SOCK_STREAM, 0);
  int error = bind_to(listener, port);

  if (error == 0) error = result(listen(listener, 1));
  if (error == 0) error = connect_to(peer, port);
  return error ? error : result(accept(listener, NULL, NULL));
}

/* The socket stays. */
static int listen_on(int fd, int port) {
  int error = bind_to(fd, port);
  return error ? error : result(listen(fd, 1));
}

static int mark_of_new(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  unsigned mark = 0;
  socklen_t size = sizeof(mark);

  if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &size) != 0) return MISUSED;
  return (int)mark;
}

static int keep(int type, int fd) {
  int made = socket(AF_INET, type, 0);

  if (made < 0 || dup2(made, fd) < 0) return errno;
  return made == fd ? 0 : result(close(made));
}

static int remark(int fd) {
  unsigned mark = 77;

  return result(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
}

static int send_to(int fd, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result(sendto(fd, "x", 1, 0, (struct sockaddr*)&address, sizeof(address)));
}

static int pass_socket(int over, int fd) {
  char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  return result(sendmsg(over, &message, 0));
}

static int receive_socket(int over, int wanted) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  int fd = -1;

  if (recvmsg(over, &message, 0) != 1 || !CMSG_FIRSTHDR(&message)) return MISUSED;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
  return result(dup2(fd, wanted));
}
