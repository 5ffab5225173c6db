// SPDX-License-Identifier: Apache-2.0
//
// socklid-runc: runc for engines that know no hooks, as Docker (docs/docker.md). Before it becomes
// runc, it puts our hooks into the config.json of a bundle whose annotations are ours. What cannot
// be read does not start.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

#include "base/json.hpp"
#include "command/docker/runc_call.hpp"
#include "command/installed.hpp"
#include "system/files.hpp"
#include "system/log.hpp"

namespace socklid::command {
namespace {

constexpr const char* config_name = "config.json";

Result<> put_hooks(const std::string& bundle) {
  const UniqueFd directory(::open(bundle.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno(Exit::state, "bundle " + bundle);
  const std::string config =
      SL_TRY(read_file(directory.get(), config_name, Exit::state, large_file_limit));
  const std::string hook = own_hook();
  auto hooked = hooked_bundle(config, hook);
  if (!hooked) return wrap(bundle + "/" + config_name, hooked.error());
  if (!*hooked) return {};
  SL_CHECK(check_hook(hook));
  return write_file_atomically(directory.get(), config_name, **hooked);
}

/// Where the one who called runc looks for why it failed.
void tell(const RuncCall& call, const std::string& message) {
  (void)std::fprintf(stderr, "socklid-runc: %s\n", message.c_str());
  if (call.log.empty()) return;
  const UniqueFd log(
      ::open(call.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string line =
      call.log_is_json
          ? json::to_string(json::Object{{"level", "error"}, {"msg", "socklid-runc: " + message}})
          : "level=error msg=" + json::to_string(json::Value("socklid-runc: " + message));
  if (log) (void)!::write(log.get(), (line + "\n").c_str(), line.size() + 1);
}

int become_runc(const RuncCall& call, char** argv) {
  for (const char* path :
       {"/usr/local/sbin/runc", "/usr/local/bin/runc", "/usr/sbin/runc", "/usr/bin/runc"}) {
    ::execv(path, argv);
    if (errno != ENOENT) break;
  }
  tell(call, "cannot run runc: " + std::string(std::strerror(errno)));
  return static_cast<int>(Exit::node);
}

}  // namespace
}  // namespace socklid::command

int main(int argc, char** argv) {
  using namespace socklid;
  using namespace socklid::command;
  try {
    const RuncCall call =
        parse_runc_call(std::vector<std::string_view>(argv + std::min(argc, 1), argv + argc));
    if (call.makes_container) {
      if (const auto put = put_hooks(call.bundle); !put) {
        tell(call, printable(put.error().message));
        return static_cast<int>(put.error().exit);
      }
    }
    return become_runc(call, argv);
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "socklid-runc: %s\n", error.what());
    return static_cast<int>(Exit::internal);
  }
}
