// SPDX-License-Identifier: Apache-2.0
#include "command/containerd/config.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "command/containerd/spec.hpp"
#include "command/containerd/toml.hpp"
#include "command/files.hpp"
#include "command/installed.hpp"
#include "command/output.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

struct File {
  std::string path;
  std::string is;  ///< its text now, empty if it is not there
  std::string wanted;
};

std::string directory_of(const std::string& path) {
  return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

/// It goes into JSON and TOML, and containerd reads it in a directory of its own.
Result<> check_path(const std::string& option, const std::string& path) {
  const bool plain = path == printable(path) && path.find_first_of("\"'\\#") == std::string::npos;
  if (path.starts_with('/') && !path.ends_with('/') && plain) return {};
  return fail(Exit::usage, option, " ", printable(path),
              ": expected an absolute path without quotes and backslashes");
}

Result<> check_name(const std::string& runtime) {
  const bool bare = std::all_of(runtime.begin(), runtime.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  if (bare && !runtime.empty()) return {};
  return fail(Exit::usage, "--runtime ", printable(runtime),
              ": expected the name of a runtime in config.toml, as runc");
}

Result<std::string> text_of(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::string();
  return read_file(AT_FDCWD, path, Exit::usage);
}

/// What containerd would start from without a file.
Result<std::string> default_spec(const std::string& path) {
  std::string text = output_of("ctr oci spec 2>/dev/null", small_file_limit);
  if (!text.empty()) return text;
  return fail(Exit::node, path,
              " is not there, and `ctr oci spec` prints nothing to begin it with: "
              "install containerd, or name a spec with --spec");
}

/// k3s and rke2 make their file of a template whenever they start; the template holds what the
/// file would then hold twice, which containerd does not read.
Result<> check_ours_to_edit(const File& config) {
  constexpr std::string_view remedy =
      ": give a runtime of its own name to the template, as docs/containerd.md has it";
  if (config.is.find("{{") != std::string::npos) {
    return fail(Exit::usage, printable(config.path), " is a template, no TOML", remedy);
  }
  if (config.path.find("/rancher/") != std::string::npos) {
    return fail(Exit::usage, printable(config.path), " is written anew when k3s or rke2 starts",
                remedy);
  }
  return {};
}

Result<std::array<File, 2>> plan_files(const ContainerdConfigOptions& options) {
  File config{.path = options.config, .is = SL_TRY(text_of(options.config)), .wanted = {}};
  SL_CHECK(check_ours_to_edit(config));
  auto named = spec_in_force(config.is, options.runtime);
  if (!named) return wrap(config.path, named.error());
  File spec{.path = options.spec, .is = {}, .wanted = {}};
  if (spec.path.empty()) spec.path = *named;
  if (spec.path.empty()) spec.path = directory_of(config.path) + "/socklid-spec.json";
  SL_CHECK(check_path("--spec", spec.path));

  const std::string hook = options.hook.empty() ? own_hook() : options.hook;
  SL_CHECK(check_path("--hook", hook));
  SL_CHECK(check_hook(hook));
  spec.is = SL_TRY(text_of(spec.path));
  auto hooked = with_hooks(spec.is.empty() ? SL_TRY(default_spec(spec.path)) : spec.is, hook);
  if (!hooked) return wrap(spec.path, hooked.error());
  spec.wanted = std::move(*hooked);
  auto edited = with_settings(config.is, {.runtime = options.runtime, .spec = spec.path});
  if (!edited) return wrap(config.path, edited.error());
  config.wanted = std::move(*edited);
  return std::array<File, 2>{std::move(spec), std::move(config)};
}

/// Through a symbolic link, with the mode that it has.
Result<> write_file(const File& file) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(file.path.c_str(), nullptr),
                                                      ::free);
  const std::string path = real ? real.get() : file.path;
  struct stat status {};
  const mode_t mode = ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0644;
  const UniqueFd directory(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno(Exit::usage, directory_of(path));
  const std::string name = path.substr(path.rfind('/') + 1);
  SL_CHECK(write_file_atomically(directory.get(), name, file.wanted));
  if (::fchmodat(directory.get(), name.c_str(), mode, 0) != 0) return fail_errno(Exit::store, path);
  return {};
}

}  // namespace

Result<int> containerd_config(const ContainerdConfigOptions& options) {
  SL_CHECK(check_path("--config", options.config));
  SL_CHECK(check_name(options.runtime));
  bool changed = false;
  for (const File& file : SL_TRY(plan_files(options))) {
    if (!options.write) {
      print("# " + printable(file.path) + (file.is == file.wanted ? " (as it is)\n" : "\n"));
      print_verbatim(file.wanted);
      continue;
    }
    if (file.is == file.wanted) {
      print(file.path + " is as it should be\n");
      continue;
    }
    SL_CHECK(write_file(file));
    print("wrote " + file.path + "\n");
    changed = true;
  }
  if (changed) {
    print(
        "restart containerd; containers that run already get their policy when they are made "
        "anew\n");
  }
  return 0;
}

}  // namespace socklid::command
