// SPDX-License-Identifier: Apache-2.0
/*
 * What tests/kernel/subjects/subjects_test.cpp has its programs do: a program whose arguments are
 * actions, one after the other. Its exit status is the last one's errno, 0 if it succeeded, 250 if
 * it was misused. It is copied to several places and names: each copy is a program of its own.
 *
 *   socket, unix           a TCP socket, a unix socket
 *   connect-new PORT       a new TCP socket, connected
 *   bind PORT              a new TCP socket with that port
 *   listen PORT            the same, which listens
 *   serve PORT             the same, which accepts a connection of its own
 *   child-listen PORT      a child does, and has ended
 *   listen-on FD PORT, shutdown FD    with a socket that is there
 *   held                   a TCP socket, again and again until it is refused
 *   mark                   the mark of a new socket, less than 250
 *   keep FD, keep-udp FD   a new socket, which is FD from then on
 *   connect FD PORT, send FD PORT, remark FD    with a socket that is there
 *   pass OVER FD           sends FD over the unix socket OVER
 *   receive OVER FD        receives one, which is FD from then on
 *   exec FILE ...          becomes FILE, which does the rest
 *   try FILE ...           the same, and goes on here if it fails
 *   at FILE ...            the same by execveat(2) of a descriptor
 *   memfd FILE ...         the same of a copy in memory
 *   fork ..., thread ...   a child, or a thread, does the rest
 *   vfork FILE ...         a child does, which becomes FILE
 *   offer                  offers itself to its parent
 *   trace PID, getfd PID FD, writev PID, mem PID, traceme    a hold of another process
 *   secure                 EPERM if it was started as what may do more than who started it
 *   many N                 N children at once do nothing: errno of the first that was refused
 *   fill N                 makes N children that stay, and one more: its errno
 *   drain                  lets them end: that errno again
 *   ready FD               tells another process that it is here
 *   wait FD                waits until the other end of FD is closed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kernel/subjects/action_sockets.h"

static long target_word = 1;

static int until_refused(void) {
  int fd;

  for (int i = 0; i < 6000; i++) {
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return errno;
    close(fd);
    usleep(10000);
  }
  return 0;
}

static int status_of(pid_t child) {
  int status = 0;

  if (child < 0) return errno;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return MISUSED;
  return WEXITSTATUS(status);
}

static int run(char** action);

static void* run_in_thread(void* actions) {
  return (void*)(intptr_t)run(actions);
}

static int in_thread(char** actions) {
  pthread_t thread;
  void* returned = 0;
  int error = pthread_create(&thread, 0, run_in_thread, actions);

  if (error != 0) return error;
  pthread_join(thread, &returned);
  return (int)(intptr_t)returned;
}

static int in_child(char** actions) {
  pid_t child = fork();

  if (child == 0) _exit(run(actions));
  return status_of(child);
}

static int in_vfork(char** arguments) {
  pid_t child = vfork();

  if (child == 0) {
    execv(arguments[0], arguments);
    _exit(errno);
  }
  return status_of(child);
}

static int exec_descriptor(int fd, char** arguments) {
  extern char** environ;

  syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
  return errno;
}

static int exec_from_memory(char** arguments) {
  int from = open(arguments[0], O_RDONLY | O_CLOEXEC);
  int memory = memfd_create("program", MFD_CLOEXEC);
  struct stat status;

  if (from < 0 || memory < 0 || fstat(from, &status) != 0 ||
      sendfile(memory, from, 0, (size_t)status.st_size) != status.st_size)
    return MISUSED;
  return exec_descriptor(memory, arguments);
}

static int attach(pid_t target) {
  if (ptrace(PTRACE_SEIZE, target, 0, 0) != 0) return errno;
  ptrace(PTRACE_DETACH, target, 0, 0);
  return 0;
}

/* This program's own memory, which another copy of it has at the same place: it is linked for one.
 */
static int write_word(pid_t target) {
  long word = 2;
  struct iovec own = {&word, sizeof(word)}, other = {&target_word, sizeof(target_word)};

  return result(process_vm_writev(target, &own, 1, &other, 1, 0));
}

static int open_memory(pid_t target) {
  char path[64];

  snprintf(path, sizeof(path), "/proc/%d/mem", (int)target);
  return result(open(path, O_RDWR | O_CLOEXEC));
}

static int take_descriptor(pid_t target, int fd) {
  int process = (int)syscall(SYS_pidfd_open, target, 0);

  if (process < 0) return MISUSED;
  return result(syscall(SYS_pidfd_getfd, process, fd, 0));
}

static int child_listens(int port) {
  pid_t child = fork();

  if (child == 0) _exit(listen_on(socket(AF_INET, SOCK_STREAM, 0), port));
  return status_of(child);
}

static int be_traced(void) {
  pid_t child = fork();

  if (child == 0) _exit(result(ptrace(PTRACE_TRACEME, 0, 0, 0)));
  return status_of(child);
}

/* Children that stay until `gate` is shut: how many could be made. */
static int make_children(int count, const int* gate) {
  int made = 0;

  for (; made < count; made++) {
    pid_t child = fork();
    char nothing;

    if (child < 0) break;
    if (child == 0) {
      close(gate[1]);
      _exit(read(gate[0], &nothing, 1) < 0);
    }
  }
  return made;
}

