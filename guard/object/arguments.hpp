// SPDX-License-Identifier: Apache-2.0
//
// Whether the LSM programs take what the kernel hands them. An argument is a number at a place
// (bpf/program.bpf.h): where a kernel has put another one there, a program may load, and judge by
// what it is not. So they are compared before they are loaded, by the names and types in the
// kernel's type information, and the error names each difference.
//
//   SL_CHECK(check_arguments(*kernel_types, "7.3.0-1-amd64"));
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "plan/kernel_hooks.hpp"

struct btf;

namespace socklid {

struct Argument {
  std::string name;
  std::string type;  ///< "struct sock *"; of a number sign and size, "signed 4"
  friend bool operator==(const Argument&, const Argument&) = default;
};
using Arguments = std::vector<Argument>;

/// Whether the kernel hands over what a program takes; it may hand over more, at the end.
[[nodiscard]] bool fits(const Arguments& taken, const Arguments& handed);

/// The arguments of the LSM program of `hook` in this build, the first of several; nothing if it is
/// no LSM program.
[[nodiscard]] std::optional<Arguments> taken_arguments(Hook hook);

/// A program for a hook: where kernels hand over different arguments there are several, called
/// HOOK___WHICH.
struct Variant {
  std::string program;
  Arguments taken;
};
/// The one that is called as the hook comes first. None of a hook that is no LSM hook.
[[nodiscard]] std::vector<Variant> variants_of(Hook hook);
/// The LSM programs that take what this kernel hands over: one for each hook that it has.
[[nodiscard]] std::set<std::string> fitting_programs(const btf& kernel);

/// The arguments of the function `name`, without its first `skipped`; nothing if there is no such
/// function.
[[nodiscard]] std::optional<Arguments> arguments_of(const btf& types, const std::string& name,
                                                    std::size_t skipped = 0);

/// `kernel` is the type information of the kernel `release`. Exit::node, naming the programs and
/// what is to be done. That a kernel lacks a hook that is_newer is fine.
[[nodiscard]] Result<> check_arguments(const btf& kernel, std::string_view release);

}  // namespace socklid
