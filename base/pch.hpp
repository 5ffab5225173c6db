// SPDX-License-Identifier: Apache-2.0
//
// What most files include, compiled once where SOCKLID_PRECOMPILED says so. No file includes it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
