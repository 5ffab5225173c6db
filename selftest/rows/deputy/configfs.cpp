// SPDX-License-Identifier: Apache-2.0
//
// configfs, where a directory, a link or a word has the kernel serve disks (LIO, nvmet): each of
// them by nvmet, in a configfs that is handed in because the container could not mount it. None of
// it serves anything yet.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "selftest/rows/deputy/deputy.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"

namespace socklid::selftest {
namespace {

/// With the host and the subsystem that the broker has made in it, until this is gone.
class Configfs {
 public:
  explicit Configfs(const Scene& scene) : root_(borrow(scene, Lent::configfs)) {}
  Configfs(const Configfs&) = delete;
  Configfs& operator=(const Configfs&) = delete;
  ~Configfs() {
    ::unlinkat(root_.get(), nvmet_subsystem, AT_REMOVEDIR);
    ::unlinkat(root_.get(), nvmet_host, AT_REMOVEDIR);
  }
  [[nodiscard]] int root() const { return root_.get(); }

 private:
  UniqueFd root_;
};

Outcome make_directory(const Scene& scene) {
  constexpr const char* path = "nvmet/hosts/socklid-selftest-inside";
  const Configfs configfs(scene);
  if (configfs.root() < 0) return failed("borrow");
  if (::mkdirat(configfs.root(), path, 0755) != 0) return failed("mkdir");
  if (::unlinkat(configfs.root(), path, AT_REMOVEDIR) != 0) return failed("rmdir");
  return {};
}

Outcome make_link(const Scene& scene) {
  const Configfs configfs(scene);
  if (configfs.root() < 0) return failed("borrow");
  const std::string host = "/proc/self/fd/" + std::to_string(configfs.root()) + "/" + nvmet_host;
  const std::string link = std::string(nvmet_subsystem) + "/allowed_hosts/socklid-selftest";
  if (::symlinkat(host.c_str(), configfs.root(), link.c_str()) != 0) return failed("symlink");
  if (::unlinkat(configfs.root(), link.c_str(), 0) != 0) return failed("unlink");
  return {};
}

Outcome write_word(const Scene& scene) {
  const Configfs configfs(scene);
  if (configfs.root() < 0) return failed("borrow");
  const std::string path = std::string(nvmet_subsystem) + "/attr_allow_any_host";
  if (!write_file_at(configfs.root(), path.c_str(), "1")) return failed("write");
  return {};
}

Row configfs_row(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::sysfs),
          .attempt = attempt,
          .modules = {"nvmet"}};
}

}  // namespace

std::vector<Row> deputy_configfs() {
  return {
      configfs_row("configfs: a directory", make_directory),
      configfs_row("configfs: a link", make_link),
      configfs_row("configfs: a word", write_word),
  };
}

}  // namespace socklid::selftest
