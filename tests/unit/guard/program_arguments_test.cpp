// SPDX-License-Identifier: Apache-2.0
//
// Fails if a kernel whose hooks hand over other arguments than the programs take is not told, by
// the program and by the kernel, or if one that only adds arguments at the end is.
#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "guard/object/arguments.hpp"

namespace socklid {
namespace {

/// A kernel's type information, made of what the programs take and what is changed of it.
class Kernel {
 public:
  Kernel() {
    for (const Hook hook : every_hook()) {
      if (const auto taken = taken_arguments(hook)) hooks_[std::string(name(hook))] = *taken;
    }
  }
  Arguments& operator[](const char* hook) { return hooks_.at(hook); }
  void leave_out(const char* hook) { hooks_.erase(hook); }

  Result<> check() {
    const std::unique_ptr<btf, decltype(&btf__free)> types(btf__new_empty(), btf__free);
    number_ = btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED);
    for (const auto& [hook, arguments] : hooks_) add(types.get(), hook, arguments);
    return check_arguments(*types, "9.9.9-made-up");
  }

 private:
  /// As the product writes types: "struct sock *", "signed 4".
  int type(btf* types, const std::string& text) {
    if (text.ends_with(" *")) {
      return btf__add_ptr(types, type(types, text.substr(0, text.size() - 2)));
    }
    const std::string word = text.substr(text.find(' ') + 1);
    if (text == "void") return 0;
    if (text == "character") return btf__add_int(types, "char", 1, BTF_INT_CHAR);
    if (text.starts_with("struct ")) return btf__add_struct(types, word.c_str(), 8);
    if (text.starts_with("union ")) return btf__add_union(types, word.c_str(), 8);
    const bool is_signed = text.starts_with("signed ");
    EXPECT_TRUE(is_signed || text.starts_with("unsigned ")) << text;
    return btf__add_int(types, text.c_str(), std::stoul(word), is_signed ? BTF_INT_SIGNED : 0);
  }

  void add(btf* types, const std::string& hook, const Arguments& arguments) {
    std::vector<int> ids;
    for (const Argument& one : arguments) ids.push_back(type(types, one.type));
    const int proto = btf__add_func_proto(types, number_);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ASSERT_EQ(btf__add_func_param(types, arguments[i].name.c_str(), ids[i]), 0);
    }
    ASSERT_GT(btf__add_func(types, ("bpf_lsm_" + hook).c_str(), BTF_FUNC_GLOBAL, proto), 0);
  }

  std::map<std::string, Arguments> hooks_;
  int number_{0};
};

TEST(ProgramArguments, OfEachLsmProgramThatJudgesAreKnown) {
  for (const Hook hook : every_hook()) {
    const bool judges = takes_slot(hook) || !is_per_cgroup(hook);
    const auto taken = taken_arguments(hook);
    ASSERT_EQ(taken.has_value(), judges) << name(hook);
    // This one asks who runs, and nothing else.
    EXPECT_EQ(judges && taken->empty(), hook == Hook::sb_pivotroot) << name(hook);
  }
  EXPECT_EQ(taken_arguments(Hook::bpf).value().front(), (Argument{"cmd", "signed 4"}));
}

TEST(ProgramArguments, OfAKernelThatHasThemFit) {
  const auto checked = Kernel().check();
  EXPECT_TRUE(checked) << checked.error().message;
}

// As `bpf` got a fourth in 6.15.
TEST(ProgramArguments, OneMoreAtTheEndFits) {
  Kernel kernel;
  kernel["bpf"].push_back({"kernel", "character"});
  EXPECT_TRUE(kernel.check());
}

// As it was before 6.6, and as it is in no kernel.
TEST(ProgramArguments, OfOneOfSeveralProgramsFit) {
  const std::vector<Variant> variants = variants_of(Hook::inode_setattr);
  ASSERT_EQ(variants.size(), 2U);
  EXPECT_EQ(variants[0].program, "inode_setattr");
  EXPECT_EQ(variants[1].program, "inode_setattr___bare");
  Kernel old;
  old["inode_setattr"] = variants[1].taken;
  EXPECT_TRUE(old.check());
  Kernel neither;
  neither["inode_setattr"].front().name = "map";
  EXPECT_FALSE(neither.check());
}

void expect_told(Kernel& kernel, const std::vector<const char*>& words) {
  const auto checked = kernel.check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().exit, Exit::node);
  for (const char* const word : words) {
    EXPECT_NE(checked.error().message.find(word), std::string::npos)
        << word << " is not in: " << checked.error().message;
  }
}

TEST(ProgramArguments, OfAnotherNameOrTypeAreTold) {
  Kernel renamed;
  renamed["bpf"].front().name = "command";
  expect_told(renamed, {"9.9.9-made-up", "bpf takes (signed 4 cmd", "is handed (signed 4 command",
                        "a newer socklid is needed"});
  Kernel retyped;
  retyped["socket_connect"].front().type = "void *";
  expect_told(retyped, {"socket_connect takes (", "void * ", "a newer socklid is needed"});
}

TEST(ProgramArguments, InsertedInFrontOrGoneAreTold) {
  Kernel inserted;
  inserted["file_open"].insert(inserted["file_open"].begin(), {"flags", "unsigned 4"});
  expect_told(inserted, {"file_open takes (", "(unsigned 4 flags, "});
  Kernel gone;
  gone["sb_mount"].clear();
  expect_told(gone, {"sb_mount takes (", "is handed ()"});
}

TEST(ProgramArguments, EachProgramIsTold) {
  Kernel kernel;
  kernel["file_open"].clear();
  kernel["bpf"].clear();
  expect_told(kernel, {"bpf takes (", "file_open takes ("});
}

TEST(ProgramArguments, AHookThatIsMissingIsTold) {
  Kernel kernel;
  kernel.leave_out("task_alloc");
  expect_told(kernel, {"9.9.9-made-up has no LSM hook task_alloc", "newer socklid"});
  Kernel old;
  for (const char* newer :
       {"file_ioctl_compat", "inode_file_setattr", "inode_set_acl", "inode_remove_acl"}) {
    old.leave_out(newer);
  }
  EXPECT_TRUE(old.check());
}

}  // namespace
}  // namespace socklid
