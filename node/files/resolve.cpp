// SPDX-License-Identifier: Apache-2.0
#include "node/files/resolve.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

namespace socklid {
namespace {

constexpr OwnText subject_key = "io.socklid.subject";
constexpr OwnText readonly_key = "io.socklid.readonly";
constexpr std::size_t name_limit = sizeof(sl_named_key::name) - 1;

using Entries = std::map<FileNumber, FileEntry>;

struct ReadonlyPath {
  std::string path;  ///< without links
  bool except{false};
};

Failure wrong(OwnText key, const std::string& what, std::string_view why) {
  return fail(Exit::unsupported, concat(what, " ", why), {.key = key});
}

std::string title(const SubjectPlan& subject) {
  return concat(subject_key, ".", subject.name, ": ");
}

FileEntry& entry_of(Entries& entries, FileNumber number) {
  FileEntry& entry = entries[number];
  entry.number = number;
  return entry;
}

void add_way(Entries& entries, const FoundFile& found) {
  for (const FileNumber number : found.passed) entry_of(entries, number).flags |= SL_FILE_ENTRY;
}

/// Its place, if its name in its own file system is known; with the subjects whose program it is.
void add_name(std::vector<NamedEntry>& named, const FoundFile& found, std::uint32_t subjects) {
  if (found.is_mounted || found.name.size() > name_limit) return;
  const FileNumber directory = found.above.back();
  for (NamedEntry& one : named) {
    if (one.directory != directory || one.name != found.name) continue;
    one.subjects |= subjects;
    return;
  }
  named.push_back({.directory = directory, .name = found.name, .subjects = subjects});
}

/// `found` or an error about `key`, whose value `what` names.
Result<std::optional<FoundFile>> find(const ContainerTree& tree, OwnText key,
                                      const std::string& what, const std::string& path) {
  auto found = tree.find(path);
  if (found) return found;
  return fail(found.error().exit, concat(what, found.error().message), {.key = key});
}

/// Of the file's name, if no other subject has it: one file is one subject.
class Programs {
 public:
  Programs(const std::vector<SubjectPlan>& subjects, Entries& entries, LookedUp& into)
      : subjects_(subjects), entries_(entries), into_(into) {}

