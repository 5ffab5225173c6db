// SPDX-License-Identifier: Apache-2.0
#include "guard/object/arguments.hpp"

#include <bpf/btf.h>

#include <algorithm>
#include <map>
#include <memory>

#include "program_arguments_types.h"

namespace socklid {
namespace {

constexpr std::string_view hook_prefix = "bpf_lsm_";
constexpr std::string_view bpf_prog_prefix = "____";

using Types = std::unique_ptr<btf, decltype(&btf__free)>;

std::string type_name(const btf& types, __u32 id) {
  const btf_type* type = btf__type_by_id(&types, id);
  while (type != nullptr && (btf_is_mod(type) || btf_is_typedef(type))) {
    type = btf__type_by_id(&types, type->type);
  }
  if (type == nullptr || btf_kind(type) == BTF_KIND_UNKN) return "void";
  const std::string name = btf__name_by_offset(&types, type->name_off);
  switch (btf_kind(type)) {
    case BTF_KIND_PTR:
      return type_name(types, type->type) + " *";
    case BTF_KIND_INT:
      // Whether a character has a sign is the compiler's option, of the kernel as of a program.
      if (type->size == 1) return "character";
      // `unsigned long` and `u64` are one to a program.
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

Arguments arguments_at(const btf& types, __u32 function, std::size_t skipped) {
  Arguments arguments;
  const btf_type* proto = btf__type_by_id(&types, btf__type_by_id(&types, function)->type);
  const btf_param* parameters = btf_params(proto);
  for (std::size_t i = skipped; i < btf_vlen(proto); i++) {
    arguments.push_back({btf__name_by_offset(&types, parameters[i].name_off),
                         type_name(types, parameters[i].type)});
  }
  return arguments;
}

/// One pass: the kernel has a hundred thousand types, and looking for a name goes through them all.
std::map<std::string, __u32> hooks_of(const btf& kernel) {
  std::map<std::string, __u32> found;
  for (__u32 id = 1; id < btf__type_cnt(&kernel); ++id) {
    const btf_type* type = btf__type_by_id(&kernel, id);
    if (btf_kind(type) != BTF_KIND_FUNC) continue;
    const std::string_view name = btf__name_by_offset(&kernel, type->name_off);
    if (name.starts_with(hook_prefix)) found.emplace(name.substr(hook_prefix.size()), id);
  }
  return found;
}

std::string text_of(const Arguments& arguments) {
  std::string text;
  for (const Argument& one : arguments) {
    text.append(text.empty() ? "" : ", ").append(one.type).append(" ").append(one.name);
  }
  return text;
}

bool is_lsm(Hook hook) {
  return takes_slot(hook) || !is_per_cgroup(hook);
}

}  // namespace

bool fits(const Arguments& taken, const Arguments& handed) {
  return taken.size() <= handed.size() && std::equal(taken.begin(), taken.end(), handed.begin());
}

std::optional<Arguments> arguments_of(const btf& types, const std::string& name,
                                      std::size_t skipped) {
  const __s32 id = btf__find_by_name_kind(&types, name.c_str(), BTF_KIND_FUNC);
  if (id < 0) return std::nullopt;
  return arguments_at(types, static_cast<__u32>(id), skipped);
}

std::vector<Variant> variants_of(Hook hook) {
  static const Types ours(btf__new(program_arguments_types, sizeof(program_arguments_types)),
                          btf__free);
  std::vector<Variant> variants;
  if (!ours || !is_lsm(hook)) return variants;
  const std::string own(name(hook));
  for (__u32 id = 1; id < btf__type_cnt(ours.get()); ++id) {
    const btf_type* type = btf__type_by_id(ours.get(), id);
    if (btf_kind(type) != BTF_KIND_FUNC) continue;
    std::string_view function = btf__name_by_offset(ours.get(), type->name_off);
    // The name is BPF_PROG's (bpf/program.bpf.h).
    if (!function.starts_with(bpf_prog_prefix)) continue;
    function.remove_prefix(bpf_prog_prefix.size());
    if (function != own && !function.starts_with(own + "___")) continue;
    // The first is the context.
    variants.push_back({std::string(function), arguments_at(*ours, id, 1)});
  }
  std::sort(variants.begin(), variants.end(),
            [](const Variant& one, const Variant& other) { return one.program < other.program; });
  return variants;
}

std::optional<Arguments> taken_arguments(Hook hook) {
  const std::vector<Variant> variants = variants_of(hook);
  if (variants.empty()) return std::nullopt;
  return variants.front().taken;
}

std::set<std::string> fitting_programs(const btf& kernel) {
  const auto handed = hooks_of(kernel);
  std::set<std::string> programs;
  for (const Hook hook : every_hook()) {
    const auto found = handed.find(std::string(name(hook)));
    if (found == handed.end()) continue;
    const Arguments given = arguments_at(kernel, found->second, 0);
    for (const Variant& variant : variants_of(hook)) {
      if (!fits(variant.taken, given)) continue;
      programs.insert(variant.program);
      break;
    }
  }
  return programs;
}

Result<> check_arguments(const btf& kernel, std::string_view release) {
  const auto handed = hooks_of(kernel);
  std::string changed;
  std::string missing;
  for (const Hook hook : every_hook()) {
    if (!is_lsm(hook)) continue;
    const auto found = handed.find(std::string(name(hook)));
    if (found == handed.end()) {
      if (row_of(hook).is_newer) continue;
      missing.append(missing.empty() ? "" : ", ").append(name(hook));
      continue;
    }
    const std::vector<Variant> variants = variants_of(hook);
    if (variants.empty()) return fail(Exit::internal, "no arguments are known of ", name(hook));
    const Arguments given = arguments_at(kernel, found->second, 0);
    const auto fitting = [&given](const Variant& one) { return fits(one.taken, given); };
    if (std::any_of(variants.begin(), variants.end(), fitting)) continue;
    changed.append(changed.empty() ? "" : "; ").append(name(hook));
    changed.append(" takes (").append(text_of(variants.front().taken));
    changed.append(") and is handed (");
    changed.append(text_of(given)).append(")");
  }
  if (!changed.empty()) {
    return fail(Exit::node, "socklid's programs do not know the hooks of kernel ", release, ": ",
                changed, ": a newer socklid is needed, or an older kernel");
  }
  if (!missing.empty()) {
    return fail(Exit::node, "kernel ", release, " has no LSM hook ", missing,
                ": a newer socklid is needed, or a kernel that is configured with it");
  }
  return {};
}

}  // namespace socklid
