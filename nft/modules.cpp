// SPDX-License-Identifier: Apache-2.0
#include "nft/modules.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>

#include "annotations/policy.hpp"
#include "base/text.hpp"
#include "plan/rules/rules.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

struct ExpressionRow {
  std::string_view expression;
  std::string_view module;
};
constexpr std::string_view core = "nf_tables";
constexpr ExpressionRow expression_rows[] = {
    {"bitwise", core},
    {"cmp", core},
    {"counter", core},
    {"dynset", core},
    {"exthdr", core},
    {"fib", "nft_fib_inet"},
    {"immediate", core},
    {"lookup", core},
    {"meta", core},
    {"payload", core},
    {"reject", "nft_reject_inet"},
    {"socket", "nft_socket"},
};

/// A list of modules.builtin is some tens of KiB long.
constexpr std::size_t builtin_limit = std::size_t{1} << 20;

/// "kernel/net/netfilter/nf_tables.ko" is one line.
bool is_built_in(std::string_view list, std::string_view module) {
  const std::string end = concat("/", module, ".ko");
  const auto lines = split(list, '\n');
  return std::any_of(lines.begin(), lines.end(),
                     [&end](std::string_view line) { return line.ends_with(end); });
}

}  // namespace

std::string_view module_of(std::string_view expression) {
  for (const ExpressionRow& row : expression_rows) {
    if (row.expression == expression) return row.module;
  }
  return {};
}

std::vector<std::string_view> needed_modules() {
  std::vector<std::string_view> all{core};
  for (const ExpressionRow& row : expression_rows) {
    if (std::find(all.begin(), all.end(), row.module) == all.end()) all.push_back(row.module);
  }
  return all;
}

std::vector<std::string_view> missing_modules(const std::string& root, std::string_view release) {
  const std::string builtin =
      read_file(AT_FDCWD, concat(root, "/lib/modules/", release, "/modules.builtin"), Exit::nft,
                builtin_limit)
          .value_or(std::string());
  std::vector<std::string_view> missing;
  for (const std::string_view module : needed_modules()) {
    const bool loaded = ::access(concat(root, "/sys/module/", module).c_str(), F_OK) == 0;
    if (!loaded && !is_built_in(builtin, module)) missing.push_back(module);
  }
  return missing;
}

std::string missing_modules_text(const std::vector<std::string_view>& missing) {
  if (missing.empty()) return {};
  std::string names;
  for (const std::string_view one : missing) names.append(" ").append(one);
  return concat(" (missing kernel modules:", names, "; run \"modprobe -a", names,
                "\" on the node, at boot if it loads none later)");
}

NftRuleset every_rule() {
  using annotations::Protocol;
  annotations::Policy policy;
  policy.egress = {{Protocol::tcp, {443, 443}, {}}, {Protocol::udp, {53, 53}, {}}};
  policy.bind = {{Protocol::tcp, {80, 80}, {}}, {Protocol::udp, {1, 1023}, {}}};
  return compile_rules(policy, {1, annotations::default_mark_mask}, 0, "every rule", 0);
}

}  // namespace socklid
