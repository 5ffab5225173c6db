// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/bpf_call.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace socklid::selftest {

std::uint64_t bpf_pointer(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data);  // NOLINT
}

int bpf_call(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

UniqueFd load_constant_program(bpf_prog_type type, bpf_attach_type expected) {
  const std::array<bpf_insn, 2> code{bpf_insn{0xb7 /* r = K */, 0, 0, 0, 1},
                                     bpf_insn{0x95 /* exit */, 0, 0, 0, 0}};
  bpf_attr attributes{};
  attributes.prog_type = type;
  attributes.expected_attach_type = expected;
  attributes.insn_cnt = code.size();
  attributes.insns = bpf_pointer(code.data());
  attributes.license = bpf_pointer("GPL");
  return UniqueFd(bpf_call(BPF_PROG_LOAD, attributes));
}

}  // namespace socklid::selftest
