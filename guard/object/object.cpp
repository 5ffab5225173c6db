// SPDX-License-Identifier: Apache-2.0
#include "guard/object/object.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "guard/object/arguments.hpp"
#include "guard/object/load_failure.hpp"
#include "guard/pins.hpp"
#include "socket_guard.skel.h"
#include "system/bpf_calls.hpp"

namespace socklid {
namespace {

/// libbpf's first warning while this lives: its error codes alone say little. The first is the
/// cause; those after it say what followed from it. libbpf has one function to tell for the whole
/// process and hands it nothing of ours: one of these at a time.
class FirstWarning {
 public:
  FirstWarning() {
    current_ = this;
    libbpf_set_print(keep);
  }
  FirstWarning(const FirstWarning&) = delete;
  FirstWarning& operator=(const FirstWarning&) = delete;
  /// What libbpf says afterwards is for nobody: standard error is read by others (I11).
  ~FirstWarning() {
    libbpf_set_print(nullptr);
    current_ = nullptr;
  }
  /// Empty if there was none.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static int keep(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN || current_ == nullptr || !current_->text_.empty()) return 0;
    std::array<char, 512> line{};
    const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
    std::string text(line.data());
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    current_->text_ = std::move(text);
    return length;
  }

  inline static FirstWarning* current_ = nullptr;
  std::string text_;
};

struct SkeletonDeleter {
  void operator()(socket_guard* skeleton) const { socket_guard::destroy(skeleton); }
};
using Skeleton = std::unique_ptr<socket_guard, SkeletonDeleter>;

bpf_program* program_of(const Skeleton& skeleton, const std::string& name) {
  return bpf_object__find_program_by_name(skeleton->obj, name.c_str());
}

/// Of several for the hook the one that is to be loaded; none on a kernel that lacks the hook.
const bpf_program* loaded_program(const Skeleton& skeleton, Hook hook) {
  std::vector<std::string> names{std::string(name(hook))};
  for (const Variant& variant : variants_of(hook)) names.push_back(variant.program);
  for (const std::string& name : names) {
    const bpf_program* program = program_of(skeleton, name);
    if (program != nullptr && bpf_program__autoload(program)) return program;
  }
  return nullptr;
}

Failure explain(int error, const FirstWarning& warning) {
  return explain_load_failure(error, warning.text(), "/sys");
}

using Types = std::unique_ptr<btf, decltype(&btf__free)>;

bool has_hook(const Types& kernel, Hook hook) {
  const std::string function = "bpf_lsm_" + std::string(name(hook));
  return btf__find_by_name_kind(kernel.get(), function.c_str(), BTF_KIND_FUNC) >= 0;
}

/// Of each hook the program that takes what this kernel hands over is loaded, and none for a hook
/// that it lacks.
Result<> fit_to_kernel(const Skeleton& skeleton, const FirstWarning& warning) {
  const Types kernel(btf__load_vmlinux_btf(), btf__free);
  if (!kernel) return explain(errno, warning);
  utsname names{};
  if (::uname(&names) != 0) return fail_errno(Exit::node, "ask for the kernel's version");
  SL_CHECK(check_arguments(*kernel, names.release));
  const std::set<std::string> fitting = fitting_programs(*kernel);
  for (const Hook hook : every_hook()) {
    for (const Variant& variant : variants_of(hook)) {
      bpf_program* program = program_of(skeleton, variant.program);
      if (program == nullptr) return fail(Exit::internal, "no program ", variant.program);
      bpf_program__set_autoload(program, fitting.contains(variant.program));
    }
  }
  return {};
}

Result<Skeleton> load_skeleton() {
  const FirstWarning warning;
  Skeleton skeleton(socket_guard::open());
  if (!skeleton) return explain(errno, warning);
  SL_CHECK(fit_to_kernel(skeleton, warning));
  const int error = socket_guard::load(skeleton.get());
  if (error != 0) return explain(-error, warning);
  return skeleton;
}

Result<> pin(int fd, const std::string& path) {
  if (bpf::pin(fd, path) != 0) return fail_errno(Exit::node, "pin " + path);
  return {};
}

Result<> pin_all(const Skeleton& skeleton, const std::string& directory) {
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.policies), directory + "/" + pins::policies));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.policies_by_cgroup),
               directory + "/" + pins::policies_by_cgroup));
  SL_CHECK(
      pin(bpf_map__fd(skeleton->maps.packet_policies), directory + "/" + pins::packet_policies));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.denials), directory + "/" + pins::denials));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.prefixes), directory + "/" + pins::prefixes));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.ports), directory + "/" + pins::ports));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.seals), directory + "/" + pins::seals));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.joins), directory + "/" + pins::joins));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.tasks), directory + "/" + pins::tasks));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.task_counts), directory + "/" + pins::task_counts));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.files), directory + "/" + pins::files));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.named), directory + "/" + pins::named));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.devices), directory + "/" + pins::devices));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.subjects), directory + "/" + pins::subjects));
  SL_CHECK(
      pin(bpf_map__fd(skeleton->maps.subject_denials), directory + "/" + pins::subject_denials));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.subject_runs), directory + "/" + pins::subject_runs));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.events), directory + "/" + pins::events));
  SL_CHECK(pin(bpf_map__fd(skeleton->maps.search), directory + "/" + pins::search));
  SL_CHECK(
      pin(bpf_program__fd(skeleton->progs.seal_by_hand), directory + "/" + pins::seal_by_hand));
  SL_CHECK(pin(bpf_program__fd(skeleton->progs.find_tasks), directory + "/" + pins::find_tasks));
  for (const Hook hook : every_hook()) {
    const bpf_program* program = loaded_program(skeleton, hook);
    if (program == nullptr && row_of(hook).is_newer) continue;
    if (program == nullptr) {
      return fail(Exit::internal, "no program for " + std::string(name(hook)));
    }
    SL_CHECK(pin(bpf_program__fd(program), directory + "/" + pins::program(hook)));
  }
  return {};
}

}  // namespace

Result<> load_object(const std::string& directory) {
  const Skeleton skeleton = SL_TRY(load_skeleton());
  return pin_all(skeleton, directory);
}

bool kernel_has(Hook hook) {
  const Types kernel(btf__load_vmlinux_btf(), btf__free);
  return kernel && has_hook(kernel, hook);
}

}  // namespace socklid
