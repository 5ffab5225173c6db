// SPDX-License-Identifier: Apache-2.0
//
// socklid: what an operator asks and does; the verbs are in files of their names. The only file
// that knows CLI11.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <sstream>

#include "command/containerd/config.hpp"
#include "command/doctor/doctor.hpp"
#include "command/events.hpp"
#include "command/explain/explain.hpp"
#include "command/inspect.hpp"
#include "command/list.hpp"
#include "command/node/gc.hpp"
#include "command/node/load.hpp"
#include "command/node/repair.hpp"
#include "command/node/unload.hpp"
#include "command/output.hpp"
#include "command/seal.hpp"
#include "command/selftest.hpp"

namespace socklid::command {
namespace {

constexpr int usage_exit = static_cast<int>(Exit::usage);
constexpr const char* json_help = "print JSON";

struct Options {
  ListOptions list;
  InspectOptions inspect;
  ExplainOptions explain;
  SelftestOptions selftest;
  EventsOptions events;
  LoadOptions load;
  UnloadOptions unload;
  ContainerdConfigOptions containerd;
  SealOptions seal;
  std::string repair_id;
  DoctorOptions doctor;
};

using Run = std::function<Result<int>()>;

/// CLI11 2.4 and later take no '=' in the name of an argument: it has another, and is shown as what
/// is to be written.
constexpr const char* assignments_name = "ASSIGNMENTS";
constexpr const char* assignments_shown = "KEY=VALUE";

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const std::string name = CLI::Formatter::make_option_name(option, is_positional);
    return name == assignments_name ? assignments_shown : name;
  }
};

CLI::App* add_verb(CLI::App& app, const char* name, const char* help, Run& run, Run verb) {
  CLI::App* added = app.add_subcommand(name, help);
  added->callback([&run, verb = std::move(verb)] { run = verb; });
  return added;
}

void add_verbs(CLI::App& app, Options& options, Run& run) {
  CLI::App* verb = add_verb(app, "list", "one line for each container under policy", run,
                            [&] { return list(options.list); });
  verb->add_flag("--json", options.list.json, json_help);
  verb->add_flag("--no-trunc", options.list.no_trunc, "print ids and policies in full");

  verb = add_verb(app, "inspect", "everything about one container", run,
                  [&] { return inspect(options.inspect); });
  verb->add_option("ID", options.inspect.id, "container id, or the beginning of one")->required();
  verb->add_flag("--json", options.inspect.json, json_help);

  verb = add_verb(app, "seal", "hold a container to its policy from now on", run,
                  [&] { return seal(options.seal); });
  verb->add_option("ID", options.seal.id, "container id, or the beginning of one")->required();
  verb->add_option("--subject", options.seal.subject, "only the runs of this subject");

  verb = add_verb(app, "repair", "put back what the record of a container says", run,
                  [&] { return repair(options.repair_id); });
  verb->add_option("ID", options.repair_id, "container id, or the beginning of one")->required();

  verb = add_verb(app, "events", "containers, and runs of subjects, that were sealed", run,
                  [&] { return events(options.events); });
  verb->add_flag("--follow,-f", options.events.follow, "wait for more");
  verb->add_flag("--json", options.events.json, "print JSON, an object a line");

  verb = add_verb(app, "explain", "what annotations would do; touches nothing", run,
                  [&] { return explain(options.explain); });
  verb->add_option(assignments_name, options.explain.assignments, "annotations");
  verb->add_option("--file", options.explain.file,
                   "JSON with annotations: an object of them, an OCI state or config, a Pod; - is "
                   "standard input");
  verb->add_option("--container", options.explain.container, "its name in the pod");
  verb->add_option("--network", options.explain.network,
                   "its network namespace: own (default), shared (a pod's) or host");
  verb->add_option("--root", options.explain.root,
                   "a container's root file system, to look paths of subjects and readonly up in");
  verb->add_flag("--keys", options.explain.keys, "print every key, its values and its meaning");
  verb->add_flag("--json", options.explain.json, json_help);

  verb = add_verb(app, "doctor", "what this node needs and whether it has it", run,
                  [&] { return doctor(options.doctor); });
  verb->add_flag("--strict", options.doctor.strict, "a risk is a failure");
  verb->add_flag("--json", options.doctor.json, json_help);

  verb = add_verb(app, "selftest", "try every known way round a policy on this node", run,
                  [&] { return selftest(options.selftest); });
  verb->add_option("PATTERN", options.selftest.patterns, "only rows whose name contains one");
  verb->add_flag("--list", options.selftest.list, "print the rows, try nothing");
  verb->add_option("--policy", options.selftest.policy, "only under this policy of three")
      ->check(CLI::IsMember({"verbs", "egress", "both"}));
  verb->add_flag("--strict", options.selftest.strict, "what can't be tried here is a failure");
  verb->add_flag("--json", options.selftest.json, json_help);

  verb = add_verb(app, "load", "load socklid's programs ahead of the first container", run,
                  [&] { return load(options.load); });
  verb->add_option("--hooks", options.load.hooks,
                   "what to attach them to: common, all, none, or names with commas");

  add_verb(app, "gc", "remove what is left of containers that are gone", run, [] { return gc(); });

  verb = add_verb(app, "unload", "take socklid's programs off the node", run,
                  [&] { return unload(options.unload); });
  verb->add_flag("--wait", options.unload.wait, "first wait until no container is under policy");
  verb->add_flag("--purge", options.unload.purge, "also what it remembers, in /run/socklid");

  verb = add_verb(app, "containerd-config", "make containerd call the hook", run,
                  [&] { return containerd_config(options.containerd); });
  verb->add_flag("--write", options.containerd.write, "write the two files; else print them");
  verb->add_option("--runtime", options.containerd.runtime, "its name in config.toml")
      ->capture_default_str();
  verb->add_option("--config", options.containerd.config, "containerd's configuration")
      ->capture_default_str();
  verb->add_option(
      "--spec", options.containerd.spec,
      "the runtime's base spec (default: as configured, or socklid-spec.json beside it)");
  verb->add_option("--hook", options.containerd.hook,
                   "the hook's program (default: the installed one)");
}

/// CLI11 quotes arguments in what it says of them.
int answer(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream err;
  const int status = app.exit(error, out, err);
  print(out.str());
  std::fputs(printable_lines(err.str()).c_str(), stderr);
  return status == 0 ? 0 : usage_exit;
}

int run_command(int argc, char** argv) {
  CLI::App app("Sockets and packets of containers under the policy in their annotations",
               "socklid");
  Options options;
  Run run;
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", "socklid " SOCKLID_VERSION);
  app.require_subcommand(1);
  add_verbs(app, options, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return answer(app, error);
  }
  const Result<int> done = run();
  if (done) return *done;
  print_error(done.error().message);
  return static_cast<int>(done.error().exit);
}

}  // namespace
}  // namespace socklid::command

int main(int argc, char** argv) {
  try {
    if (const auto exit = socklid::command::selftest_program(argc, argv)) return *exit;
    const int exit = socklid::command::run_command(argc, argv);
    if (std::fflush(stdout) == 0) return exit;
    socklid::command::print_error(std::string("standard output: ") + std::strerror(errno));
  } catch (const std::exception& error) {
    socklid::command::print_error(error.what());
  }
  return static_cast<int>(socklid::Exit::internal);
}
