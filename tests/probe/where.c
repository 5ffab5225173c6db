/* SPDX-License-Identifier: Apache-2.0 */
/* Where an attempt is made: every kind of descendant a policy must reach, and other entries. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define NESTED "/sys/fs/cgroup/socklid-probe"

struct task {
  const char* full_name;
  const char* rest;
};

static void report(const char* name, const char* step) {
  printf("%s %s:%s\n", name, step, strerrorname_np(errno));
  fflush(stdout);
}

/* Runs `body` in a child. The end of the pipe, not of the child, is the end of the attempt: an
 * orphan outlives the process we fork, and holds the pipe open until it is done. */
static void in_child(void (*body)(const struct task*), const struct task* task) {
  int ends[2];
  char byte;
  if (pipe(ends)) return report(task->full_name, "pipe");
  const pid_t child = fork();
  if (child < 0) return report(task->full_name, "fork");
  if (child == 0) {
    close(ends[0]);
    body(task);
    exit(0);
  }
  close(ends[1]);
  while (read(ends[0], &byte, 1) > 0) continue;
  close(ends[0]);
  waitpid(child, NULL, 0);
}

static void attempt(const struct task* task) {
  run_attempt(task->full_name, task->rest);
}

static void attempt_in_grandchild(const struct task* task) {
  in_child(attempt, task);
}

/* The middle process ends at once; the attempt is made when another parent has taken over. */
static void attempt_as_orphan(const struct task* task) {
  const pid_t parent = getpid();
  int gone[2];
  char byte;
  if (pipe(gone)) return report(task->full_name, "pipe");
  if (fork() != 0) _exit(0); /* closes the last writing end of `gone` outside the orphan */
  close(gone[1]);
  while (read(gone[0], &byte, 1) > 0) continue;
  while (getppid() == parent) sched_yield();
  setsid();
  attempt(task);
}

static void attempt_after_exec(const struct task* task) {
  execl("/proc/self/exe", "socklid-probe", "--as", task->full_name, task->rest, (char*)NULL);
  report(task->full_name, "exec");
}

static bool write_file(const char* path, const char* text) {
  FILE* file = fopen(path, "w");
  if (!file) return false;
  const bool written = fputs(text, file) >= 0;
  return fclose(file) == 0 && written;
}

/* Needs a writable cgroup2 and a cgroup namespace of the container's own. */
static void attempt_in_nested_cgroup(const struct task* task) {
  if (mkdir(NESTED, 0755) && errno != EEXIST) return report(task->full_name, "nested");
  if (!write_file(NESTED "/cgroup.procs", "0")) return report(task->full_name, "nested");
  attempt(task);
}

static void attempt_in_user_namespace(const struct task* task) {
  if (unshare(CLONE_NEWUSER)) return report(task->full_name, "unshare");
  attempt(task);
}

static void attempt_in_network_namespace(const struct task* task) {
  if (unshare(CLONE_NEWNET)) return report(task->full_name, "unshare");
  attempt(task);
}

static void attempt_without_privilege(const struct task* task) {
  if (setgid(65534) || setuid(65534)) return report(task->full_name, "setuid");
  attempt(task);
}

static void* attempt_in_thread(void* task) {
  attempt(task);
  return NULL;
}

static void in_thread(const struct task* task) {
  pthread_t thread;
  if (!pthread_create(&thread, NULL, attempt_in_thread, (void*)task)) pthread_join(thread, NULL);
}

static const struct {
  const char* name;
  void (*body)(const struct task*);
} places[] = {
    {"child", attempt},
    {"grandchild", attempt_in_grandchild},
    {"orphan", attempt_as_orphan},
    {"exec", attempt_after_exec},
    {"nested", attempt_in_nested_cgroup},
    {"userns", attempt_in_user_namespace},
    {"netns", attempt_in_network_namespace},
    {"nobody", attempt_without_privilege},
};

bool run_elsewhere(const char* place, const char* full_name, const char* rest) {
  const struct task task = {full_name, rest};
  if (!strcmp(place, "uring")) entry = ENTRY_URING;
  if (!strcmp(place, "compat")) entry = ENTRY_COMPAT;
  if (entry != ENTRY_PLAIN) {
    run_attempt(full_name, rest);
    return true;
  }
  if (!strcmp(place, "thread")) {
    in_thread(&task);
    return true;
  }
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i) {
    if (strcmp(places[i].name, place)) continue;
    in_child(places[i].body, &task);
    return true;
  }
  return false;
}
