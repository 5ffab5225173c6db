// SPDX-License-Identifier: Apache-2.0
//
// Compiled once for all test programs (tests/CMakeLists.txt): most of what compiling a test costs.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>
