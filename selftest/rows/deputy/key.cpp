// SPDX-License-Identifier: Apache-2.0
//
// Keys that the host is asked for: request_key(2) with something to call out about has the kernel
// run the host's /sbin/request-key, as root and in the host's namespaces. ENOKEY is the answer of a
// host that does not know, ENOENT that of one without such a program (kernel/umh.c): asked it was.
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/keyctl.h>

#include <cerrno>
#include <string>

#include "selftest/rows/deputy/deputy.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/elsewhere.hpp"

namespace socklid::selftest {
namespace {

/// The description is this run's alone: a key that an earlier one has left is not found.
template <const char* type>
Outcome ask(const Scene& scene) {
  const std::string description = "socklid:" + std::string(scene.token.data(), scene.token.size());
  const long key =
      ::syscall(SYS_request_key, type, description.c_str(), "selftest", KEY_SPEC_PROCESS_KEYRING);
  if (key < 0 && errno != ENOKEY && errno != ENOENT) return failed("request_key");
  return {};
}

constexpr char user[] = "user";
constexpr char dns_resolver[] = "dns_resolver";

template <Act act>
Outcome by_nobody(const Scene& scene) {
  return as_nobody(act, scene);
}

template <Act act>
Outcome from_user_namespace(const Scene& scene) {
  return in_user_namespace(act, scene);
}

Row key_row(std::string_view name, Act attempt, const std::vector<std::string_view>& modules = {}) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::key),
          .attempt = attempt,
          .why = "the host's root is asked, in the host's namespaces",
          .modules = modules};
}

}  // namespace

std::vector<Row> deputy_key() {
  return {
      key_row("key: the host is asked", ask<user>),
      key_row("key: the host is asked by nobody", by_nobody<ask<user>>),
      key_row("key: the host is asked from a user namespace", from_user_namespace<ask<user>>),
      key_row("key: the host is asked for a name's address", ask<dns_resolver>, {"dns_resolver"}),
  };
}

}  // namespace socklid::selftest