  Result<> add(const SubjectPlan& subject, const std::string& path, const FoundFile& found) {
    const std::string what = title(subject) + quote(path, 200);
    if (!S_ISREG(found.mode)) return wrong(subject_key, what, "is no regular file");
    if ((found.mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
      return wrong(subject_key, what, "has no execute bit: name the program itself");
    }
    FileEntry& entry = entry_of(entries_, found.number);
    const std::uint32_t bit = 1U << subject.index;
    if ((entry.subjects & ~bit) != 0) {
      return wrong(subject_key, what,
                   concat("is the same file as io.socklid.subject.", other(entry, bit),
                          " is, by another name or link: a file is one subject"));
    }
    entry.subjects |= bit;
    entry.flags |= SL_FILE_SELF | SL_FILE_ENTRY;
    into_.programs.push_back({.subject = subject.index, .path = path, .number = found.number});
    add_name(into_.named, found, bit);
    add_way(entries_, found);
    return {};
  }

 private:
  [[nodiscard]] std::string other(const FileEntry& entry, std::uint32_t bit) const {
    for (const SubjectPlan& one : subjects_) {
      if ((entry.subjects & ~bit & 1U << one.index) != 0) return one.name;
    }
    return "?";
  }

  const std::vector<SubjectPlan>& subjects_;
  Entries& entries_;
  LookedUp& into_;
};

Result<> add_subject(const ContainerTree& tree, const SubjectPlan& subject, Programs& programs) {
  if (subject.exec.empty()) return {};
  bool any = false;
  for (const std::string& path : subject.exec) {
    const auto found = SL_TRY(find(tree, subject_key, title(subject), path));
    if (!found) continue;
    SL_CHECK(programs.add(subject, path, *found));
    any = true;
  }
  if (any) return {};
  return wrong(subject_key, title(subject) + quote(subject.exec.front(), 200),
               subject.exec.size() == 1
                   ? "is not in the container: name the path that its image has"
                   : "and its other paths are not in the container: name one that its image has");
}

Result<> add_protected(Entries& entries, const FoundFile& found, bool except,
                       const std::string& what) {
  add_way(entries, found);
  FileEntry& entry = entry_of(entries, found.number);
  entry.flags |= SL_FILE_ENTRY;
  const std::uint32_t whole = S_ISDIR(found.mode) ? SL_FILE_TREE : SL_FILE_SELF;
  entry.flags |= except ? SL_FILE_EXCEPT : whole;
  const bool protects = (entry.flags & SL_FILE_TREE) != 0 ||
                        ((entry.flags & SL_FILE_SELF) != 0 && entry.subjects == 0);
  if ((entry.flags & SL_FILE_EXCEPT) == 0 || !protects) return {};
  return wrong(readonly_key, what, "is protected and excepted: it is named twice, or by two names");
}

bool is_protected(const Entries& entries, FileNumber number) {
  const auto entry = entries.find(number);
  return entry != entries.end() && (entry->second.flags & SL_FILE_TREE) != 0;
}

bool is_below(std::string_view place, std::string_view above) {
  if (above == "/") return place.size() > 1;
  return place.size() > above.size() && place.starts_with(above) && place[above.size()] == '/';
}

/// Whether the nearest of `places` above `place` is protected.
bool is_covered(const std::vector<ReadonlyPath>& places, std::string_view place) {
  const ReadonlyPath* nearest = nullptr;
  for (const ReadonlyPath& one : places) {
    if (one.path == place) return false;  // named itself
    if (!is_below(place, one.path)) continue;
    if (nearest == nullptr || one.path.size() > nearest->path.size()) nearest = &one;
  }
  return nearest != nullptr && !nearest->except;
}

/// The kernel's, and what an engine puts on /dev.
bool is_nobodys(std::string_view place) {
  constexpr std::array<std::string_view, 3> systems = {"/proc", "/sys", "/dev"};
  return std::any_of(systems.begin(), systems.end(), [place](std::string_view one) {
    return place == one || is_below(place, one);
  });
}

Result<> add_mounts(const ContainerTree& tree, const std::vector<ReadonlyPath>& places,
                    Entries& entries) {
  for (const ContainerTree::Below& mount : tree.mounts()) {
    if (is_nobodys(mount.place) || !is_covered(places, mount.place)) continue;
    const std::string what = concat(readonly_key, ": ", quote(mount.place, 200));
    const auto found = SL_TRY(find(tree, readonly_key, concat(readonly_key, ": "), mount.place));
    if (!found || found->mount != mount.mount) continue;  // another is mounted over it
    SL_CHECK(add_protected(entries, *found, false, what));
  }
  return {};
}

Result<> add_readonly(const ContainerTree& tree,
                      const std::vector<annotations::ProtectedPath>& readonly, Entries& entries,
                      std::vector<NamedEntry>& named) {
  std::vector<ReadonlyPath> places;
  std::vector<FoundFile> excepted;
  for (const annotations::ProtectedPath& one : readonly) {
    const std::string what =
        concat(readonly_key, ": ", one.except ? "!" : "", quote(one.path, 200));
    auto found = SL_TRY(find(tree, readonly_key, concat(readonly_key, ": "), one.path));
    if (!found) {
      return wrong(readonly_key, what, "is not in the container: take it out, or have it made");
    }
    SL_CHECK(add_protected(entries, *found, one.except, what));
    if (!one.except && !S_ISDIR(found->mode)) add_name(named, *found, 0);
    places.push_back({.path = found->place, .except = one.except});
    if (one.except) excepted.push_back(std::move(*found));
  }
  SL_CHECK(add_mounts(tree, places, entries));
  for (const FoundFile& one : excepted) {
    const bool inside = std::any_of(one.above.begin(), one.above.end(), [&](FileNumber number) {
      return is_protected(entries, number);
    });
    if (inside) continue;
    return wrong(readonly_key, concat(readonly_key, ": !", quote(one.place, 200)),
                 "lies in no protected directory");
  }
  return {};
}

}  // namespace

static_assert(SL_FILES == 128 * max_files);
static_assert(SL_PROGRAM_NAMES == 256 * max_names);

Result<LookedUp> resolve(const ContainerTree& tree, const std::vector<SubjectPlan>& subjects,
                         const std::vector<annotations::ProtectedPath>& readonly) {
  LookedUp result;
  Entries entries;
  Programs programs(subjects, entries, result);
  for (const SubjectPlan& subject : subjects) SL_CHECK(add_subject(tree, subject, programs));
  SL_CHECK(add_readonly(tree, readonly, entries, result.named));
  if (entries.size() > max_files) {
    return fail(Exit::unsupported,
                concat(readonly_key, " and subjects: ", entries.size(),
                       " files, directories, links and mounts are involved, and the programs keep ",
                       max_files, " of one container: name fewer paths"),
                {.key = readonly_key});
  }
  if (result.named.size() > max_names) {
    return fail(Exit::unsupported,
                concat(readonly_key, " and subjects: ", result.named.size(),
                       " files are named, and the programs keep ", max_names,
                       " names of one container: name their directories"),
                {.key = readonly_key});
  }
  for (auto& [number, entry] : entries) result.files.push_back(entry);
  std::sort(result.named.begin(), result.named.end(), [](const auto& one, const auto& other) {
    return std::tie(one.directory, one.name) < std::tie(other.directory, other.name);
  });
  return result;
}

}  // namespace socklid
