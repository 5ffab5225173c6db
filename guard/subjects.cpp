// SPDX-License-Identifier: Apache-2.0
#include "guard/subjects.hpp"

#include <algorithm>
#include <set>

#include "guard/runs.hpp"

namespace socklid {
namespace {

Result<> check(const Result<Put>& written, std::string_view what, std::uint32_t max_entries) {
  if (!written) return wrap(concat("write ", what), written.error());
  if (*written != Put::full) return {};
  return fail(Exit::bpf, "the node's map of ", what, " is full (", max_entries,
              " entries; `socklid doctor` counts): name fewer subjects or protected paths, or stop "
              "containers that have some");
}

template <typename Key, typename Value>
Result<> put_all(const BpfMap<Key, Value>& map, const std::map<Key, Value, ByBytes>& entries,
                 std::string_view what) {
  if (entries.empty()) return {};
  std::vector<Key> keys;
  std::vector<Value> values;
  for (const auto& [key, value] : entries) {
    keys.push_back(key);
    values.push_back(value);
  }
  return check(map.put_all(keys, values), what, map.max_entries());
}

template <typename Key, typename Value>
Result<> take_all(const BpfMap<Key, Value>& map, const std::map<Key, Value, ByBytes>& entries,
                  const std::map<Key, Value, ByBytes>& staying) {
  for (const auto& [key, value] : entries) {
    if (!staying.contains(key)) SL_CHECK(map.erase(key));
  }
  return {};
}

template <typename Key, typename Value>
Result<> read_all(const BpfMap<Key, Value>& map, std::uint64_t cgroup_id,
                  std::map<Key, Value, ByBytes>& into) {
  return map.for_each([&](const Key& key, const Value& value) {
    if (key.cgroup_id == cgroup_id) into.emplace(key, value);
  });
}

/// Keys of one that the other lacks, or has otherwise; both ways.
template <typename Entries>
std::size_t count_differences(const Entries& one, const Entries& other) {
  std::size_t count = 0;
  for (const auto& [key, value] : one) {
    const auto found = other.find(key);
    count += found == other.end() || std::memcmp(&found->second, &value, sizeof(value)) != 0;
  }
  for (const auto& [key, value] : other) count += !one.contains(key);
  return count;
}

std::set<__u32> devices_of(const SubjectEntries& entries) {
  std::set<__u32> devices;
  for (const auto& [key, value] : entries.files) devices.insert(key.device);
  return devices;
}

/// Those of file systems on which only `entries` without `staying` are files.
Result<> drop_devices(const SubjectMaps& maps, const SubjectEntries& entries,
                      const SubjectEntries& staying) {
  std::set<__u32> devices = devices_of(entries);
  if (devices.empty()) return {};
  SL_CHECK(maps.files.for_each([&](const sl_file_key& key, const sl_file& /*file*/) {
    if (!entries.files.contains(key) || staying.files.contains(key)) devices.erase(key.device);
  }));
  for (const __u32 device : devices) SL_CHECK(maps.devices.erase(device));
  return {};
}

sl_subject_key key_of(std::uint64_t cgroup_id, std::uint32_t index) {
  return {.cgroup_id = cgroup_id, .index = index, .pad = 0};
}

void set_clock(sl_hours& hours, const LookedUp& looked_up, std::uint32_t index) {
  if (hours.windows == 0) return;
  hours.tai_offset = looked_up.tai_offset;
  for (const SubjectZone& zone : looked_up.zones) {
    if (zone.subject != index) continue;
    for (const ZoneChange& change : zone.changes) {
      if (hours.zones == SL_HOURS_ZONES) break;
      hours.zone[hours.zones].from = change.from;
      hours.zone[hours.zones].offset = change.offset;
      hours.zones++;
    }
  }
}

/// Of the container's own policy as it is written.
void set_place(sl_policy& subject, const sl_policy& container) {
  subject.cgroup_id = container.cgroup_id;
  subject.generation = container.generation;
  subject.netns = container.netns;
  subject.first_start = container.first_start;
  subject.first_pid = container.first_pid;
  subject.pid_namespace = container.pid_namespace;
  subject.home = container.home;
  subject.host = container.host;
  subject.mntns = container.mntns;
}

bool same_subject(sl_subject found, const sl_subject& wanted) {
  if (!same_policy(found.policy, wanted.policy)) return false;
  found.policy = wanted.policy;
  return std::memcmp(&found, &wanted, sizeof(found)) == 0;
}

Result<> compare_subjects(const SubjectMaps& maps, const SubjectEntries& found,
                          const SubjectEntries& wanted, const Plan& plan, std::uint64_t cgroup_id,
                          std::vector<std::string>& all) {
  for (const SubjectPlan& subject : plan.subjects) {
    const sl_subject_key key = key_of(cgroup_id, subject.index);
    const auto there = found.subjects.find(key);
    const std::string name = "subject " + subject.name + ": ";
    if (there == found.subjects.end()) {
      all.push_back(name + "not there");
    } else if (!same_subject(there->second, wanted.subjects.at(key))) {
      all.push_back(name + "another than the record's");
    }
    if (!SL_TRY(maps.denials.find(key))) all.push_back(name + "counters: not there");
    if (is_sealed_later(subject.image) && !SL_TRY(maps.runs.find(key))) {
      all.push_back(name + "its runs: not there, which counts as sealed");
    }
  }
  for (const auto& [key, subject] : found.subjects) {
    if (!wanted.subjects.contains(key)) all.emplace_back("a subject that the record has not");
  }
  return {};
}

void compare_programs(const SubjectEntries& found, const SubjectEntries& wanted, const Plan& plan,
                      const LookedUp& looked_up, std::uint64_t cgroup_id,
                      std::vector<std::string>& all) {
  for (const ProgramFile& program : looked_up.programs) {
    const sl_file_key key = {.cgroup_id = cgroup_id,
                             .inode = program.number.inode,
                             .device = program.number.device,
                             .pad = 0};
    const auto there = found.files.find(key);
    const auto should = wanted.files.find(key);
    if (should == wanted.files.end()) continue;
    if (there != found.files.end() && there->second.subjects == should->second.subjects) continue;
    for (const SubjectPlan& subject : plan.subjects) {
      if (subject.index == program.subject) {
        all.push_back("subject " + subject.name + ": its program " + program.path);
      }
    }
  }
}

}  // namespace

bool same_policy(sl_policy found, const sl_policy& wanted) {
  found.generation = wanted.generation;
  if (found.first_start == 0 && found.first_pid == 0 && found.pid_namespace == 0) {
    found.first_start = wanted.first_start;
    found.first_pid = wanted.first_pid;
    found.pid_namespace = wanted.pid_namespace;
  }
  found.flags &= ~SL_COMPARE_MARKS;
  return std::memcmp(&found, &wanted, sizeof(found)) == 0;
}

bool has_entries(const Plan& plan) {
  return !plan.subjects.empty() || !plan.readonly.empty();
}

SubjectEntries entries_of(const Plan& plan, const LookedUp& looked_up, const sl_policy& policy) {
  SubjectEntries entries;
  for (const SubjectPlan& subject : plan.subjects) {
    sl_subject image = subject.image;
    set_place(image.policy, policy);
    set_clock(image.hours, looked_up, subject.index);
    entries.subjects.emplace(key_of(policy.cgroup_id, subject.index), image);
  }
  for (const FileEntry& file : looked_up.files) {
    entries.files.emplace(sl_file_key{.cgroup_id = policy.cgroup_id,
                                      .inode = file.number.inode,
                                      .device = file.number.device,
                                      .pad = 0},
                          sl_file{.subjects = file.subjects, .flags = file.flags});
  }
  for (const NamedEntry& named : looked_up.named) {
    sl_named_key key{};
    key.cgroup_id = policy.cgroup_id;
    key.inode = named.directory.inode;
    key.device = named.directory.device;
    named.name.copy(key.name, sizeof(key.name) - 1);
    entries.named.emplace(key, named.subjects);
  }
  return entries;
}

EndpointLists all_lists(const Plan& plan) {
  EndpointLists all = plan.lists;
  for (const SubjectPlan& subject : plan.subjects) {
    all.prefixes.insert(all.prefixes.end(), subject.lists.prefixes.begin(),
                        subject.lists.prefixes.end());
    all.ports.insert(all.ports.end(), subject.lists.ports.begin(), subject.lists.ports.end());
  }
  return all;
}

Result<SubjectEntries> read_entries(const SubjectMaps& maps, std::uint64_t cgroup_id) {
  SubjectEntries entries;
  SL_CHECK(read_all(maps.files, cgroup_id, entries.files));
  SL_CHECK(read_all(maps.named, cgroup_id, entries.named));
  SL_CHECK(read_all(maps.subjects, cgroup_id, entries.subjects));
  return entries;
}

Result<> put_entries(const SubjectMaps& maps, const SubjectEntries& entries) {
  // In the order in which forget_entries() finds them again, if we are killed.
  SL_CHECK(put_all(maps.subjects, entries.subjects, "subjects"));
  for (const auto& [key, subject] : entries.subjects) {
    SL_CHECK(check(maps.denials.add(key, sl_denials{}), "subjects' counters",
                   maps.denials.max_entries()));
    if (!is_sealed_later(subject)) continue;
    SL_CHECK(check(maps.runs.add(key, no_runs()), "runs of subjects", maps.runs.max_entries()));
  }
  SL_CHECK(put_all(maps.files, entries.files, "files"));
  SL_CHECK(put_all(maps.named, entries.named, "names of programs"));
  for (const __u32 device : devices_of(entries)) {
    SL_CHECK(check(maps.devices.put(device, 1), "file systems", maps.devices.max_entries()));
  }
  return {};
}

Result<> take_entries(const SubjectMaps& maps, const SubjectEntries& entries,
                      const SubjectEntries& staying) {
  SL_CHECK(drop_devices(maps, entries, staying));
  SL_CHECK(take_all(maps.named, entries.named, staying.named));
  SL_CHECK(take_all(maps.files, entries.files, staying.files));
  for (const auto& [key, subject] : entries.subjects) {
    if (staying.subjects.contains(key)) continue;
    SL_CHECK(maps.denials.erase(key));
    SL_CHECK(maps.runs.erase(key));
  }
  return take_all(maps.subjects, entries.subjects, staying.subjects);
}

Result<> forget_entries(const SubjectMaps& maps, std::uint64_t cgroup_id) {
  const auto entries = read_entries(maps, cgroup_id);
  if (!entries) return wrap("look for the container's subjects", entries.error());
  auto done = take_entries(maps, *entries);
  if (!done) return wrap("take the container's subjects out of the node's maps", done.error());
  // The programs leave it at 0, and make it anew if a task is left.
  return maps.task_counts.erase(cgroup_id);
}

Result<std::vector<std::string>> differences(const SubjectMaps& maps, const SubjectEntries& wanted,
                                             const Plan& plan, const LookedUp& looked_up,
                                             std::uint64_t cgroup_id) {
  std::vector<std::string> all;
  const SubjectEntries found = SL_TRY(read_entries(maps, cgroup_id));
  SL_CHECK(compare_subjects(maps, found, wanted, plan, cgroup_id, all));
  compare_programs(found, wanted, plan, looked_up, cgroup_id, all);
  const auto tell = [&all](std::size_t count, std::string_view what) {
    if (count != 0) all.push_back(concat(count, what));
  };
  tell(count_differences(wanted.files, found.files), " entries of the protected files");
  tell(count_differences(wanted.named, found.named), " names of subjects' programs");
  std::size_t devices = 0;
  for (const __u32 device : devices_of(wanted)) devices += !SL_TRY(maps.devices.find(device));
  tell(devices, " file systems with protected files");
  return all;
}

}  // namespace socklid
