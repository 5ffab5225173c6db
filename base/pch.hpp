// SPDX-License-Identifier: Apache-2.0
//
// What most files include, compiled once where SOCKLID_PRECOMPILED says so. No file includes it.
//
// It names headers of the system alone. A header of ours begins with `#pragma once`, which GCC
// knows in a precompiled header by the file's MD5 (libcpp/files.cc); ccache hands out one that was
// made before a comment changed, and then the header is read twice.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
