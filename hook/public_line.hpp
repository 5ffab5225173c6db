// SPDX-License-Identifier: Apache-2.0
//
// PublicLine: all that the hook ever writes to its standard error. Others choose where that goes:
// crun appends it, as root, to the host's file that an annotation names, and podman before 4.6
// takes annotations from images. So the line is made of constants of this program and of numbers:
// no byte of it is somebody else's (I11). The whole story is in the system log and in `socklid
// doctor` (system/log.hpp).
//
//   const PublicLine line(error.exit, error.where);
//   if (may_print(state.annotations)) print_line(STDERR_FILENO, line);
#pragma once

#include <string>

#include "annotations/parser.hpp"
#include "base/result.hpp"

namespace socklid {

class PublicLine {
 public:
  /// Not of an Error, whose message quotes what others wrote.
  PublicLine(Exit exit, const Where& where);

  /// One line of ASCII with its newline, less than PIPE_BUF bytes:
  /// "socklid-hook: exit 13 (annotation): io.socklid.bind: at byte 8: an annotation ..."
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Whether standard error may be used for a container with these annotations: not if one of them
/// tells crun where to append it.
[[nodiscard]] bool may_print(const annotations::Annotations& annotations);

/// Writes the line if `fd` is a pipe, a socket or a terminal, which has a reader, and takes it at
/// once; a file has none and stays as it is. One write, no errors.
void print_line(int fd, const PublicLine& line);

}  // namespace socklid
