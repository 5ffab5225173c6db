// SPDX-License-Identifier: Apache-2.0
#include "store/looked_up.hpp"

#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace socklid {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 0xfU];
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto byte = parse_number<unsigned>(text.substr(i, 2), 16);
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
  }
  return bytes;
}

Failure bad() {
  return fail(Exit::store, "record: looked_up is of the wrong type");
}

/// The items of an array within arrays, numbers first.
class Row {
 public:
  explicit Row(const json::Value& value) : value_(value) {}
  [[nodiscard]] bool has(std::size_t count) const {
    return value_.is_array() && value_.array().size() == count;
  }
  template <typename Number>
  [[nodiscard]] Result<Number> number(std::size_t i) const {
    const json::Value& item = value_.array()[i];
    if (!item.is_integer()) return bad();
    return static_cast<Number>(item.integer());
  }
  [[nodiscard]] Result<std::string> text(std::size_t i) const {
    const json::Value& item = value_.array()[i];
    if (!item.is_string()) return bad();
    return item.string();
  }
  [[nodiscard]] Result<FileNumber> file() const {
    return FileNumber{.inode = SL_TRY(number<std::uint64_t>(0)),
                      .device = SL_TRY(number<std::uint32_t>(1))};
  }

 private:
  const json::Value& value_;
};

Result<FileEntry> file_of(const Row& row) {
  if (!row.has(4)) return bad();
  return FileEntry{.number = SL_TRY(row.file()),
                   .subjects = SL_TRY(row.number<std::uint32_t>(2)),
                   .flags = SL_TRY(row.number<std::uint32_t>(3))};
}

Result<NamedEntry> named_of(const Row& row) {
  if (!row.has(4)) return bad();
  NamedEntry entry;
  entry.directory = SL_TRY(row.file());
  entry.subjects = SL_TRY(row.number<std::uint32_t>(2));
  auto name = from_hex(SL_TRY(row.text(3)));
  if (!name) return bad();
  entry.name = std::move(*name);
  return entry;
}

Result<ProgramFile> program_of(const Row& row) {
  if (!row.has(4)) return bad();
  ProgramFile program;
  program.number = SL_TRY(row.file());
  program.subject = SL_TRY(row.number<std::uint32_t>(2));
  program.path = SL_TRY(row.text(3));
  return program;
}

/// The subject's number, then pairs.
Result<SubjectZone> zone_of(const Row& row, std::size_t size) {
  SubjectZone zone{.subject = SL_TRY(row.number<std::uint32_t>(0)), .changes = {}};
  for (std::size_t i = 1; i + 1 < size; i += 2) {
    zone.changes.push_back({.from = SL_TRY(row.number<std::int64_t>(i)),
                            .offset = SL_TRY(row.number<std::int32_t>(i + 1))});
  }
  return zone;
}

json::Value row_of(const FileNumber& number, std::uint32_t bits, json::Value last) {
  return json::Array{number.inode, number.device, bits, std::move(last)};
}

template <typename Item, typename Read>
Result<> read_all(const json::Value& value, std::string_view member, std::vector<Item>& into,
                  Read read) {
  const json::Value* const list = value.find(member);
  if (list == nullptr || !list->is_array()) return bad();
  for (const json::Value& one : list->array()) into.push_back(SL_TRY(read(one)));
  return {};
}

}  // namespace

json::Value to_value(const LookedUp& looked_up) {
  json::Array files;
  for (const FileEntry& one : looked_up.files) {
    files.push_back(row_of(one.number, one.subjects, one.flags));
  }
  json::Array named;
  for (const NamedEntry& one : looked_up.named) {
    named.push_back(row_of(one.directory, one.subjects, to_hex(one.name)));
  }
  json::Array programs;
  for (const ProgramFile& one : looked_up.programs) {
    programs.push_back(row_of(one.number, one.subject, one.path));
  }
  json::Array zones;
  for (const SubjectZone& one : looked_up.zones) {
    json::Array row{one.subject};
    for (const ZoneChange& change : one.changes) {
      row.emplace_back(change.from);
      row.emplace_back(change.offset);
    }
    zones.emplace_back(std::move(row));
  }
  return json::Object{{"mntns", looked_up.mntns},        {"tai_offset", looked_up.tai_offset},
                      {"files", std::move(files)},       {"named", std::move(named)},
                      {"programs", std::move(programs)}, {"zones", std::move(zones)}};
}

Result<LookedUp> parse_looked_up(const json::Value& value) {
  LookedUp all;
  const auto mntns = value.find_integer("mntns");
  const auto tai_offset = value.find_integer("tai_offset");
  if (!mntns || !tai_offset) return bad();
  all.mntns = static_cast<std::uint32_t>(*mntns);
  all.tai_offset = static_cast<std::uint64_t>(*tai_offset);
  SL_CHECK(read_all(value, "files", all.files,
                    [](const json::Value& one) { return file_of(Row(one)); }));
  SL_CHECK(read_all(value, "named", all.named,
                    [](const json::Value& one) { return named_of(Row(one)); }));
  SL_CHECK(read_all(value, "programs", all.programs,
                    [](const json::Value& one) { return program_of(Row(one)); }));
  SL_CHECK(read_all(value, "zones", all.zones, [](const json::Value& one) -> Result<SubjectZone> {
    if (!one.is_array() || one.array().size() % 2 == 0) return bad();
    return zone_of(Row(one), one.array().size());
  }));
  return all;
}

}  // namespace socklid
