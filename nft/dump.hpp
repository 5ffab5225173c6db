// SPDX-License-Identifier: Apache-2.0
//
// nft_dump: questions to nf_tables and their answers, for nft*.cpp.
//
//   for (const std::string& message : SL_TRY(dump(netlink, request, "rules of a table")))
//     use(header_of(message));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "nft/netlink.hpp"

struct nlmsghdr;

namespace socklid {

/// Of every request that is one message.
inline constexpr std::uint32_t only_sequence = 1;

[[nodiscard]] const nlmsghdr* header_of(const std::string& message);

/// Of a request that is no batch. EINVAL: nf_tables is not there and modprobe found none
/// (nfnetlink_rcv_msg), so there is no table either.
[[nodiscard]] bool means_absent(const NetlinkError& error);

/// Exit::nft: what was asked, the kernel's words, the errno and its remedy.
[[nodiscard]] Failure refused(std::string_view what, const NetlinkError& error);

/// The comment in the user data of a table or rule; `type` is NFTNL_UDATA_*_COMMENT.
[[nodiscard]] std::string comment_of(std::uint8_t type, const void* data, std::uint32_t size);

/// For the table `name` alone; its answer is one message.
[[nodiscard]] std::string table_request(const std::string& name);
/// For all rules of the table.
[[nodiscard]] std::string rules_request(const std::string& table);

/// The messages of a dump; none if there is nothing to dump. A dump that changes while it is read
/// is asked for again.
[[nodiscard]] Result<std::vector<std::string>> dump(NetlinkSocket& netlink,
                                                    const std::string& request,
                                                    std::string_view what);

}  // namespace socklid
