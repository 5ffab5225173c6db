// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/subjects/subject_fixture.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "annotations/subject.hpp"
#include "tests/kernel/subjects/subject_maps.hpp"

namespace socklid::test {
namespace {

const std::string mount_point = "/sys/fs/cgroup";

[[noreturn]] void give_up(const std::string& what) {
  std::perror(what.c_str());
  std::abort();
}

/// A mount namespace of the test's own, once: what is mounted in it is seen by nobody else.
void own_mounts() {
  static const bool done = [] {
    if (::unshare(CLONE_NEWNS) != 0) give_up("unshare");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) give_up("make private");
    return true;
  }();
  (void)done;
}

std::uint32_t own_mount_namespace() {
  struct stat status {};
  if (::stat("/proc/self/ns/mnt", &status) != 0) give_up("/proc/self/ns/mnt");
  return static_cast<std::uint32_t>(status.st_ino);
}

annotations::Policy parsed(const annotations::Annotations& wanted) {
  auto policy = annotations::parse(wanted);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy ? *policy : annotations::Policy{};
}

[[noreturn]] void become(const Words& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments.front(), arguments.data());
  ::_exit(errno);
}

}  // namespace

UniqueFd open_map(std::string_view name) {
  UniqueFd newest;
  __u32 id = 0;
  while (bpf_map_get_next_id(id, &id) == 0) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (map && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 && info.name == name) {
      newest = std::move(map);
    }
  }
  if (!newest) give_up("no map " + std::string(name));
  return newest;
}

sl_file_key file_key(std::uint64_t cgroup_id, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) give_up(path);
  sl_file_key key{};
  key.cgroup_id = cgroup_id;
  key.inode = status.st_ino;
  key.device = major(status.st_dev) << 20 | minor(status.st_dev);
  return key;
}

SubjectContainer::SubjectContainer(const std::string& name, const annotations::Annotations& wanted)
    : cgroup_(name), root_("/tmp/socklid-" + name), policy_(parsed(wanted)) {
  own_mounts();
  std::filesystem::create_directories(root_);
  if (::mount("none", root_.c_str(), "tmpfs", 0, "mode=755") != 0) give_up("mount " + root_);
}

SubjectContainer::~SubjectContainer() {
  if (guard_) {
    EXPECT_TRUE(guard_->forget(cgroup_.id()));
    links_.reset();
    take_back();
  }
  ::umount2(root_.c_str(), MNT_DETACH);
  ::rmdir(root_.c_str());
}

void SubjectContainer::take_back() {
  const UniqueFd files = open_map("files");
  for (const auto& [key, value] : files_) bpf_map_delete_elem(files.get(), &key);
  const UniqueFd named = open_map("named");
  for (const auto& [key, value] : names_) bpf_map_delete_elem(named.get(), &key);
  const UniqueFd subjects = open_map("subjects");
  const UniqueFd counters = open_map("subject_denials");
  for (const auto& [index, given] : subjects_) {
    const sl_subject_key key{cgroup_.id(), index, 0};
    bpf_map_delete_elem(subjects.get(), &key);
    bpf_map_delete_elem(counters.get(), &key);
  }
}

std::string SubjectContainer::program(const std::string& name) const {
  const std::string path = root_ + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::filesystem::copy_file(SOCKLID_SUBJECT_ACTIONS, path);
  if (::chmod(path.c_str(), 0755) != 0) give_up(path);
  return path;
}

sl_subject& SubjectContainer::subject(std::uint32_t index, const std::string& file,
                                      const annotations::Annotations& wanted) {
  Given& given = subjects_[index];
  given.policy = parsed(wanted);
  const Plan plan = compile(given.policy, {NetnsKind::host, 0});
  given.lists = plan.lists;
  given.subject.policy = plan.image;
  given.subject.policy.cgroup_id = cgroup_.id();
  given.subject.policy.subject = index + 1;
  given.subject.policy.more_flags |= SL_HAS_SUBJECTS;
  given.subject.inherit = SL_LEVELS_ALL;
  if (plan.seal) given.subject.seal = *plan.seal;
  if (!file.empty()) this->file(file, SL_FILE_SELF, 1U << index);
  return given.subject;
}

void SubjectContainer::file(const std::string& path, std::uint32_t flags, std::uint32_t subjects) {
  files_.emplace_back(file_key(cgroup_.id(), path), sl_file{subjects, flags});
  if (guard_) put_in("files", files_.back().first, files_.back().second);
}

void SubjectContainer::name(const std::string& directory, const std::string& name,
                            std::uint32_t subjects) {
  const sl_file_key at = file_key(cgroup_.id(), directory);
  sl_named_key key{};
  key.cgroup_id = at.cgroup_id;
  key.inode = at.inode;
  key.device = at.device;
  name.copy(key.name, sizeof(key.name) - 1);
  names_.emplace_back(key, subjects);
}

