// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel enforces, in one object:
 *
 *   bpf/lsm_cgroup.bpf.h   what a container does with sockets, by programs on its cgroup
 *   bpf/lsm.bpf.h          what is rare, by programs for every task of the node
 *   bpf/bpf_calls.bpf.h    bpf(2)
 *   bpf/files.bpf.h        files that act: of cgroups, sysfs, configfs and proc
 *   bpf/deputies.bpf.h     what the kernel would do on the container's behalf
 *   bpf/subjects/exec.bpf.h        which programs tasks come from, and who may trace whom
 *   bpf/subjects/protected.bpf.h   files that nobody may change
 *   bpf/packets/joins.bpf.h        how many multicast groups a container joins
 *   bpf/packets/packets.bpf.h      the packets themselves
 *   bpf/seal.bpf.h         what seals a container, or a run of a subject
 *   bpf/tasks/tasks.bpf.h  an iterator that finds a network namespace's processes
 *
 * Every program reads the attempt, asks sl_decide(), counts and answers; it decides nothing itself
 * (I9).
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/bpf_calls.bpf.h"
#include "bpf/deputies.bpf.h"
#include "bpf/files.bpf.h"
#include "bpf/packets/joins.bpf.h"
#include "bpf/lists.bpf.h"
#include "bpf/lsm.bpf.h"
#include "bpf/lsm_cgroup.bpf.h"
#include "bpf/packets/packets.bpf.h"
#include "bpf/seal.bpf.h"
#include "bpf/subjects/exec.bpf.h"
#include "bpf/subjects/protected.bpf.h"
#include "bpf/tasks/tasks.bpf.h"

char LICENSE[] SEC("license") = "GPL";
