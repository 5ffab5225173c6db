/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BPF_PROG, with which LSM programs name their arguments. A program declares those that it reads, by
 * the names and types of include/linux/lsm_hook_defs.h, and none behind the last of them: an argument
 * is a number at a place, and kernels add some at the end (`bpf` got a fourth in 6.15; D11).
 * guard/object/arguments.cpp compares them with the kernel that runs, before it loads them.
 */
#pragma once

#include <bpf/bpf_tracing.h>

#ifdef SL_ARGUMENTS
/* Never loaded, for its type information only: what BPF_PROG makes of the arguments stays a function of
 * its own, so that the object's type information has them. Inlined, as in the programs, it has none. */
#undef BPF_PROG
#define BPF_PROG(name, args...)                                             \
	name(unsigned long long *ctx);                                      \
	int ____##name(unsigned long long *ctx, ##args);                    \
	int name(unsigned long long *ctx)                                   \
	{                                                                   \
		_Pragma("GCC diagnostic push")                              \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")      \
		return ____##name(___bpf_ctx_cast(args));                   \
		_Pragma("GCC diagnostic pop")                               \
	}                                                                   \
	__attribute__((noinline)) int ____##name(unsigned long long *ctx, ##args)
#endif
