// SPDX-License-Identifier: Apache-2.0
//
// bpf_call: bpf(2) itself, for attempts and the broker: libbpf would try a call again another way.
//
//   const UniqueFd program = load_constant_program(BPF_PROG_TYPE_PERF_EVENT);
//   bpf_prog_info info{};
//   const bool is_known = program && read_bpf_info(program.get(), info);
//
// What fails sets errno.
#pragma once

#include <linux/bpf.h>

#include <cstdint>

#include "base/unique_fd.hpp"

namespace socklid::selftest {

[[nodiscard]] std::uint64_t bpf_pointer(const void* data);

/// A descriptor, close-on-exec already, or 0; -1.
int bpf_call(bpf_cmd command, bpf_attr& attributes);

/// A program that always returns 1, which lets pass what it is asked about. Empty if refused.
[[nodiscard]] UniqueFd load_constant_program(bpf_prog_type type, bpf_attach_type expected = {});

/// Of a link, a map or a program.
template <typename Info>
[[nodiscard]] bool read_bpf_info(int fd, Info& info) {
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<__u32>(fd);
  attributes.info.info_len = sizeof(info);
  attributes.info.info = bpf_pointer(&info);
  return bpf_call(BPF_OBJ_GET_INFO_BY_FD, attributes) == 0;
}

}  // namespace socklid::selftest
