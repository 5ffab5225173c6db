// SPDX-License-Identifier: Apache-2.0
#include "sockets_deeds.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockets_ends.h"

const char nothing[] = "-";

static void read_file(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  check(file < 0, path);
  close(file);
}

static void write_file(const char* path) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  check(file < 0, path);
  close(file);
}

static void follow_link(const char* path) {
  char name[256];
  snprintf(name, sizeof(name), "%s.link", path);
  read_file(name);
}

static void make_file(const char* name) {
  const int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  check(file < 0, name);
  close(file);
}

static void write_elsewhere(const char* path) {
  (void)path;
  make_file("/dev/shm/socklid-bench-file");
}

static void create_file(const char* path) {
  char name[256];
  snprintf(name, sizeof(name), "%s.new", path);
  make_file(name);
  check(unlink(name) != 0, name);
}

static void make_directory(const char* path) {
  char name[256];
  snprintf(name, sizeof(name), "%s.directory", path);
  check(mkdir(name, 0755) != 0 || rmdir(name) != 0, name);
}

static void mount_tmpfs(const char* path) {
  (void)path;
  check(mount("bench", "/mnt", "tmpfs", 0, NULL) != 0, "mount");
  check(umount2("/mnt", MNT_DETACH) != 0, "umount");
}

static void add_key(const char* path) {
  const long key = syscall(SYS_add_key, "user", path, "x", 1, KEY_SPEC_PROCESS_KEYRING);
  check(key < 0 || syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_PROCESS_KEYRING) < 0,
        "add_key");
}

static void write_sysctl(const char* path) {
  (void)path;
  const int file = open("/proc/sys/net/core/somaxconn", O_WRONLY | O_CLOEXEC);
  check(file < 0 || write(file, "4096", 4) != 4, "somaxconn");
  close(file);
}

static void wait_for(pid_t child) {
  int status;
  check(child < 0 || waitpid(child, &status, 0) != child || status != 0, "a child");
}

static void fork_child(const char* path) {
  (void)path;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  wait_for(child);
}

static void execute(const char* path) {
  (void)path;
  const pid_t child = vfork();
  if (child == 0) {
    execl("/proc/self/exe", "socklid-bench-sockets", nothing, NULL);
    _exit(1);
  }
  wait_for(child);
}

static const struct {
  const char* name;
  deed does;
} deeds[] = {{"open", read_file},
             {"follow", follow_link},
             {"write", write_file},
             {"create", create_file},
             {"elsewhere", write_elsewhere},
             {"mkdir", make_directory},
             {"mount", mount_tmpfs},
             {"key", add_key},
             {"sysctl", write_sysctl},
             {"fork", fork_child},
             {"exec", execute}};

deed deed_named(const char* name) {
  for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
    if (strcmp(deeds[i].name, name) == 0) return deeds[i].does;
  }
  return NULL;
}
