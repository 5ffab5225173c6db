/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel does on a task's behalf: keys, mounts, files that act, programs of BPF. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

#define MOUNT_POINT "/tmp/socklid-mount"
#define CGROUP "/sys/fs/cgroup"
#define CGROUP_BELOW CGROUP "/socklid-probe"

static int bpf(enum bpf_cmd command, union bpf_attr* attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int load_program(enum bpf_prog_type type) {
  /* r0 = 1; exit */
  static const struct bpf_insn code[] = {{.code = 0xb7, .imm = 1}, {.code = 0x95}};
  union bpf_attr load = {.prog_type = type};
  load.insns = (uintptr_t)code;
  load.insn_cnt = 2;
  load.license = (uintptr_t) "GPL";
  return bpf(BPF_PROG_LOAD, &load);
}

/* What an engine does with a device program: attach, ask which are there, take one, detach. */
static bool use_device_program(int cgroup, int program, struct outcome* out) {
  __u32 ids[64] = {0};
  union bpf_attr attach = {.target_fd = (__u32)cgroup};
  attach.attach_bpf_fd = (__u32)program;
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, &attach)) return failed(out, NULL);
  union bpf_attr query = {0};
  query.query.target_fd = (__u32)cgroup;
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = (uintptr_t)ids;
  query.query.prog_cnt = 64;
  if (bpf(BPF_PROG_QUERY, &query)) return failed(out, "query");
  union bpf_attr by_id = {.prog_id = ids[0]};
  const int again = bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
  if (again < 0) return failed(out, "by-id");
  close(again);
  attach.attach_flags = 0;
  if (bpf(BPF_PROG_DETACH, &attach)) return failed(out, "detach");
  return true;
}

static void try_device_program(const char* path, struct outcome* out) {
  const int program = load_program(BPF_PROG_TYPE_CGROUP_DEVICE);
  if (program < 0) {
    failed(out, "load");
    return;
  }
  const int cgroup = open(path, O_RDONLY | O_DIRECTORY);
  if (cgroup < 0)
    failed(out, "open");
  else
    use_device_program(cgroup, program, out);
  close(cgroup);
  close(program);
}

static void close_if_open(int fd, struct outcome* out) {
  if (fd < 0)
    failed(out, NULL);
  else
    close(fd);
}

void try_bpf(const char* kind, const char* rest, struct outcome* out) {
  (void)rest;
  if (!strcmp(kind, "device")) {
    mkdir(CGROUP_BELOW, 0755);
    try_device_program(CGROUP_BELOW, out);
    rmdir(CGROUP_BELOW);
  } else if (!strcmp(kind, "device-here")) {
    try_device_program(CGROUP, out);
  } else if (!strcmp(kind, "filter")) {
    close_if_open(load_program(BPF_PROG_TYPE_SOCKET_FILTER), out);
  } else if (!strcmp(kind, "links")) {
    union bpf_attr next = {0};
    if (bpf(BPF_LINK_GET_NEXT_ID, &next) && errno != ENOENT) failed(out, NULL);
  } else {
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY};
    map.key_size = map.value_size = 4;
    map.max_entries = 1;
    close_if_open(bpf(BPF_MAP_CREATE, &map), out);
  }
}

/* A key without an upcall, in a session of its own. */
static void try_session(struct outcome* out) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "socklid-probe") < 0) {
    failed(out, "session");
    return;
  }
  const long key = syscall(SYS_add_key, "user", "socklid-probe", "x", 1, KEY_SPEC_SESSION_KEYRING);
  if (key < 0)
    failed(out, "add");
  else if (syscall(SYS_request_key, "user", "socklid-probe", NULL, 0) != key)
    failed(out, "request");
}

/* ENOKEY: the host was asked, and had no answer. */
void try_key(const char* kind, const char* rest, struct outcome* out) {
  (void)rest;
  if (!strcmp(kind, "session")) {
    try_session(out);
  } else if (syscall(SYS_request_key, "user", "socklid-probe-upcall", "x", 0) < 0 &&
             errno != ENOKEY && errno != ENOENT) {
    failed(out, NULL);
  }
}

/* "KIND" is a type, or bind, remount: of the mount point, which tmpfs is mounted on. */
void try_mount(const char* kind, const char* rest, struct outcome* out) {
  unsigned long flags = 0;
  const char* source = "socklid-probe";
  mkdir(MOUNT_POINT, 0755);
  if (!strcmp(kind, "bind")) flags = MS_BIND, source = "/tmp";
  if (!strcmp(kind, "remount")) {
    flags = MS_REMOUNT;
    if (mount(source, MOUNT_POINT, "tmpfs", 0, NULL)) {
      failed(out, "tmpfs");
      return;
    }
  }
  if (mount(source, MOUNT_POINT, flags ? NULL : kind, flags, rest)) failed(out, NULL);
  umount2(MOUNT_POINT, MNT_DETACH);
}

/* fsopen.TYPE[:KEY=VALUE]: fsopen(2), the parameter if there is one, and the command to create. */
void try_fsopen(const char* kind, const char* rest, struct outcome* out) {
  char key[128];
  snprintf(key, sizeof key, "%s", rest);
  char* value = strchr(key, '=');
  if (value) *value++ = '\0';
  const int context = (int)syscall(SYS_fsopen, kind, 0);
  if (context < 0) {
    failed(out, "fsopen");
    return;
  }
  if (value && syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0))
    failed(out, "parameter");
  else if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
    failed(out, NULL);
  close(context);
}

/* write:PATH=VALUE */
void try_write(const char* kind, const char* rest, struct outcome* out) {
  char path[256];
  (void)kind;
  snprintf(path, sizeof path, "%s", rest);
  char* value = strchr(path, '=');
  if (value) *value++ = '\0';
  const int fd = open(path, O_WRONLY);
  if (fd < 0) {
    failed(out, NULL);
    return;
  }
  if (value && write(fd, value, strlen(value)) < 0) failed(out, "write");
  close(fd);
}

/* read:PATH, one word of it */
void try_read(const char* kind, const char* rest, struct outcome* out) {
  (void)kind;
  const int fd = open(rest, O_RDONLY);
  const ssize_t size = fd < 0 ? -1 : read(fd, out->value, sizeof out->value - 1);
  if (size < 0) {
    failed(out, NULL);
    return;
  }
  out->value[strcspn(out->value, " \t\n")] = '\0';
  close(fd);
}
