// SPDX-License-Identifier: Apache-2.0
#include "selftest/report.hpp"

#include <algorithm>

namespace socklid::selftest {
namespace {

/// Cells of one line, each as wide as its column.
class Line {
 public:
  Line& cell(std::string_view text, std::size_t width) {
    text_ += text;
    text_.append(width > text.size() ? width - text.size() : 0, ' ');
    text_ += "  ";
    return *this;
  }
  [[nodiscard]] std::string end(std::string_view text) const {
    return text_ + std::string(text) + "\n";
  }

 private:
  std::string text_;
};

std::size_t widest_guard() {
  std::size_t width = 0;
  for (const Guard guard : all_guards()) width = std::max(width, name_of(guard).size());
  return width;
}

constexpr std::size_t ip_width = 2, policy_width = 6;

}  // namespace

std::string_view name_of(Seen seen) {
  switch (seen) {
    case Seen::holds:
      return "holds";
    case Seen::open:
      return "OPEN";
    case Seen::wrong_guard:
      return "wrong guard";
    case Seen::no_answer:
      return "no answer";
    case Seen::not_tried:
      return "not tried";
    case Seen::absent:
      return "not there";
  }
  return "?";
}

Summary summary_of(const std::vector<Finding>& findings) {
  Summary summary;
  summary.runs = findings.size();
  const Finding* last = nullptr;
  for (const Finding& finding : findings) {
    const bool same =
        last != nullptr && last->of.row == finding.of.row && last->of.ip == finding.of.ip;
    if (!same) ++summary.rows;
    last = &finding;
    if (finding.seen == Seen::holds) {
      ++summary.hold;
    } else if (finding.seen == Seen::not_tried) {
      ++summary.not_tried;
    } else if (finding.seen == Seen::absent) {
      ++summary.absent;
    } else {
      ++summary.open;
    }
  }
  return summary;
}

std::string to_string(const Summary& summary) {
  return std::to_string(summary.rows) + " rows, " + std::to_string(summary.runs) +
         " runs: " + std::to_string(summary.hold) + " hold, " + std::to_string(summary.open) +
         " open, " + std::to_string(summary.not_tried) + " not tried" +
         (summary.absent == 0 ? "" : ", " + std::to_string(summary.absent) + " not there");
}

bool is_good(const Summary& summary, bool strict) {
  return summary.open == 0 && summary.hold > 0 && (!strict || summary.not_tried == 0);
}

Table::Table(const std::vector<Case>& all) : name_width_(4) {
  for (const Case& one : all) name_width_ = std::max(name_width_, one.row->name.size());
}

std::string Table::header() const {
  return Line()
      .cell("path", name_width_)
      .cell("ip", ip_width)
      .cell("policy", policy_width)
      .cell("stopped by", widest_guard())
      .end("seen");
}

std::string Table::line(const Finding& finding) {
  std::string text;
  if (finding.of.group != group_) {
    group_ = finding.of.group;
    text = "\n" + std::string(group_) + "\n";
  }
  std::string seen(name_of(finding.seen));
  if (!finding.detail.empty()) seen += ": " + finding.detail;
  return text + Line()
                    .cell(finding.of.row->name, name_width_)
                    .cell(ip_of(finding.of), ip_width)
                    .cell(name_of(finding.policy), policy_width)
                    .cell(name_of(finding.expected), widest_guard())
                    .end(seen);
}

json::Value to_json(const std::vector<Finding>& findings) {
  json::Array all;
  for (const Finding& finding : findings) {
    json::Object one{{"group", finding.of.group},
                     {"path", finding.of.row->name},
                     {"policy", name_of(finding.policy)},
                     {"stopped_by", name_of(finding.expected)},
                     {"seen", name_of(finding.seen)}};
    if (finding.of.row->each != Each::once) one["ip"] = ip_of(finding.of);
    if (!finding.detail.empty()) one["detail"] = finding.detail;
    if (!finding.of.row->why.empty()) one["why"] = finding.of.row->why;
    all.emplace_back(std::move(one));
  }
  const Summary summary = summary_of(findings);
  return json::Object{{"runs", std::move(all)},         {"rows", summary.rows},
                      {"hold", summary.hold},           {"open", summary.open},
                      {"not_tried", summary.not_tried}, {"absent", summary.absent}};
}

}  // namespace socklid::selftest
