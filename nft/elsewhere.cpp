// SPDX-License-Identifier: Apache-2.0
//
// nft/nft.hpp for a program without nft: what would need it has been handed over before
// (hook/handover.hpp), so that each of these is a bug, and an error.
#include "nft/nft.hpp"

namespace socklid {
namespace {

Failure not_here() {
  return fail(Exit::internal, "nft rules are for socklid-hook-rules, and were not handed over");
}

}  // namespace

bool has_nft() {
  return false;
}
Result<NetlinkSocket> NetlinkSocket::open_in(const NetnsRef& /*netns*/) {
  return not_here();
}
Result<> install(NetlinkSocket& /*netlink*/, const NftRuleset& /*ruleset*/) {
  return not_here();
}
Result<> uninstall(NetlinkSocket& /*netlink*/, const std::string& /*table*/) {
  return not_here();
}
Result<> uninstall_if(NetlinkSocket& /*netlink*/, const std::string& /*table*/,
                      const std::function<bool(const std::string&)>& /*is_wanted*/) {
  return not_here();
}
Result<std::optional<std::string>> owner(NetlinkSocket& /*netlink*/, const std::string& /*table*/) {
  return not_here();
}
Result<std::vector<Table>> tables(NetlinkSocket& /*netlink*/) {
  return not_here();
}

}  // namespace socklid