static int make_many(int count) {
  int error, made, gate[2];

  if (pipe(gate) != 0) return MISUSED;
  made = make_children(count, gate);
  error = made < count ? errno : 0;
  close(gate[1]);
  while (made-- > 0) wait(0);
  return error;
}

static int filled, fill_error, fill_gate[2];

static int fill(int count) {
  if (pipe(fill_gate) != 0) return MISUSED;
  filled = make_children(count, fill_gate);
  fill_error = filled < count ? ENOSPC : make_children(1, fill_gate) == 1 ? MISUSED : errno;
  return fill_error;
}

static int drain(void) {
  close(fill_gate[1]);
  while (filled-- > 0) wait(0);
  return fill_error;
}

static int is(const char* action, const char* name) {
  return strcmp(action, name) == 0;
}

/* Those that another program or process goes on with; -1 if it is none of them. */
static int hand_on(char** action) {
  if (is(*action, "exec") || is(*action, "try")) {
    execv(action[1], action + 1);
    return is(*action, "try") ? -1 : errno;
  }
  if (is(*action, "at")) return exec_descriptor(open(action[1], O_RDONLY | O_CLOEXEC), action + 1);
  if (is(*action, "memfd")) return exec_from_memory(action + 1);
  if (is(*action, "fork")) return in_child(action + 1);
  if (is(*action, "vfork")) return in_vfork(action + 1);
  if (is(*action, "thread")) return in_thread(action + 1);
  return -1;
}

/* How many arguments it takes; `*error` is what came of it. */
static int do_alone(char** action, int* error) {
  char nothing;

  *error = MISUSED;
  if (is(*action, "socket"))
    *error = result(socket(AF_INET, SOCK_STREAM, 0));
  else if (is(*action, "unix"))
    *error = result(socket(AF_UNIX, SOCK_STREAM, 0));
  else if (is(*action, "mark"))
    *error = mark_of_new();
  else if (is(*action, "held"))
    *error = until_refused();
  else if (is(*action, "offer"))
    *error = result(ptrace(PTRACE_TRACEME, 0, 0, 0));
  else if (is(*action, "drain"))
    *error = drain();
  else if (is(*action, "traceme"))
    *error = be_traced();
  else if (is(*action, "secure"))
    *error = getauxval(AT_SECURE) ? EPERM : 0;
  else
    goto with_arguments;
  return 0;
with_arguments:
  if (!action[1]) return 0;
  if (is(*action, "connect-new"))
    *error = connect_to(socket(AF_INET, SOCK_STREAM, 0), atoi(action[1]));
  else if (is(*action, "bind"))
    *error = bind_to(socket(AF_INET, SOCK_STREAM, 0), atoi(action[1]));
  else if (is(*action, "listen"))
    *error = listen_on(socket(AF_INET, SOCK_STREAM, 0), atoi(action[1]));
  else if (is(*action, "child-listen"))
    *error = child_listens(atoi(action[1]));
  else if (is(*action, "serve"))
    *error = serve_on(atoi(action[1]));
  else if (is(*action, "shutdown"))
    *error = result(shutdown(atoi(action[1]), SHUT_RDWR));
  else if (is(*action, "trace"))
    *error = attach(atoi(action[1]));
  else if (is(*action, "writev"))
    *error = write_word(atoi(action[1]));
  else if (is(*action, "mem"))
    *error = open_memory(atoi(action[1]));
  else if (is(*action, "many"))
    *error = make_many(atoi(action[1]));
  else if (is(*action, "fill"))
    *error = fill(atoi(action[1]));
  else if (is(*action, "ready"))
    *error = result(write(atoi(action[1]), "r", 1));
  else if (is(*action, "wait"))
    *error = result(read(atoi(action[1]), &nothing, 1));
  else if (is(*action, "keep"))
    *error = keep(SOCK_STREAM, atoi(action[1]));
  else if (is(*action, "keep-udp"))
    *error = keep(SOCK_DGRAM, atoi(action[1]));
  else if (is(*action, "remark"))
    *error = remark(atoi(action[1]));
  else
    goto with_two;
  return 1;
with_two:
  if (!action[2]) return 0;
  if (is(*action, "connect"))
    *error = connect_to(atoi(action[1]), atoi(action[2]));
  else if (is(*action, "listen-on"))
    *error = listen_on(atoi(action[1]), atoi(action[2]));
  else if (is(*action, "getfd"))
    *error = take_descriptor(atoi(action[1]), atoi(action[2]));
  else if (is(*action, "send"))
    *error = send_to(atoi(action[1]), atoi(action[2]));
  else if (is(*action, "pass"))
    *error = pass_socket(atoi(action[1]), atoi(action[2]));
  else if (is(*action, "receive"))
    *error = receive_socket(atoi(action[1]), atoi(action[2]));
  return 2;
}

static int run(char** action) {
  int error = 0;

  while (*action) {
    int handed = hand_on(action);

    if (handed >= 0) return handed;
    if (is(*action, "try")) { /* FILE was no program */
      action += 2;
      continue;
    }
    action += 1 + do_alone(action, &error);
  }
  return error;
}

/* A script's interpreter is handed the script before the actions. */
int main(int count, char** arguments) {
  (void)count;
  if (arguments[1] && arguments[1][0] == '/') return run(arguments + 2);
  return run(arguments + 1);
}
