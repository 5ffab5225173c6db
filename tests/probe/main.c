/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

struct verb {
  const char* name;
  void (*attempt)(const char* kind, const char* rest, struct outcome* out);
};

static const struct verb verbs[] = {
    {"create", try_create},   /* create.KIND */
    {"bind", try_bind},       /* bind.KIND:[ADDRESS:]PORT */
    {"listen", try_listen},   /* listen.KIND:PORT, listen.unnamed[6], listen.ephemeral[6] */
    {"accept", try_accept},   /* accept.tcp4:PORT (connects to itself), accept.inherited */
    {"connect", try_connect}, /* connect.KIND:ADDRESS:PORT, connect.fastopen:... */
    {"connectfrom", try_connect_from}, /* connectfrom.KIND:PORT:ADDRESS:PORT */
    {"send", try_send},         /* send.KIND:ADDRESS:PORT, send.fastopen:..., send.unspec:... */
    {"exchange", try_exchange}, /* exchange.KIND:ADDRESS:PORT: send a line, wait for an answer */
    {"shutdown", try_shutdown}, /* shutdown.KIND[:ADDRESS:PORT], shutdown.inherited */
    {"sockopt", try_sockopt},   /* sockopt.mark, sockopt.transparent, ... */
    {"cmsg", try_cmsg},         /* cmsg.mark:ADDRESS:PORT; cmsg.second, .second6: of sendmmsg(2) */
    {"mark", try_mark},         /* mark.KIND, mark.accepted:PORT, mark.inherited: prints SO_MARK */
    {"netlink", try_netlink},   /* netlink.read, netlink.write */
    {"bpf", try_bpf},           /* bpf (a map), bpf.device, .device-here, .filter, .links */
    {"key", try_key},           /* key.upcall, key.session */
    {"mount", try_mount},       /* mount.TYPE[:OPTIONS], mount.bind, mount.remount */
    {"fsopen", try_fsopen},     /* fsopen.TYPE[:KEY=VALUE] */
    {"write", try_write},       /* write:PATH=VALUE */
    {"read", try_read},         /* read:PATH: prints its first word */
    {"unix", try_unix},         /* every verb on unix sockets */
    {"exchangefrom", try_exchange_from}, /* exchangefrom.KIND:PORT:ADDRESS:PORT */
    {"stream", try_stream}, /* stream.KIND:ADDRESS:PORT: until told to end; counts what is lost */
    {"serve", try_serve},   /* serve.KIND:PORT, serve.inherited: answers for ever */
    {"wait", try_wait},     /* wait.term, wait.fifo:PATH, wait.stdin */
};

bool failed(struct outcome* out, const char* step) {
  out->error = errno;
  out->step = step;
  return false;
}

static void print_outcome(const char* name, const struct outcome* out) {
  const char* error = out->error ? strerrorname_np(out->error) : NULL;
  if (!out->error) {
    printf("%s %s\n", name, out->value[0] ? out->value : "ok");
  } else {
    printf("%s %s%s%s\n", name, out->step ? out->step : "", out->step ? ":" : "",
           error ? error : "E?");
  }
  fflush(stdout);
}

static const struct verb* find_verb(const char* name) {
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; ++i)
    if (!strcmp(verbs[i].name, name)) return &verbs[i];
  return NULL;
}

static void usage(const char* name) {
  fprintf(stderr, "socklid-probe: no such attempt: %s\n", name);
  exit(2);
}

/* "VERB[.KIND][:REST]" */
static void try_here(const char* full_name, const char* text) {
  char buffer[256];
  struct outcome out = {0};
  snprintf(buffer, sizeof buffer, "%s", text);
  char* rest = strchr(buffer, ':');
  if (rest) *rest++ = '\0';
  char* kind = strchr(buffer, '.');
  if (kind) *kind++ = '\0';
  const struct verb* verb = find_verb(buffer);
  if (!verb) usage(full_name);
  verb->attempt(kind ? kind : "", rest ? rest : "", &out);
  print_outcome(full_name, &out);
}

/* A slash after the first colon belongs to a path, not to a place. */
void run_attempt(const char* full_name, const char* rest) {
  const size_t head = strcspn(rest, "/:");
  char place[32];
  if (rest[head] != '/') return try_here(full_name, rest);
  snprintf(place, sizeof place, "%.*s", (int)head, rest);
  if (!run_elsewhere(place, full_name, rest + head + 1)) usage(full_name);
}

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 4 && !strcmp(argv[1], "--as")) { /* what where.c executes for "exec/" */
    run_attempt(argv[2], argv[3]);
    return 0;
  }
  if (argc < 2) {
    fprintf(stderr, "usage: socklid-probe [WHERE/]VERB[.KIND][:ARGUMENTS]...\n");
    return 2;
  }
  for (int i = 1; i < argc; ++i) {
    entry = ENTRY_PLAIN;
    run_attempt(argv[i], argv[i]);
  }
  return 0;
}
