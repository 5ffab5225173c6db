// SPDX-License-Identifier: Apache-2.0
#include "guard/tasks.hpp"

#include <fcntl.h>
#include <sys/random.h>

#include <array>

#include "base/unique_fd.hpp"
#include "bpf/tasks/search_abi.h"
#include "guard/guard.hpp"
#include "guard/maps.hpp"
#include "guard/pins.hpp"
#include "system/bpf_calls.hpp"
#include "system/lock.hpp"

namespace socklid {
namespace {

/// For how long a look waits for those of others, each of which goes once through the node's tasks.
constexpr std::int64_t wait_seconds = 20;

struct Search {
  UniqueFd lock;  ///< the build's directory: what is looked for is in one map for all
  BpfMap<__u32, sl_search> map;
  UniqueFd link;
};

Result<Search> open_search() {
  const std::string directory = pins::directory(object_hash());
  Search search;
  search.lock.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!search.lock) return fail_errno(Exit::bpf, "open " + directory);
  SL_CHECK(lock_file(search.lock.get(), directory, Deadline::after_seconds(wait_seconds)));
  UniqueFd map = SL_TRY(get_pin(directory + "/" + pins::search));
  search.map = SL_TRY((BpfMap<__u32, sl_search>::of(std::move(map))));
  const UniqueFd program = SL_TRY(get_pin(directory + "/" + pins::find_tasks));
  search.link.reset(bpf::attach(program.get(), 0, BPF_TRACE_ITER));
  if (!search.link) return fail_errno(Exit::bpf, "make an iterator over the node's tasks");
  return search;
}

Result<std::uint64_t> new_nonce() {
  std::uint64_t nonce = 0;
  if (::getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) {
    return fail_errno(Exit::internal, "get a random number");
  }
  return nonce;
}

Result<std::vector<sl_found>> read_all(int iterator) {
  std::vector<sl_found> all;
  // The kernel hands over whole records only as long as there is room for one.
  std::array<sl_found, 256> some{};
  while (true) {
    const ssize_t bytes = ::read(iterator, some.data(), sizeof(some));
    if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (bytes < 0) return fail_errno(Exit::bpf, "look at the node's tasks");
    if (bytes == 0) return all;
    if (static_cast<std::size_t>(bytes) % sizeof(sl_found) != 0) {
      return fail(Exit::bpf, "look at the node's tasks: half a record");
    }
    all.insert(all.end(), some.begin(),
               some.begin() + bytes / static_cast<ssize_t>(sizeof(sl_found)));
  }
}

Result<std::vector<pid_t>> search_for(sl_search wanted) {
  const Search search = SL_TRY(open_search());
  wanted.nonce = SL_TRY(new_nonce());
  if (const auto put = search.map.put(0, wanted); !put) {
    return wrap("say which tasks to look for", put.error());
  }
  const UniqueFd iterator(bpf::make_iterator(search.link.get()));
  if (!iterator) return fail_errno(Exit::bpf, "make an iterator over the node's tasks");
  std::vector<pid_t> pids;
  for (const sl_found& found : SL_TRY(read_all(iterator.get()))) {
    if (found.nonce != wanted.nonce) {
      return fail(Exit::bpf, "look at the node's tasks: another look came between");
    }
    if (found.pid == 0) return pids;
    pids.push_back(static_cast<pid_t>(found.pid));
  }
  return fail(Exit::bpf, "look at the node's tasks: the program did not reach the end");
}

}  // namespace

Result<std::vector<pid_t>> processes_outside(std::uint64_t netns, std::uint64_t own) {
  const sl_search wanted{.nonce = 0,
                         .own_cgroup = own,
                         .netns = static_cast<std::uint32_t>(netns),
                         .flags = SL_SEARCH_OTHERS};
  return search_for(wanted);
}

Result<std::optional<std::vector<pid_t>>> processes_in(std::uint64_t netns) {
  if (!SocketGuard::is_loaded()) return std::optional<std::vector<pid_t>>();
  const sl_search wanted{
      .nonce = 0, .own_cgroup = 0, .netns = static_cast<std::uint32_t>(netns), .flags = 0};
  return std::optional(SL_TRY(search_for(wanted)));
}

}  // namespace socklid
