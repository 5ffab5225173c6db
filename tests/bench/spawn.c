// SPDX-License-Identifier: Apache-2.0
//
// What a hook costs its caller: the time of spawn, run and wait, for several hooks in turn, each on
// a container made for it. It does what a runtime does and nothing else, so that little but the
// hook is measured.
//
//   socklid-bench-spawn ROUNDS [+N CASE] [@N] 'NAME|ANNOTATIONS|PREPARE|HOOK|UNDO'...
//
// +N: N containers of that case are there all the while. @N: N processes that sleep.
// ANNOTATIONS is a JSON object; PREPARE, HOOK and UNDO are words separated by blanks, the first an
// absolute path. A container is a process in a cgroup and a network namespace of its own. The state
// goes to HOOK with the process alive, to UNDO after it is gone. Prints `NAME hook NANOSECONDS` and
// `NAME undo NANOSECONDS`; PREPARE and an empty UNDO are not measured. A hook that fails ends it
// all: what did not work has no price.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_words = 16, max_cases = 32, max_held = 20000, state_size = 16 * 1024 };

struct benchmark {
  char* name;
  char* annotations;
  char* prepare[max_words];
  char* hook[max_words];
  char* undo[max_words];
};

struct container {
  char id[64];
  char cgroup[128];
  pid_t pid;
};

static void die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("socklid-bench-spawn: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static void check(int failed, const char* what) {
  if (failed) die("%s: %s", what, strerror(errno));
}

static char* field(char** rest) {
  char* const found = strsep(rest, "|");
  if (!found) die("a case is 'NAME|ANNOTATIONS|PREPARE|HOOK|UNDO'");
  return found;
}

static void words(char* text, char** into) {
  int count = 0;
  for (char* word = strtok(text, " "); word; word = strtok(NULL, " ")) {
    if (count == max_words - 1) die("too many words");
    into[count++] = word;
  }
}

static struct benchmark parse(char* text) {
  struct benchmark result = {0};
  result.name = field(&text);
  result.annotations = field(&text);
  words(field(&text), result.prepare);
  words(field(&text), result.hook);
  words(field(&text), result.undo);
  if (!result.hook[0]) die("%s has no hook", result.name);
  return result;
}

static void join_cgroup(const char* directory) {
  char path[160];
  snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  check(file < 0 || write(file, "0", 1) != 1, path);
  close(file);
}

static struct container start(void) {
  static int number;
  struct container result;
  int ready[2];
  char byte;
  snprintf(result.id, sizeof(result.id), "bench-%d-%d", getpid(), ++number);
  snprintf(result.cgroup, sizeof(result.cgroup), "/sys/fs/cgroup/%s", result.id);
  check(mkdir(result.cgroup, 0755) != 0, result.cgroup);
  check(pipe2(ready, O_CLOEXEC) != 0, "pipe");
  result.pid = fork();
  check(result.pid < 0, "fork");
  if (result.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    join_cgroup(result.cgroup);
    check(unshare(CLONE_NEWNET) != 0, "unshare");
    check(write(ready[1], "", 1) != 1, "write");
    for (;;) pause();
  }
  close(ready[1]);
  if (read(ready[0], &byte, 1) != 1) die("the container's process did not start");
  close(ready[0]);
  return result;
}

static void stop(const struct container* container) {
  kill(container->pid, SIGKILL);
  check(waitpid(container->pid, NULL, 0) != container->pid, "waitpid");
  // The process leaves its cgroup a moment after it was reaped.
  for (int tries = 0; rmdir(container->cgroup) != 0; ++tries) {
    if (errno != EBUSY || tries == 1000) die("%s: %s", container->cgroup, strerror(errno));
    usleep(1000);
  }
}

// A pipe that already holds the whole state: writing it is no part of what is measured.
static int state_pipe(const struct benchmark* benchmark, const struct container* container,
                      const char* status, pid_t pid) {
  static char text[state_size];
  int ends[2];
  const int size = snprintf(text, sizeof(text),
                            "{\"ociVersion\":\"1.0.2\",\"id\":\"%s\",\"status\":\"%s\",\"pid\":%d,"
                            "\"bundle\":\"/run/%s\",\"annotations\":%s}",
                            container->id, status, pid, container->id, benchmark->annotations);
  if (size >= state_size) die("the annotations of %s are too long", benchmark->name);
  check(pipe2(ends, O_CLOEXEC) != 0, "pipe");
  check(write(ends[1], text, (size_t)size) != size, "write");
  close(ends[1]);
  return ends[0];
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// Nanoseconds from before the spawn until after the wait.
static long long run(const struct benchmark* benchmark, char* const* command, int input) {
  static char* environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int status;
  posix_spawn_file_actions_init(&actions);
  if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  const long long begin = now();
  const int error = posix_spawn(&pid, command[0], &actions, NULL, command, environment);
  if (error) die("%s: %s: %s", benchmark->name, command[0], strerror(error));
  check(waitpid(pid, &status, 0) != pid, "waitpid");
  const long long end = now();
  posix_spawn_file_actions_destroy(&actions);
  if (input >= 0) close(input);
  if (status != 0) die("%s: %s: wait status %d", benchmark->name, command[0], status);
  return end - begin;
}

// The kernel takes namespaces and cgroups apart later, in the background: not in what is measured.
static void settle(void) {
  usleep(100 * 1000);
}

static void measure(const struct benchmark* benchmark) {
  if (benchmark->prepare[0]) run(benchmark, benchmark->prepare, -1);
  const struct container container = start();
  settle();
  int input = state_pipe(benchmark, &container, "creating", container.pid);
  printf("%s hook %lld\n", benchmark->name, run(benchmark, benchmark->hook, input));
  stop(&container);
  if (benchmark->undo[0]) {
    settle();
    input = state_pipe(benchmark, &container, "stopped", 0);
    printf("%s undo %lld\n", benchmark->name, run(benchmark, benchmark->undo, input));
  }
  fflush(stdout);
}

static struct container held[max_held];
static struct benchmark held_case;
static int held_count;

// Makes containers that stay.
static void hold(int count, char* text) {
  held_case = parse(text);
  if (count < 1 || count > max_held) die("+N takes 1 to %d", max_held);
  for (; held_count < count; ++held_count) {
    held[held_count] = start();
    const int input = state_pipe(&held_case, &held[held_count], "creating", held[held_count].pid);
    run(&held_case, held_case.hook, input);
  }
}

static void let_go(void) {
  for (int i = 0; i < held_count; ++i) {
    stop(&held[i]);
    if (held_case.undo[0]) {
      run(&held_case, held_case.undo, state_pipe(&held_case, &held[i], "stopped", 0));
    }
  }
}

static void sleepers(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    check(pid < 0, "fork");
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
  }
}

int main(int argc, char** argv) {
  static struct benchmark cases[max_cases];
  const int rounds = argc > 1 ? atoi(argv[1]) : 0;
  int first = 2;
  for (; first < argc && (argv[first][0] == '+' || argv[first][0] == '@'); ++first) {
    const int number = atoi(argv[first] + 1);
    if (argv[first][0] == '@') {
      sleepers(number);
    } else if (first + 1 < argc) {
      hold(number, argv[++first]);
    }
  }
  const int count = argc - first;
  if (rounds < 1 || count < 1 || count > max_cases) {
    die("usage: ROUNDS [+N CASE] [@N] CASE...");
  }
  for (int i = 0; i < count; ++i) cases[i] = parse(argv[first + i]);
  // A different one is first each round, so that none always follows the same neighbour.
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < count; ++i) measure(&cases[(round + i) % count]);
  }
  let_go();
  return 0;
}
