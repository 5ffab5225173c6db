# SPDX-License-Identifier: Apache-2.0
#
# The toolchain of the preset arm64: Debian's cross compiler, and that architecture's libraries where
# multiarch puts them. tools/cross makes a tree that has both.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(PKG_CONFIG_EXECUTABLE aarch64-linux-gnu-pkg-config)
