// SPDX-License-Identifier: Apache-2.0
#include "sockets_deeds.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sockets_ends.h"

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

static const struct {
  const char* name;
  deed does;
} deeds[] = {{"open", read_file},    {"write", write_file}, {"mkdir", make_directory},
             {"mount", mount_tmpfs}, {"key", add_key},      {"sysctl", write_sysctl}};

deed deed_named(const char* name) {
  for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
    if (strcmp(deeds[i].name, name) == 0) return deeds[i].does;
  }
  return NULL;
}
