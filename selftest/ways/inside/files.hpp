// SPDX-License-Identifier: Apache-2.0
//
// files: what attempts on files of the container share (selftest/arena/root.hpp).
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

/// What a call has answered: success, or the step with errno.
[[nodiscard]] Outcome done(std::string_view step, long answer);

/// Opens the container's file by open(2) and closes it again.
[[nodiscard]] Outcome open_once(const Scene& scene, std::string_view path, int flags);

/// The least access list that is more than a mode (acl(5)), as the value of
/// system.posix_acl_access: version 2; u:: u:0 g:: m:: o::
/// (include/uapi/linux/posix_acl_xattr.h).
inline constexpr std::array<unsigned char, 44> access_list{
    2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,   6,  0, 0, 0, 0,   0,   4,   0,
    4, 0, 255, 255, 255, 255, 16, 0, 6,   0,   255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255};

/// Gives the file that list. False with errno.
[[nodiscard]] bool set_access_list(const std::string& path);

/// mount(2) of the container's file over another of its files, and away again if that worked.
[[nodiscard]] Outcome bind_over(const Scene& scene, std::string_view what, std::string_view where,
                                unsigned long flags = 0);
/// The same, and it stays.
[[nodiscard]] bool bind_there(const Scene& scene, std::string_view what, std::string_view where);
/// A mount namespace of the task's own.
[[nodiscard]] bool own_mounts();

}  // namespace socklid::selftest
