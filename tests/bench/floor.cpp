// SPDX-License-Identifier: Apache-2.0
//
// Puts programs that do nothing on the hooks of ours that are named, and holds them until standard
// input ends.
//
//   socklid-bench-floor CGROUP HOOK... node:HOOK...
//
// Per-cgroup hooks go on CGROUP, node-wide ones on the node. Of those with `node:`, which are what
// is anchored on a node, the per-cgroup ones are passed over.
//
// Says `attached` when all are. Needs root, and nothing else on the node.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "floor_bpf.skel.h"
#include "plan/kernel_hooks.hpp"

namespace {

using socklid::HookInfo;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "socklid-bench-floor: %s\n", why.c_str());
  std::exit(1);
}

const HookInfo& row_named(std::string_view name) {
  for (const HookInfo& row : socklid::hook_table) {
    if (row.name == name) return row;
  }
  give_up("no hook is called " + std::string(name));
}

bpf_program* program_of(const floor_bpf& skeleton, const HookInfo& row) {
  bpf_program* program =
      bpf_object__find_program_by_name(skeleton.obj, std::string(row.name).c_str());
  if (program == nullptr) give_up("floor.bpf.c has no program for " + std::string(row.name));
  return program;
}

/// The links live as long as the process.
void attach(const floor_bpf& skeleton, const HookInfo& row, int cgroup) {
  const int program = bpf_program__fd(program_of(skeleton, row));
  const int target = socklid::is_per_cgroup(row.hook) ? cgroup : 0;
  if (bpf_link_create(program, target, row.attach, nullptr) < 0) {
    give_up("attach to " + std::string(row.name) + ": " + std::strerror(errno));
  }
}

}  // namespace

int main(int count, char** arguments) {
  constexpr std::string_view anchored = "node:";
  if (count < 3) give_up("usage: socklid-bench-floor CGROUP HOOK... node:HOOK...");
  const int cgroup = ::open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (cgroup < 0) give_up(std::string(arguments[1]) + ": " + std::strerror(errno));
  std::vector<const HookInfo*> wanted;
  for (int i = 2; i < count; i++) {
    std::string_view name = arguments[i];
    const bool node = name.starts_with(anchored);
    if (node) name.remove_prefix(anchored.size());
    const HookInfo& row = row_named(name);
    if (!node || !socklid::is_per_cgroup(row.hook)) wanted.push_back(&row);
  }
  floor_bpf* const skeleton = floor_bpf::open();
  if (skeleton == nullptr) give_up(std::string("open the programs: ") + std::strerror(errno));
  for (const HookInfo& row : socklid::hook_table) {
    bpf_program__set_autoload(program_of(*skeleton, row), false);
  }
  for (const HookInfo* row : wanted) bpf_program__set_autoload(program_of(*skeleton, *row), true);
  if (floor_bpf::load(skeleton) != 0) give_up("the programs do not load");
  for (const HookInfo* row : wanted) attach(*skeleton, *row, cgroup);
  std::puts("attached");
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
