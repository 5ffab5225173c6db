// SPDX-License-Identifier: Apache-2.0
//
// Every policy that can be given, but for what its lists name, in every kind of namespace. Fails
// when a hook is attached that nothing of the policy needs, or is missing; and when explain names a
// key without which the hook would be needed all the same, or leaves one out.
#include "plan/kernel_hooks.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <set>
#include <vector>

#include "annotations/policy.hpp"
#include "base/text.hpp"
#include "plan/plan.hpp"

namespace socklid {
namespace {

using annotations::Endpoint;
using annotations::Family;
using annotations::Key;
using annotations::Keys;
using annotations::Mark;
using annotations::Policy;
using annotations::Protocol;
using annotations::Verdict;

/// Which values the keys have that were given, where values make a difference to hooks.
struct Values {
  bool connect_names_sctp{false};
  bool egress_names_sctp{false};
  bool families_write_routes{false};
  annotations::Seal::Kind seal{};
  annotations::Deputies deputies{};
  Verdict bpf{};
};

std::vector<Endpoint> list(bool names_sctp) {
  return {{names_sctp ? Protocol::sctp : Protocol::tcp, {}, {}}};
}

constexpr Key all_keys[] = {Key::create,    Key::create_tcp, Key::create_udp, Key::families,
                            Key::options,   Key::connect,    Key::bind,       Key::listen,
                            Key::accept,    Key::shutdown,   Key::mark,       Key::egress,
                            Key::otherwise, Key::seal,       Key::deputies,   Key::bpf};
constexpr Keys tried = [] {
  Keys keys;
  for (const Key key : all_keys) keys |= Keys{key};
  return keys;
}();
constexpr std::size_t key_count = std::size(all_keys);
constexpr std::size_t policy_count = std::size_t{1} << key_count;

bool has(std::size_t given, Key key) {
  return (given >> static_cast<std::size_t>(key) & 1) != 0;
}

Policy policy_of(std::size_t given, const Values& values) {
  const auto verdict = [&](Key key) { return has(given, key) ? Verdict::deny : Verdict::allow; };
  Policy policy;
  policy.create = verdict(Key::create);
  policy.create_tcp = verdict(Key::create_tcp);
  policy.create_udp = verdict(Key::create_udp);
  policy.listen = verdict(Key::listen);
  policy.accept = verdict(Key::accept);
  policy.shutdown = verdict(Key::shutdown);
  if (has(given, Key::families)) {
    policy.families.emplace();
    if (values.families_write_routes) {
      policy.families->push_back({Family::Kind::netlink_protocol, NETLINK_ROUTE});
    }
  }
  policy.options.transparent = has(given, Key::options);
  if (has(given, Key::connect)) policy.connect = list(values.connect_names_sctp);
  if (has(given, Key::bind)) policy.bind.emplace();
  if (has(given, Key::mark)) policy.mark = Mark{3, annotations::default_mark_mask};
  if (has(given, Key::egress)) policy.egress = list(values.egress_names_sctp);
  if (has(given, Key::otherwise)) policy.otherwise = annotations::Otherwise::drop;
  if (has(given, Key::seal)) policy.seal.kind = values.seal;
  if (has(given, Key::deputies)) policy.deputies = values.deputies;
  if (has(given, Key::bpf)) policy.bpf = values.bpf;
  return policy;
}

/// As the parser has it: `otherwise` stands beside `egress`, `options` and `deputies` beside a key
/// that closes some, and a seal has something to hold back.
bool can_be_given(std::size_t given) {
  constexpr Key held_back[] = {Key::create, Key::create_tcp, Key::create_udp, Key::connect,
                               Key::bind,   Key::listen,     Key::accept,     Key::shutdown};
  const bool holds_back = std::any_of(std::begin(held_back), std::end(held_back),
                                      [&](Key key) { return has(given, key); });
  constexpr Key restricting[] = {Key::create,  Key::create_tcp, Key::create_udp, Key::families,
                                 Key::connect, Key::bind,       Key::egress};
  const bool closes = std::any_of(std::begin(restricting), std::end(restricting),
                                  [&](Key key) { return has(given, key); });
  return (!has(given, Key::otherwise) || has(given, Key::egress)) &&
         ((!has(given, Key::options) && !has(given, Key::deputies)) || closes) &&
         (!has(given, Key::seal) || holds_back);
}

using Needed = std::bitset<hook_count>;

/// What each hook is needed for, as conditions instead of keys.
Needed model(const Policy& policy, NetnsKind netns) {
  using Kind = annotations::Seal::Kind;
  const bool creates = policy.create == Verdict::deny || policy.create_tcp == Verdict::deny ||
                       policy.create_udp == Verdict::deny;
  const bool rules = policy.egress && netns != NetnsKind::host;
  const bool restricted =
      creates || policy.connect || policy.bind || policy.egress || policy.families;
  const bool peers = restricted || policy.mark;
  const bool ports = creates || policy.bind || rules;
  const auto names_sctp = [](const std::vector<Endpoint>& endpoints) {
    return endpoints == list(true);
  };
  const bool sctp_is_open =
      policy.connect ? names_sctp(*policy.connect) : policy.egress && names_sctp(*policy.egress);
  const bool reroutes = restricted && !(policy.families && !policy.families->empty());
  const bool opens_bpf = policy.bpf == Verdict::allow;
  Policy but_bpf = policy;
  if (opens_bpf) but_bpf.bpf.reset();
  const bool any = but_bpf != Policy{};
  Needed needed;
  const auto set = [&](Hook hook, bool is) { needed[index_of(hook)] = is; };
  set(Hook::socket_create, restricted);
  set(Hook::socket_post_create, policy.mark || rules);
  set(Hook::socket_bind, ports);
  set(Hook::socket_connect, peers);
  set(Hook::socket_sendmsg, peers);
  set(Hook::socket_listen, ports || policy.listen == Verdict::deny);
  set(Hook::socket_accept, policy.accept == Verdict::deny || policy.bind);
  set(Hook::socket_setsockopt, peers);
  set(Hook::inet_egress, policy.egress.has_value());
  set(Hook::inet_egress_labels, peers && !rules);
  set(Hook::sk_getsecid, peers && !rules);
  set(Hook::inet_ingress, policy.egress.has_value());
  set(Hook::group_join, policy.egress && !policy.egress->empty());
  set(Hook::sock_ops, policy.seal.kind == Kind::listen);
  set(Hook::socket_shutdown, policy.shutdown == Verdict::deny);
  set(Hook::netlink_send, restricted);
  set(Hook::bpf, any && !opens_bpf);
  set(Hook::bpf_prog, any && !opens_bpf);
  set(Hook::file_ioctl, reroutes || (any && !opens_bpf));
  set(Hook::file_ioctl_compat, reroutes || (any && !opens_bpf));
  set(Hook::sysctl, restricted && !policy.deputies.sysctl);
  set(Hook::inode_mkdir, restricted && !policy.deputies.sysfs);
  set(Hook::inode_symlink, restricted && !policy.deputies.sysfs);
  set(Hook::key_alloc, restricted && !policy.deputies.keys);
  set(Hook::sb_mount, restricted && !policy.deputies.mounts);
  set(Hook::fs_context_parse_param, restricted && !policy.deputies.mounts);
  set(Hook::sb_kern_mount, restricted && !policy.deputies.mounts);
  set(Hook::kernel_module_request, restricted);
  set(Hook::file_open, any);
  set(Hook::task_alloc, any);
  set(Hook::sctp_bind_connect, sctp_is_open && (policy.bind || policy.connect));
  set(Hook::sock_graft, policy.seal.kind == Kind::accept);
  set(Hook::bprm_committed_creds, policy.seal.kind == Kind::after);
  return needed;
}

/// Whether the key takes from others what they need a hook for, and leaves the hook: what is behind
/// it without that key is another question.
bool opens(Key key, const Values& values) {
  return key == Key::bpf && values.bpf == Verdict::allow;
}

/// For each set of keys the keys behind each hook: those that make the difference in a policy of
/// some of these keys and of what opens. From the model alone.
class Truth {
 public:
  Truth(const Values& values, NetnsKind netns) : needed_(policy_count), behind_(policy_count) {
    for (std::size_t given = 0; given < policy_count; ++given) {
      needed_[given] = model(policy_of(given, values), netns);
      for (std::size_t key = 0; key < key_count; ++key) {
        if (!has(given, static_cast<Key>(key)) || opens(static_cast<Key>(key), values)) continue;
        compare(given, given & ~(std::size_t{1} << key), key);
      }
    }
  }

