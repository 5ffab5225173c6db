// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/netlink_message.hpp"

#include <sys/socket.h>

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace socklid::selftest {
namespace {

/// A page and more: what the kernel answers in one datagram at most (NLMSG_GOODSIZE).
constexpr std::size_t answer_size = 32768;

/// NLMSG_ALIGN and NLA_ALIGN.
std::size_t padded(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

/// The errors in one datagram of answers; `answered` counts acknowledgements too.
int first_error(std::string_view answers, int& answered) {
  nlmsghdr header{};
  while (answers.size() >= sizeof(header)) {
    std::memcpy(&header, answers.data(), sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > answers.size()) break;
    int error = 0;
    if (header.nlmsg_type == NLMSG_ERROR && header.nlmsg_len >= sizeof(header) + sizeof(error)) {
      ++answered;
      std::memcpy(&error, answers.data() + sizeof(header), sizeof(error));
      if (error != 0) return -error;
    }
    answers.remove_prefix(std::min(padded(header.nlmsg_len), answers.size()));
  }
  return 0;
}

}  // namespace

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK);
  append(&header, sizeof(header));
}

NetlinkMessage& NetlinkMessage::append(const void* data, std::size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.resize(padded(bytes_.size()));
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
  return *this;
}

NetlinkMessage& NetlinkMessage::attribute(std::uint16_t type, const void* data, std::size_t size) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + size), type};
  append(&header, sizeof(header));
  return append(data, size);
}

NetlinkMessage& NetlinkMessage::text(std::uint16_t type, std::string_view text) {
  const std::string terminated(text);
  return attribute(type, terminated.c_str(), terminated.size() + 1);
}

NetlinkMessage& NetlinkMessage::open(std::uint16_t type) {
  open_.push_back(bytes_.size());
  const nlattr header{sizeof(nlattr), type};
  return append(&header, sizeof(header));
}

NetlinkMessage& NetlinkMessage::close() {
  const std::size_t begin = open_.back();
  open_.pop_back();
  const auto length = static_cast<std::uint16_t>(bytes_.size() - begin);
  std::memcpy(bytes_.data() + begin + offsetof(nlattr, nla_len), &length, sizeof(length));
  return *this;
}

bool netlink_exchange(int fd, std::string_view messages) {
  return ::send(fd, messages.data(), messages.size(), MSG_NOSIGNAL) >= 0 && netlink_answer(fd);
}

bool netlink_answer(int fd) {
  int answered = 0;
  std::array<char, answer_size> buffer{};
  for (;;) {
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) break;
    const int error = first_error({buffer.data(), static_cast<std::size_t>(size)}, answered);
    if (error != 0) {
      errno = error;
      return false;
    }
  }
  if (errno != EAGAIN) return false;
  if (answered == 0) errno = ENODATA;
  return answered > 0;
}

}  // namespace socklid::selftest
