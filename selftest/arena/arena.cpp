// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/arena.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "hook/hook.hpp"
#include "node/container_state.hpp"
#include "selftest/arena/cgroup_tree.hpp"
#include "system/files.hpp"

namespace socklid::selftest {
namespace {

constexpr std::string_view prefix = "socklid-selftest-";
constexpr std::string_view files_above = "/run/";

/// Nothing is mounted there but in namespaces of containers.
void remove_files(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

/// What runs have left that were killed: nobody holds the lock of their cgroup.
Result<> remove_leftovers(const CgroupMount& mount) {
  const UniqueFd top = open_directory(mount.point);
  if (!top) return fail_errno(Exit::cgroup, "open " + mount.point);
  for (const std::string& name : SL_TRY(list_directory(top.get()))) {
    if (!name.starts_with(prefix)) continue;
    const std::string path = mount.point + "/" + name;
    const UniqueFd directory = open_directory(path);
    if (!directory || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) continue;
    SL_CHECK(empty_cgroup(path));
    SL_CHECK(remove_cgroup(path));
    remove_files(concat(files_above, name));
  }
  return {};
}

void keep_first(Result<>& first, Result<> done) {
  if (first && !done) first = std::move(done);
}

}  // namespace

Result<ArenaDirectory> ArenaDirectory::open(MakeNode make_node) {
  ArenaDirectory directory;
  directory.make_node_ = std::move(make_node);
  directory.mount_ = SL_TRY(find_cgroup_mount());
  SL_CHECK(remove_leftovers(directory.mount_));
  directory.name_ = std::string(prefix) + std::to_string(::getpid());
  const std::string path = directory.mount_.point + "/" + directory.name_;
  SL_CHECK(make_cgroup(path));
  directory.path_ = path;
  directory.files_ = concat(files_above, directory.name_);
  directory.lock_ = open_directory(path);
  if (!directory.lock_ || ::flock(directory.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_errno(Exit::cgroup, "lock the cgroup " + path);
  }
  return directory;
}

ArenaDirectory::~ArenaDirectory() {
  if (path_.empty() || !lock_) return;
  (void)remove_cgroup(path_);
  remove_files(files_);
}

Result<std::unique_ptr<Arena>> Arena::make(const ArenaDirectory& directory, std::string_view name,
                                           const annotations::Annotations& annotations,
                                           bool own_files) {
  std::unique_ptr<Arena> arena(new Arena(directory));
  arena->id_ = directory.name() + "-" + std::string(name);
  // Named after the container, as the runtimes' are: that is how the hook knows it.
  arena->cgroup_ = directory.path() + "/" + arena->id_;
  arena->outside_ = directory.path() + "/beside-" + std::string(name);
  if (own_files) {
    arena->root_ = SL_TRY(Root::make(directory.files() + "/" + std::string(name)));
  }
  const auto done = arena->set_up(annotations);
  if (done) return arena;
  (void)arena->close();
  return wrap("a place to try in", done.error());
}

Result<> Arena::set_up(const annotations::Annotations& annotations) {
  SL_CHECK(make_cgroup(cgroup_));
  SL_CHECK(make_cgroup(outside_));
  network_ = SL_TRY(make_network());
  receiver_ = SL_TRY(Receiver::open(network_));
  broker_ = SL_TRY(BrokerProcess::start({&network_, outside_, directory_->path()}));
  SL_CHECK(hold());
  return annotations.empty() ? Result<>{} : apply(annotations);
}

Result<> Arena::hold() {
  const UniqueFd procs = SL_TRY(open_procs(cgroup_));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(Exit::internal, "pipe");
  UniqueFd ready(ends[0]);
  UniqueFd tell(ends[1]);
  holder_ = SL_TRY(Child::start([&] {
    const bool there = ::setns(network_.inside.fd.get(), CLONE_NEWNET) == 0 &&
                       (!root_ || root_->mount()) && ::write(procs.get(), "0", 1) == 1;
    if (!there || ::write(tell.get(), "y", 1) != 1) return 1;
    for (;;) ::pause();
  }));
  tell.reset();
  char answer = 'n';
  if (::read(ready.get(), &answer, 1) == 1) {
    return root_ ? root_->open(holder_->pid()) : Result<>{};
  }
  return fail(Exit::cgroup, "no process can be put into the cgroup ", cgroup_);
}

Result<> Arena::apply(const annotations::Annotations& annotations) {
  if (root_) SL_CHECK(root_->configure(annotations));
  const std::unique_ptr<Node> node = directory_->node();
  const ContainerState state{.id = id_,
                             .status = "created",
                             .pid = holder_->pid(),
                             .bundle = root_ ? root_->bundle() : std::string(),
                             .annotations = annotations};
  SL_CHECK(create(*node, state));
  under_policy_ = true;
  const UniqueFd directory = open_directory(cgroup_);
  const std::uint64_t id = SL_TRY(cgroup_id(directory.get()));
  std::vector<std::uint32_t> subjects = SL_TRY(subjects_of(annotations));
  counters_ = SL_TRY(Counters::open(id, network_.inside, std::move(subjects)));
  return {};
}

Result<> Arena::take_off() {
  if (!std::exchange(under_policy_, false)) return {};
  const std::unique_ptr<Node> node = directory_->node();
  const std::vector<Error> errors = remove(
      *node,
      ContainerState{.id = id_, .status = "stopped", .pid = 0, .bundle = {}, .annotations = {}});
  return errors.empty() ? Result<>{} : fail(errors.front().exit, errors.front().message);
}

Result<> Arena::clear() {
  SL_CHECK(empty_cgroup(cgroup_, holder_->pid()));
  SL_CHECK(empty_cgroup(outside_));
  return remove_cgroup(cgroup_, true);
}

Result<> Arena::close() {
  if (!std::exchange(open_, false)) return {};
  Result<> first;
  holder_.reset();
  keep_first(first, empty_cgroup(cgroup_));
  keep_first(first, empty_cgroup(outside_));
  keep_first(first, take_off());
  keep_first(first, remove_cgroup(cgroup_));
  keep_first(first, remove_cgroup(outside_));
  // The receiver refers to the network, and the broker to both.
  broker_.reset();
  receiver_.reset();
  network_ = Network{};
  return first;
}

Arena::~Arena() {
  (void)close();
}

}  // namespace socklid::selftest
