/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same five calls by three ways into the kernel: the usual one, io_uring, and the 32-bit
 * system call gate, which a 64-bit program can use too if the arguments lie below 4 GiB.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

enum entry entry = ENTRY_PLAIN;

#define BACKLOG 8

/* ---- io_uring: one ring per call, one submission, one completion ---- */

static int set_result(int result) {
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

static int ring_wait(int ring, const struct io_uring_params* params) {
  const size_t size = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1) return -1;
  char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
  if (memory == MAP_FAILED) return -1;
  const int result = ((struct io_uring_cqe*)(memory + params->cq_off.cqes))->res;
  munmap(memory, size);
  return set_result(result);
}

static int ring_submit(int ring, const struct io_uring_params* params,
                       const struct io_uring_sqe* request) {
  const size_t size = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
  const size_t sqes_size = params->sq_entries * sizeof *request;
  const int protection = PROT_READ | PROT_WRITE;
  char* memory = mmap(NULL, size, protection, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe* sqes = mmap(NULL, sqes_size, protection, MAP_SHARED, ring, IORING_OFF_SQES);
  if (memory == MAP_FAILED || (void*)sqes == MAP_FAILED) return -1;
  sqes[0] = *request;
  ((uint32_t*)(memory + params->sq_off.array))[0] = 0;
  __atomic_store_n((uint32_t*)(memory + params->sq_off.tail), 1, __ATOMIC_RELEASE);
  const int result = ring_wait(ring, params);
  munmap(sqes, sqes_size);
  munmap(memory, size);
  return result;
}

static int by_ring(const struct io_uring_sqe* request) {
  struct io_uring_params params = {0};
  const int ring = syscall(SYS_io_uring_setup, 2, &params);
  if (ring < 0) return -1;
  const int result = ring_submit(ring, &params, request);
  const int error = errno;
  close(ring);
  errno = error;
  return result;
}

/* ---- int 0x80: numbers of arch/x86/entry/syscalls/syscall_32.tbl ---- */

enum { SOCKET_32 = 359, BIND_32 = 361, CONNECT_32 = 362, LISTEN_32 = 363, SENDTO_32 = 369 };

static int compat_call(int number, const long arguments[6]) {
#ifdef __x86_64__
  /* The sixth argument goes in ebp, which the compiler keeps for itself. */
  long result = number;
  __asm__ volatile(
      "push %%rbp\n\tmov 40(%1), %%rbp\n\tmov 32(%1), %%rdi\n\tmov 24(%1), %%rsi\n\t"
      "mov 16(%1), %%rdx\n\tmov 8(%1), %%rcx\n\tmov 0(%1), %%rbx\n\tint $0x80\n\tpop %%rbp"
      : "+a"(result)
      : "r"(arguments)
      : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
  return set_result((int)result);
#else
  (void)number, (void)arguments;
  errno = ENOSYS;
  return -1;
#endif
}

/* A copy that 32-bit code could point to. */
static long low(const void* data, size_t size) {
#ifdef MAP_32BIT
  const int where = MAP_32BIT;
#else
  const int where = 0; /* there are no such calls */
#endif
  static char* arena;
  static size_t used;
  if (!arena)
    arena = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | where, -1, 0);
  char* copy = memcpy(arena + used % 60000, data, size);
  used += (size + 15) & ~(size_t)15;
  return (long)copy;
}

/* ---- the calls ---- */

int entry_socket(int family, int type, int protocol) {
  if (entry == ENTRY_URING) {
    /* io_socket_prep: domain in fd, type in off, protocol in len */
    struct io_uring_sqe request = {
        .opcode = IORING_OP_SOCKET, .fd = family, .off = type, .len = protocol};
    return by_ring(&request);
  }
  if (entry == ENTRY_COMPAT) return compat_call(SOCKET_32, (long[6]){family, type, protocol});
  return socket(family, type, protocol);
}

int entry_bind(int fd, const struct address* address) {
  if (entry == ENTRY_COMPAT)
    return compat_call(BIND_32,
                       (long[6]){fd, low(&address->storage, address->length), address->length});
  return bind(fd, (const struct sockaddr*)&address->storage, address->length);
}

int entry_listen(int fd) {
  if (entry == ENTRY_COMPAT) return compat_call(LISTEN_32, (long[6]){fd, BACKLOG});
  return listen(fd, BACKLOG);
}

int entry_connect(int fd, const struct address* address) {
  if (entry == ENTRY_URING) {
    struct io_uring_sqe request = {.opcode = IORING_OP_CONNECT,
                                   .fd = fd,
                                   .addr = (uintptr_t)&address->storage,
                                   .off = address->length};
    return by_ring(&request);
  }
  if (entry == ENTRY_COMPAT)
    return compat_call(CONNECT_32,
                       (long[6]){fd, low(&address->storage, address->length), address->length});
  return connect(fd, (const struct sockaddr*)&address->storage, address->length);
}

int entry_sendto(int fd, const char* data, size_t size, int flags, const struct address* address) {
  if (entry == ENTRY_URING) {
    struct iovec vector = {.iov_base = (void*)data, .iov_len = size};
    struct msghdr message = {.msg_name = (void*)&address->storage,
                             .msg_namelen = address->length,
                             .msg_iov = &vector,
                             .msg_iovlen = 1};
    struct io_uring_sqe request = {.opcode = IORING_OP_SENDMSG,
                                   .fd = fd,
                                   .addr = (uintptr_t)&message,
                                   .len = 1,
                                   .msg_flags = flags};
    return by_ring(&request);
  }
  if (entry == ENTRY_COMPAT)
    return compat_call(SENDTO_32,
                       (long[6]){fd, low(data, size), size, flags,
                                 low(&address->storage, address->length), address->length});
  return sendto(fd, data, size, flags, (const struct sockaddr*)&address->storage, address->length);
}
