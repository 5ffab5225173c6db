# SPDX-License-Identifier: Apache-2.0
#
# socklid::flags: what every target of ours is compiled with.

option(SOCKLID_WERROR "Treat warnings as errors" OFF)

add_library(socklid_flags INTERFACE)
add_library(socklid::flags ALIAS socklid_flags)
target_compile_features(socklid_flags INTERFACE cxx_std_20)
target_include_directories(socklid_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(
  socklid_flags
  INTERFACE -Wall -Wextra -Wconversion -Wshadow -fstack-protector-strong
            -ffunction-sections -fdata-sections
            $<$<COMPILE_LANGUAGE:CXX>:-Wpedantic>
            $<$<BOOL:${SOCKLID_WERROR}>:-Werror>
            $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
# g++ 12 warns of overlapping copies inside std::string that are not there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(socklid_flags INTERFACE -Wno-restrict)
endif()
# The kernel's headers end structures with arrays of no elements.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(socklid_flags INTERFACE -Wno-zero-length-array)
endif()
target_link_options(socklid_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()