  /// Whether these are the keys behind the hook; asked some thirty million times.
  [[nodiscard]] bool agrees(std::size_t given, std::size_t hook, const Keys& keys) const {
    return keys.empty() != needed_[given][hook] && (keys & tried) == keys &&
           std::all_of(std::begin(all_keys), std::end(all_keys),
                       [&](Key key) { return keys.has(key) == is_behind(given, hook, key); });
  }
  [[nodiscard]] Keys behind(std::size_t given, std::size_t hook) const {
    Keys keys;
    for (const Key key : all_keys) {
      if (is_behind(given, hook, key)) keys |= Keys{key};
    }
    return keys;
  }

 private:
  [[nodiscard]] bool is_behind(std::size_t given, std::size_t hook, Key key) const {
    return needed_[given][hook] && behind_[given][static_cast<std::size_t>(key)][hook];
  }

  void compare(std::size_t given, std::size_t without, std::size_t key) {
    for (std::size_t other = 0; other < key_count; ++other) {
      behind_[given][other] |= behind_[without][other];
    }
    if (can_be_given(given) && can_be_given(without)) {
      behind_[given][key] |= needed_[given] & ~needed_[without];
    }
  }

  std::vector<Needed> needed_;
  std::vector<std::array<Needed, key_count>> behind_;  ///< for which hooks, by key
};

std::vector<Values> all_values() {
  using Kind = annotations::Seal::Kind;
  std::vector<Values> all;
  // The seal, what is open of deputies and bpf(2) ask nothing of each other, nor of the lists.
  for (unsigned bits = 0; bits < 8; ++bits) {
    all.push_back({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, Kind::manual});
  }
  all.push_back({.seal = Kind::listen, .deputies = {.keys = true}, .bpf = Verdict::allow});
  all.push_back({.seal = Kind::accept, .deputies = {.mounts = true, .sysctl = true}});
  all.push_back({.seal = Kind::after, .deputies = {.sysfs = true}, .bpf = Verdict::allow});
  return all;
}

template <typename Check>
void for_each_policy(const Check& check) {
  for (const NetnsKind netns : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
    for (const Values& values : all_values()) {
      const Truth truth(values, netns);
      for (std::size_t given = 0; given < policy_count; ++given) {
        if (!can_be_given(given)) continue;
        check(policy_of(given, values), netns, truth, given);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(KernelHooks, AreNeededForWhatIsAskedAndHaveExactlyTheKeysBehindThem) {
  for_each_policy([](const Policy& policy, NetnsKind netns, const Truth& truth, std::size_t given) {
    const Causes all = causes(policy, netns);
    for (const Hook hook : every_hook()) {
      const std::size_t index = index_of(hook);
      if (truth.agrees(given, index, all[index])) continue;
      FAIL() << name(hook) << " " << name_of(netns) << ": " << joined(all[index].names(), ", ")
             << " instead of " << joined(truth.behind(given, index).names(), ", ") << "\n"
             << to_string(policy);
    }
  });
}

TEST(KernelHooks, OfAPlanAreThoseWithAKeyBehindThem) {
  const Values values{.egress_names_sctp = true, .seal = annotations::Seal::Kind::accept};
  for (const NetnsKind netns : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
    for (std::size_t given = 0; given < policy_count; ++given) {
      const Policy policy = policy_of(given, values);
      const Causes all = causes(policy, netns);
      Hooks hooks;
      for (const Hook hook : every_hook()) {
        if (!all[index_of(hook)].empty()) hooks.push_back(hook);
      }
      ASSERT_EQ(compile(policy, {netns, 0}).hooks, hooks) << to_string(policy);
    }
  }
}

TEST(KernelHooks, AreCountedByTheirRows) {
  std::set<std::string_view> names;
  for (const HookInfo& row : hook_table) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.purpose.empty()) << row.name;
  }
  EXPECT_EQ(names.size(), hook_count);
  EXPECT_EQ(every_hook().size(), hook_count);
  // CGROUP_LSM_NUM (include/linux/bpf-cgroup-defs.h) less one for others.
  EXPECT_LE(lsm_slot_count, 9U);
}

}  // namespace
}  // namespace socklid
