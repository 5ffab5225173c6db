// SPDX-License-Identifier: Apache-2.0
#include "command/node/rehearsal.hpp"

#include <sched.h>

#include "nft/modules.hpp"
#include "nft/nft.hpp"
#include "system/child.hpp"

namespace socklid::command {

Result<> rehearse_rules() {
  return in_child([]() -> Result<> {
    if (::unshare(CLONE_NEWNET) != 0) return fail_errno(Exit::nft, "make a network namespace");
    NetlinkSocket netlink = SL_TRY(NetlinkSocket::open());
    const NftRuleset rules = every_rule();
    SL_CHECK(install(netlink, rules));
    return uninstall(netlink, rules.table);
  });
}

}  // namespace socklid::command
