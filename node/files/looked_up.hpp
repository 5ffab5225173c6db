// SPDX-License-Identifier: Apache-2.0
//
// LookedUp: what a container's subjects and protected paths are on its node: files by their
// numbers, and the clock of each subject's hours. A value, found once when the container starts,
// written down, and compared with what the kernel has.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/subject_abi.h"

namespace socklid {

/// A file as the kernel knows it inside, see bpf/subject_abi.h.
struct FileNumber {
  std::uint64_t inode{0};
  std::uint32_t device{0};
  friend auto operator<=>(const FileNumber&, const FileNumber&) = default;
};

struct FileEntry {
  FileNumber number;
  std::uint32_t subjects{0};  ///< bits
  std::uint32_t flags{0};     ///< SL_FILE_*
  friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

struct NamedEntry {
  FileNumber directory;
  std::string name;  ///< 1..63 bytes, whatever they are
  std::uint32_t subjects{0};
  friend bool operator==(const NamedEntry&, const NamedEntry&) = default;
};

/// For people: which file a subject's path was.
struct ProgramFile {
  std::uint32_t subject{0};  ///< number, 0..15
  std::string path;          ///< as given
  FileNumber number;
  friend bool operator==(const ProgramFile&, const ProgramFile&) = default;
};

struct ZoneChange {
  std::int64_t from{0};    ///< seconds since 1970, UTC
  std::int32_t offset{0};  ///< local time ahead of UTC, seconds
  friend bool operator==(const ZoneChange&, const ZoneChange&) = default;
};

struct SubjectZone {
  std::uint32_t subject{0};  ///< number, 0..15
  std::vector<ZoneChange> changes;
  friend bool operator==(const SubjectZone&, const SubjectZone&) = default;
};

struct LookedUp {
  std::uint32_t mntns{0};             ///< inode of the container's mount namespace
  std::uint64_t tai_offset{0};        ///< nanoseconds of TAI ahead of UTC
  std::vector<FileEntry> files;       ///< by number, each once
  std::vector<NamedEntry> named;      ///< by directory and name, each once
  std::vector<ProgramFile> programs;  ///< in the order of subjects and paths
  std::vector<SubjectZone> zones;     ///< of subjects with hours, but for those in UTC
  friend bool operator==(const LookedUp&, const LookedUp&) = default;
};

}  // namespace socklid
