// SPDX-License-Identifier: Apache-2.0
//
// BPF programs that the container did not load, and what it may not do with those that it may load:
// device programs are for cgroups below its own.
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/perf_event.h>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/bpf_call.hpp"
#include "selftest/ways/broker.hpp"

namespace socklid::selftest {
namespace {

/// Of the broker's program, which stands for any of the node's.
Outcome open_by_id(const Scene& scene) {
  const UniqueFd program = borrow(scene, Lent::perf_program);
  if (!program) return failed("borrow");
  bpf_prog_info info{};
  if (!read_bpf_info(program.get(), info)) return failed("BPF_OBJ_GET_INFO_BY_FD");
  bpf_attr attributes{};
  attributes.prog_id = info.id;
  const UniqueFd again(bpf_call(BPF_PROG_GET_FD_BY_ID, attributes));
  return again ? Outcome{} : failed("BPF_PROG_GET_FD_BY_ID");
}

/// A clock of this process, which does not run. Close-on-exec.
UniqueFd open_event() {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = 1'000'000'000;
  attributes.disabled = 1;
  return UniqueFd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

Outcome attach_by_perf(const Scene& scene) {
  const UniqueFd program = borrow(scene, Lent::perf_program);
  if (!program) return failed("borrow");
  const UniqueFd event = open_event();
  if (!event) return failed("perf_event_open");
  if (::ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program.get()) != 0) {
    return failed("PERF_EVENT_IOC_SET_BPF");
  }
  return {};
}

/// On the container's cgroup itself, where the engine has its own.
Outcome attach_device_program(const Scene& /*scene*/) {
  const auto load = [] { return load_constant_program(BPF_PROG_TYPE_CGROUP_DEVICE); };
  return attach_to_own_cgroup(load, BPF_CGROUP_DEVICE);
}

}  // namespace

Rows tamper_program() {
  return {
      bpf_row("bpf: a program by its id", open_by_id),
      bpf_row("bpf: a program that is handed in, on a perf event", attach_by_perf),
      bpf_row("bpf: a device program on the container's cgroup", attach_device_program),
  };
}

}  // namespace socklid::selftest
