// SPDX-License-Identifier: Apache-2.0
#include "selftest/case.hpp"

#include <algorithm>

namespace socklid::selftest {
namespace {

struct Group {
  std::string_view heading;
  std::span<const Row> (*rows)();
};

constexpr Group groups[]{
    {"choosing a peer", peer_rows},
    {"being reached", listen_rows},
    {"families and protocols", family_rows},
    {"where a packet goes", packet_rows},
    {"changing what stands in the way", tamper_rows},
    {"what the kernel does on its behalf", deputy_rows},
    {"sockets from elsewhere", foreign_rows},
    {"getting out of a subject", subject_rows},
    {"changing protected files", file_rows},
};

bool is_wanted(std::string_view name, const std::vector<std::string>& patterns) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
           return name.find(pattern) != std::string_view::npos;
         });
}

}  // namespace

std::string_view ip_of(const Case& one) {
  if (one.row->each == Each::once) return "-";
  return one.ip == Ip::v4 ? "v4" : "v6";
}

std::vector<Case> cases(const std::vector<std::string>& patterns) {
  std::vector<Case> all;
  for (const Group& group : groups) {
    for (const Row& row : group.rows()) {
      if (!is_wanted(row.name, patterns)) continue;
      if (row.each != Each::v6_only) all.push_back({group.heading, &row, Ip::v4});
      if (row.each == Each::ip || row.each == Each::v6_only) {
        all.push_back({group.heading, &row, Ip::v6});
      }
    }
  }
  return all;
}

std::string list_text(const std::vector<Case>& all) {
  std::string text;
  for (const Case& one : all) {
    text += one.row->name;
    text += '\t';
    text += ip_of(one);
    text += '\n';
  }
  return text;
}

}  // namespace socklid::selftest
