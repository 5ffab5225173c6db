// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/uring.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr std::uint32_t entries = 4;
/// Milliseconds after which the kernel's thread of IORING_SETUP_SQPOLL sleeps.
constexpr std::uint32_t poll_idle = 100;

std::uint64_t pointer(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data);  // NOLINT
}

io_uring_sqe request(std::uint8_t opcode, int fd) {
  io_uring_sqe result{};
  result.opcode = opcode;
  result.fd = fd;
  return result;
}

io_uring_params parameters(std::uint32_t flags) {
  io_uring_params result{};
  result.flags = flags;
  if ((flags & IORING_SETUP_SQPOLL) != 0) result.sq_thread_idle = poll_idle;
  return result;
}

/// Submits one request and waits for one result. The thread of IORING_SETUP_SQPOLL takes requests
/// itself, and is woken in case it sleeps.
bool enter(int ring, bool polled) {
  const __kernel_timespec timeout{patience.count() / 1000, (patience.count() % 1000) * 1000000};
  io_uring_getevents_arg argument{};
  argument.ts = pointer(&timeout);
  const std::uint32_t flags =
      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | (polled ? IORING_ENTER_SQ_WAKEUP : 0U);
  const long submitted =
      ::syscall(SYS_io_uring_enter, ring, 1, 1, flags, &argument, sizeof(argument));
  return submitted >= 0;
}

}  // namespace

RingMemory::RingMemory(int ring, std::size_t size, std::uint64_t offset) : size_(size) {
  if (ring < 0) return;
  void* start =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, static_cast<off_t>(offset));
  if (start != MAP_FAILED) start_ = static_cast<char*>(start);  // NOLINT
}

RingMemory::~RingMemory() {
  if (start_ != nullptr) ::munmap(start_, size_);
}

Ring::Ring(std::uint32_t flags)
    : params_(parameters(flags)),
      fd_(static_cast<int>(::syscall(SYS_io_uring_setup, entries, &params_))),
      queue_(fd_.get(), params_.sq_off.array + params_.sq_entries * sizeof(std::uint32_t),
             IORING_OFF_SQ_RING),
      requests_(fd_.get(), params_.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES),
      results_(fd_.get(), params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe),
               IORING_OFF_CQ_RING) {}

int Ring::run(const io_uring_sqe& request) {
  auto* tail = queue_.at<std::uint32_t>(params_.sq_off.tail);
  const std::uint32_t index = *tail & (params_.sq_entries - 1);
  requests_.at<io_uring_sqe>(0)[index] = request;
  queue_.at<std::uint32_t>(params_.sq_off.array)[index] = index;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  if (!enter(fd_.get(), (params_.flags & IORING_SETUP_SQPOLL) != 0)) {
    if (errno == ETIME) errno = ETIMEDOUT;
    return -1;
  }
  return take_result();
}

int Ring::take_result() {
  auto* head = results_.at<std::uint32_t>(params_.cq_off.head);
  const auto* tail = results_.at<std::uint32_t>(params_.cq_off.tail);
  if (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head) {
    errno = ETIMEDOUT;
    return -1;
  }
  const std::uint32_t index = *head & (params_.cq_entries - 1);
  const int result = results_.at<io_uring_cqe>(params_.cq_off.cqes)[index].res;
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

bool Ring::register_one_file() const {
  constexpr int empty = -1;
  return ::syscall(SYS_io_uring_register, fd_.get(), IORING_REGISTER_FILES, &empty, 1) == 0;
}

io_uring_sqe socket_request(int family, int type, int protocol) {
  io_uring_sqe result = request(IORING_OP_SOCKET, family);
  result.off = static_cast<std::uint64_t>(type);
  result.len = static_cast<std::uint32_t>(protocol);
  return result;
}

io_uring_sqe connect_request(int fd, const Address& peer) {
  io_uring_sqe result = request(IORING_OP_CONNECT, fd);
  result.addr = pointer(&peer.storage);
  result.off = peer.length;
  return result;
}

io_uring_sqe accept_request(int fd) {
  return request(IORING_OP_ACCEPT, fd);
}

io_uring_sqe shutdown_request(int fd, int how) {
  io_uring_sqe result = request(IORING_OP_SHUTDOWN, fd);
  result.len = static_cast<std::uint32_t>(how);
  return result;
}

io_uring_sqe sendmsg_request(int fd, const msghdr& message, int flags) {
  io_uring_sqe result = request(IORING_OP_SENDMSG, fd);
  result.addr = pointer(&message);
  result.len = 1;
  result.msg_flags = static_cast<std::uint32_t>(flags | MSG_NOSIGNAL);
  return result;
}

io_uring_sqe send_request(std::uint8_t opcode, int fd, const Scene& scene, const Address& peer) {
  io_uring_sqe result = request(opcode, fd);
  result.addr = pointer(scene.token.data());
  result.len = static_cast<std::uint32_t>(scene.token.size());
  result.msg_flags = MSG_NOSIGNAL;
  result.addr2 = pointer(&peer.storage);
  result.addr_len = static_cast<std::uint16_t>(peer.length);
  return result;
}

}  // namespace socklid::selftest
