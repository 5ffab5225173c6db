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
  }
  return "?";
}

Summary summary_of(const std::vector<Run>& runs) {
  Summary summary;
  summary.runs = runs.size();
  const Run* last = nullptr;
  for (const Run& run : runs) {
    const bool same = last != nullptr && last->of.row == run.of.row && last->of.ip == run.of.ip;
    if (!same) ++summary.rows;
    last = &run;
    if (run.seen == Seen::holds) {
      ++summary.hold;
    } else if (run.seen == Seen::not_tried) {
      ++summary.not_tried;
    } else {
      ++summary.open;
    }
  }
  return summary;
}

std::string to_string(const Summary& summary) {
  return std::to_string(summary.rows) + " rows, " + std::to_string(summary.runs) +
         " runs: " + std::to_string(summary.hold) + " hold, " + std::to_string(summary.open) +
         " open, " + std::to_string(summary.not_tried) + " not tried";
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

std::string Table::line(const Run& run) {
  std::string text;
  if (run.of.group != group_) {
    group_ = run.of.group;
    text = "\n" + std::string(group_) + "\n";
  }
  std::string seen(name_of(run.seen));
  if (!run.detail.empty()) seen += ": " + run.detail;
  return text + Line()
                    .cell(run.of.row->name, name_width_)
                    .cell(ip_of(run.of), ip_width)
                    .cell(name_of(run.policy), policy_width)
                    .cell(name_of(run.expected), widest_guard())
                    .end(seen);
}

json::Value to_json(const std::vector<Run>& runs) {
  json::Array all;
  for (const Run& run : runs) {
    json::Object one{{"group", run.of.group},
                     {"path", run.of.row->name},
                     {"policy", name_of(run.policy)},
                     {"stopped_by", name_of(run.expected)},
                     {"seen", name_of(run.seen)}};
    if (run.of.row->each != Each::once) one["ip"] = ip_of(run.of);
    if (!run.detail.empty()) one["detail"] = run.detail;
    if (!run.of.row->why.empty()) one["why"] = run.of.row->why;
    all.emplace_back(std::move(one));
  }
  const Summary summary = summary_of(runs);
  return json::Object{{"runs", std::move(all)},
                      {"rows", summary.rows},
                      {"hold", summary.hold},
                      {"open", summary.open},
                      {"not_tried", summary.not_tried}};
}

}  // namespace socklid::selftest
