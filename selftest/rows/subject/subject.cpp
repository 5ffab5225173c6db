// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/subject/subject.hpp"

#include <sys/socket.h>

#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {

std::vector<std::string_view> caged_annotations() {
  return {"io.socklid.subject.caged=/bin/caged connect=tcp/4747@10.231.7.9+udp/4747@10.231.7.9",
          "io.socklid.subject.script=/bin/script connect=tcp/4747@10.231.7.9",
          "io.socklid.subject.third=/bin/third connect=tcp/4747@10.231.7.9 inherit=1"};
}

Outcome reach_target(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome as_other(const Scene& scene) {
  return become("/bin/other", reach_target, scene);
}

std::span<const Row> subject_rows() {
  static const std::vector<Row> rows = joined({subject_program(), subject_task(), subject_socket(),
                                               subject_hold(), subject_limit(), subject_seal()});
  return rows;
}

}  // namespace socklid::selftest
