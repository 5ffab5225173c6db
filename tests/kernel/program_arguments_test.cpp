// SPDX-License-Identifier: Apache-2.0
//
// What the LSM programs declare as their arguments is what the kernel that runs hands them. Fails
// when a program reads an argument at a place where this kernel's hook has one of another name or
// type, or none: the number there would be something else.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "hook/plan.hpp"
#include "program_arguments.skel.h"

namespace socklid::test {
namespace {

struct Argument {
  std::string name;
  std::string type;
  friend bool operator==(const Argument&, const Argument&) = default;
};
using Arguments = std::vector<Argument>;

std::ostream& operator<<(std::ostream& out, const Argument& argument) {
  return out << argument.type << ' ' << argument.name;
}

/// "struct sock *", "signed 4": of a number its size and sign, for `unsigned long` and `u64` are
/// one to a program; of a pointer what it points to.
std::string type_name(const btf* types, __u32 id) {
  const btf_type* type = btf__type_by_id(types, id);
  while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type))) {
    type = btf__type_by_id(types, type->type);
  }
  if (type == nullptr || btf_kind(type) == BTF_KIND_UNKN) return "void";
  const std::string name = btf__name_by_offset(types, type->name_off);
  switch (btf_kind(type)) {
    case BTF_KIND_PTR:
      return type_name(types, type->type) + " *";
    case BTF_KIND_INT:
      // Whether a character has a sign is the compiler's option, of the kernel as of a program.
      if (type->size == 1) return "character";
      return ((btf_int_encoding(type) & BTF_INT_SIGNED) != 0 ? "signed " : "unsigned ") +
             std::to_string(type->size);
    // A program's struct may be the forward declaration of the kernel's.
    case BTF_KIND_STRUCT:
    case BTF_KIND_FWD:
      return "struct " + name;
    case BTF_KIND_UNION:
      return "union " + name;
    default:
      return "kind " + std::to_string(btf_kind(type)) + " " + name;
  }
}

/// Of the function of that name, without its first `skipped`; a failure if there is none.
Arguments arguments_of(const btf* types, const std::string& function, std::size_t skipped = 0) {
  Arguments arguments;
  const __s32 id = btf__find_by_name_kind(types, function.c_str(), BTF_KIND_FUNC);
  if (id < 0) {
    ADD_FAILURE() << "no function " << function;
    return arguments;
  }
  const btf_type* proto =
      btf__type_by_id(types, btf__type_by_id(types, static_cast<__u32>(id))->type);
  const btf_param* parameters = btf_params(proto);
  for (std::size_t i = skipped; i < btf_vlen(proto); i++) {
    arguments.push_back(
        {btf__name_by_offset(types, parameters[i].name_off), type_name(types, parameters[i].type)});
  }
  return arguments;
}

/// What the program declares, cut out of what the kernel has; shorter if the kernel has less.
Arguments begin_of(const Arguments& kernel, std::size_t count) {
  return {kernel.begin(),
          kernel.begin() + static_cast<std::ptrdiff_t>(std::min(count, kernel.size()))};
}

struct Programs {
  Programs() : object(program_arguments::open()), kernel(btf__load_vmlinux_btf()) {}
  ~Programs() {
    btf__free(kernel);
    program_arguments::destroy(object);
  }
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;
  program_arguments* object;
  btf* kernel;
};

TEST(ProgramArguments, AreThoseOfTheKernelThatRuns) {
  const Programs programs;
  ASSERT_NE(programs.object, nullptr);
  ASSERT_NE(programs.kernel, nullptr) << std::strerror(errno);
  const btf* ours = bpf_object__btf(programs.object->obj);
  std::size_t seen = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, programs.object->obj) {
    const std::string section = bpf_program__section_name(program);
    const std::string name = bpf_program__name(program);
    if (!section.starts_with("lsm")) continue;
    SCOPED_TRACE(section);
    seen++;
    ASSERT_EQ(section.substr(section.find('/') + 1), name);
    const std::string hook = "bpf_lsm_" + name;
    // Linux 6.1 has no such hook, nor need it (hook/plan.hpp).
    if (name == "file_ioctl_compat" &&
        btf__find_by_name_kind(programs.kernel, hook.c_str(), BTF_KIND_FUNC) < 0) {
      continue;
    }
    const Arguments declared = arguments_of(ours, "____" + name, 1);
    EXPECT_EQ(declared, begin_of(arguments_of(programs.kernel, hook), declared.size()));
  }
  std::size_t expected = 0;
  for (const Hook hook : every_hook()) {
    expected += takes_slot(hook) || !is_per_cgroup(hook) ? 1 : 0;
  }
  EXPECT_EQ(seen, expected) << "a program without arguments, or one that is no hook's";
}

/// The hook `bpf` of Linux 6.15 and later, and programs that read it in one way or another.
class MadeUp : public testing::Test {
 protected:
  MadeUp() : types_(btf__new_empty()) {
    const int i32 = btf__add_int(types_, "int", 4, BTF_INT_SIGNED);
    const int u32 = btf__add_int(types_, "unsigned int", 4, 0);
    const int boolean = btf__add_int(types_, "_Bool", 1, BTF_INT_BOOL);
    const int attr = btf__add_ptr(types_, btf__add_union(types_, "bpf_attr", 8));
    const int nothing = btf__add_ptr(types_, 0);
    add("kernel", {{"cmd", i32}, {"attr", attr}, {"size", u32}, {"kernel", boolean}});
    add("same", {{"cmd", i32}, {"attr", attr}, {"size", u32}});
    add("trailing", {{"cmd", i32}, {"attr", attr}, {"size", u32}, {"ret", i32}});
    add("other_type", {{"cmd", i32}, {"attr", nothing}});
    add("other_name", {{"command", i32}});
    add("beyond", {{"cmd", i32}, {"attr", attr}, {"size", u32}, {"kernel", boolean}, {"ret", i32}});
  }
  ~MadeUp() override { btf__free(types_); }

  bool fits(const std::string& program) {
    const Arguments declared = arguments_of(types_, program);
    return declared == begin_of(arguments_of(types_, "kernel"), declared.size());
  }

 private:
  void add(const char* name, const std::vector<std::pair<const char*, int>>& parameters) {
    const int i32 = btf__find_by_name_kind(types_, "int", BTF_KIND_INT);
    const int proto = btf__add_func_proto(types_, i32);
    for (const auto& [parameter, type] : parameters) {
      ASSERT_EQ(btf__add_func_param(types_, parameter, type), 0);
    }
    ASSERT_GT(btf__add_func(types_, name, BTF_FUNC_GLOBAL, proto), 0);
  }
  btf* types_;
};

TEST_F(MadeUp, AnArgumentOfAnotherNameOrTypeIsFound) {
  EXPECT_TRUE(fits("same"));
  EXPECT_FALSE(fits("trailing"));
  EXPECT_FALSE(fits("other_type"));
  EXPECT_FALSE(fits("other_name"));
  EXPECT_FALSE(fits("beyond"));
}

}  // namespace
}  // namespace socklid::test