void SubjectContainer::enforce() {
  for (const auto& [index, given] : subjects_) {
    annotations::Subject one;
    one.exec = {"/"};
    one.policy = given.policy;
    policy_.subjects.push_back(one);
  }
  policy_.readonly.push_back({.path = root_});
  Plan plan = compile(policy_);
  plan.hooks = needed_hooks(policy_, NetnsKind::own);
  plan.image.more_flags |= SL_HAS_FILES | (subjects_.empty() ? 0 : SL_HAS_SUBJECTS);
  // What the hook would write of them this does itself.
  plan.subjects.clear();
  plan.readonly.clear();
  for (const auto& [index, given] : subjects_) {
    for (PrefixEntry entry : given.lists.prefixes) {
      entry.key.subject = static_cast<__u8>(index + 1);
      plan.lists.prefixes.push_back(entry);
    }
    for (sl_port_key key : given.lists.ports) {
      key.subject = static_cast<__u8>(index + 1);
      plan.lists.ports.push_back(key);
    }
  }
  auto guard = SocketGuard::open(plan.hooks, mount_point);
  ASSERT_TRUE(guard) << guard.error().message;
  guard_.emplace(std::move(*guard));
  for (const auto& [index, given] : subjects_) {
    put_in("subjects", sl_subject_key{cgroup_.id(), index, 0}, given.subject);
    make_counters(sl_subject_key{cgroup_.id(), index, 0});
    if (is_sealed_later(given.subject)) {
      put_in("subject_runs", sl_subject_key{cgroup_.id(), index, 0}, no_runs());
    }
  }
  for (const auto& [key, value] : files_) {
    sl_file all = find_in<sl_file_key, sl_file>("files", key).value_or(sl_file{});
    all.flags |= value.flags;
    all.subjects |= value.subjects;
    put_in("files", key, all);
  }
  for (const auto& [key, value] : names_) put_in("named", key, value);
  put_in("devices", file_key(0, root_).device, std::uint32_t{1});
  auto links = guard_->attach(cgroup_.fd(), plan.hooks);
  ASSERT_TRUE(links) << links.error().message;
  links_.emplace(std::move(*links));
  GuardedContainer guarded{cgroup_.id(), 0, 0};
  guarded.looked_up.mntns = own_mount_namespace();
  const auto written = guard_->write_policy(guarded, plan);
  ASSERT_TRUE(written) << written.error().message;
}

pid_t SubjectContainer::start(const Words& words) const {
  const pid_t child = ::fork();
  if (child != 0) return child;
  cgroup_.join();
  become(words);
}

int SubjectContainer::run(const Words& words) const {
  return exit_of(start(words));
}

std::uint64_t SubjectContainer::denials(sl_reason reason) const {
  const auto counted = guard_->denials(cgroup_.id());
  EXPECT_TRUE(counted);
  return counted ? counted->count[reason] : 0;
}

std::uint64_t SubjectContainer::denials_of(std::uint32_t subject, sl_reason reason) const {
  return counted(sl_subject_key{cgroup_.id(), subject, 0}, reason);
}

void SubjectContainer::seal_by_hand(std::uint32_t index) const {
  const auto open = guard_->open_runs(cgroup_.id(), index);
  ASSERT_TRUE(open) << open.error().message;
  for (const sl_seal_request& one : *open) {
    EXPECT_TRUE(SocketGuard::seal_by_hand(object_hash(), one));
  }
}

std::vector<LiveRun> SubjectContainer::runs() const {
  auto found = guard_->live_runs(cgroup_.id());
  EXPECT_TRUE(found);
  return found ? std::move(*found) : std::vector<LiveRun>();
}

Waiting::Waiting(const SubjectContainer& container, Words words, const Words& then) {
  std::array<int, 2> ready{}, gate{};
  EXPECT_EQ(::pipe(ready.data()), 0);
  EXPECT_EQ(::pipe(gate.data()), 0);
  ::fcntl(gate[1], F_SETFD, FD_CLOEXEC);
  words.insert(words.end(), {"ready", std::to_string(ready[1]), "wait", std::to_string(gate[0])});
  words.insert(words.end(), then.begin(), then.end());
  pid_ = container.start(words);
  ::close(ready[1]);
  ::close(gate[0]);
  gate_ = gate[1];
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
}

Waiting::~Waiting() {
  if (pid_ != 0) {
    EXPECT_EQ(end(), 0);
  }
}

int Waiting::end() {
  ::close(gate_);
  return exit_of(std::exchange(pid_, 0));
}

int exit_of(pid_t child) {
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
    give_up("the program in the container");
  }
  return WEXITSTATUS(status);
}

}  // namespace socklid::test
