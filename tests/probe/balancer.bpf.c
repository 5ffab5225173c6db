// SPDX-License-Identifier: GPL-2.0-only
/*
 * A balancer of sockets as Cilium's is one: at connect(2) and sendmsg(2) the address of a service
 * becomes that of what is behind it, and at recvmsg(2) the other way round.
 * tests/runtime/cases/policy/services.py has the addresses, too.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SERVICE4 bpf_htonl(0x0a60000a) /* 10.96.0.10 */
#define BACKEND4 bpf_htonl(0x0a630001) /* 10.99.0.1 */
#define NET6(net) bpf_htonl(0xfd000000 | (net) << 16)
#define LAST_OF_SERVICE6 bpf_htonl(0x10)
#define LAST_OF_BACKEND6 bpf_htonl(0x1)

static __always_inline int rewrite4(struct bpf_sock_addr *ctx, __u32 from, __u32 to)
{
	if (ctx->user_ip4 == from)
		ctx->user_ip4 = to;
	return 1;
}

/* fd96::10 and fd99::1. */
static __always_inline int rewrite6(struct bpf_sock_addr *ctx, __u32 from, __u32 from_last,
				    __u32 to, __u32 to_last)
{
	if (ctx->user_ip6[0] == from && !ctx->user_ip6[1] && !ctx->user_ip6[2] &&
	    ctx->user_ip6[3] == from_last) {
		ctx->user_ip6[0] = to;
		ctx->user_ip6[3] = to_last;
	}
	return 1;
}

SEC("cgroup/connect4")
int balance_connect4(struct bpf_sock_addr *ctx)
{
	return rewrite4(ctx, SERVICE4, BACKEND4);
}

SEC("cgroup/sendmsg4")
int balance_sendmsg4(struct bpf_sock_addr *ctx)
{
	return rewrite4(ctx, SERVICE4, BACKEND4);
}

SEC("cgroup/recvmsg4")
int balance_recvmsg4(struct bpf_sock_addr *ctx)
{
	return rewrite4(ctx, BACKEND4, SERVICE4);
}

SEC("cgroup/connect6")
int balance_connect6(struct bpf_sock_addr *ctx)
{
	return rewrite6(ctx, NET6(0x96), LAST_OF_SERVICE6, NET6(0x99), LAST_OF_BACKEND6);
}

SEC("cgroup/sendmsg6")
int balance_sendmsg6(struct bpf_sock_addr *ctx)
{
	return rewrite6(ctx, NET6(0x96), LAST_OF_SERVICE6, NET6(0x99), LAST_OF_BACKEND6);
}

SEC("cgroup/recvmsg6")
int balance_recvmsg6(struct bpf_sock_addr *ctx)
{
	return rewrite6(ctx, NET6(0x99), LAST_OF_BACKEND6, NET6(0x96), LAST_OF_SERVICE6);
}

char LICENSE[] SEC("license") = "GPL";
