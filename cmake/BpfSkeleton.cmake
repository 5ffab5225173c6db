# SPDX-License-Identifier: Apache-2.0
#
# bpf_skeleton(<name> <source> [TARGET <target>] [DEFINITIONS <macro>...]): compiles <source> for BPF
# and makes <target>, by default <name>_skel, an INTERFACE target whose header <name>.skel.h embeds
# the object; <name>_hash.h defines its SHA-256, with that of the files HASH_WITH.

set(SOCKLID_BPF_FLAGS "" CACHE STRING "More flags for the BPF compiler; they change the object's hash")
find_program(BPF_CLANG NAMES clang-14 clang REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip-14 llvm-strip REQUIRED)
find_program(BPF_OBJCOPY NAMES llvm-objcopy-14 llvm-objcopy REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

# Compiles <source> to <object>.
function(bpf_object object source)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "DEFINITIONS")
  list(TRANSFORM ARG_DEFINITIONS PREPEND -D)
  # -mcpu=v3: clang 14 cannot select an atomic add otherwise. Stripped of DWARF, not of BTF, so
  # that the hash does not depend on where the sources lie. linux/types.h includes asm/types.h,
  # which Debian keeps in the architecture's own folder.
  add_custom_command(
    OUTPUT ${object}
    COMMAND
      ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter
      -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -I${PROJECT_SOURCE_DIR} ${ARG_DEFINITIONS}
      ${SOCKLID_BPF_FLAGS}
      -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -MMD -MF ${object}.d -MT ${object} -c
      ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    COMMAND ${BPF_STRIP} -g ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Compiling ${source} for BPF"
    VERBATIM)
endfunction()

function(bpf_skeleton name source)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "TARGET" "DEFINITIONS;HASH_WITH")
  set(target ${name}_skel)
  if(ARG_TARGET)
    set(target ${ARG_TARGET})
  endif()
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/skeleton)
  file(MAKE_DIRECTORY ${directory})
  set(object ${directory}/${name}.bpf.o)
  set(header ${directory}/${name}.skel.h)
  set(hash ${directory}/${name}_hash.h)
  bpf_object(${object} ${source} DEFINITIONS ${ARG_DEFINITIONS})
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name} > ${header}
    DEPENDS ${object}
    VERBATIM)
  list(JOIN ARG_HASH_WITH "," hash_with)
  add_custom_command(
    OUTPUT ${hash}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${object} -DWITH=${hash_with} -DOUTPUT=${hash} -DNAME=${name} -P
            ${PROJECT_SOURCE_DIR}/cmake/HashHeader.cmake
    DEPENDS ${object} ${ARG_HASH_WITH} ${PROJECT_SOURCE_DIR}/cmake/HashHeader.cmake
    VERBATIM)
  add_custom_target(${target}_files DEPENDS ${header} ${hash})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_files)
  target_include_directories(${target} SYSTEM INTERFACE ${directory})
endfunction()

# bpf_types(<name> <source> [DEFINITIONS <macro>...]): makes <name>_types, an INTERFACE target whose
# header <name>_types.h defines <name>_types, the bytes of the type information of <source> as
# compiled for BPF.
function(bpf_types name source)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "DEFINITIONS")
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/types)
  file(MAKE_DIRECTORY ${directory})
  set(object ${directory}/${name}.bpf.o)
  set(header ${directory}/${name}_types.h)
  bpf_object(${object} ${source} DEFINITIONS ${ARG_DEFINITIONS})
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${BPF_OBJCOPY} --dump-section .BTF=${object}.btf ${object} ${object}.same
    COMMAND ${CMAKE_COMMAND} -DINPUT=${object}.btf -DOUTPUT=${header} -DNAME=${name}_types -P
            ${PROJECT_SOURCE_DIR}/cmake/BytesHeader.cmake
    DEPENDS ${object} ${PROJECT_SOURCE_DIR}/cmake/BytesHeader.cmake
    VERBATIM)
  add_custom_target(${name}_types_files DEPENDS ${header})
  add_library(${name}_types INTERFACE)
  add_dependencies(${name}_types ${name}_types_files)
  target_include_directories(${name}_types SYSTEM INTERFACE ${directory})
endfunction()
