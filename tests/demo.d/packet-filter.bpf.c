/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A small packet filter: counts every packet by its class, and drops UDP to a few ports that
 * nobody should use any more.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum packet_class {
	CLASS_OTHER,
	CLASS_PING,
	CLASS_UDP,
	CLASS_UNWANTED,
	N_CLASSES,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, N_CLASSES);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

#define N_PORTS 4
/* discard, daytime, qotd, chargen */
const volatile __u16 unwanted_ports[N_PORTS] = { 9, 13, 17, 19 };

__attribute__((noinline)) static int is_unwanted(__u32 port)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < N_PORTS; i++)
		if (port == unwanted_ports[i])
			return 1;
	return 0;
}

__attribute__((noinline)) static int classify(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(ip + 1) > end)
		return CLASS_OTHER;
	if (ethernet->h_proto != bpf_htons(ETH_P_IP))
		return CLASS_OTHER;
	if (ip->protocol == IPPROTO_ICMP)
		return CLASS_PING;
	if (ip->protocol != IPPROTO_UDP || (void *)(udp + 1) > end)
		return CLASS_OTHER;
	if (is_unwanted(bpf_ntohs(udp->dest)))
		return CLASS_UNWANTED;
	return CLASS_UDP;
}

SEC("xdp")
int packet_filter(struct xdp_md *ctx)
{
	__u32 class = classify(ctx);
	__u64 *count = bpf_map_lookup_elem(&packets, &class);

	if (count)
		__sync_fetch_and_add(count, 1);
	if (class == CLASS_UNWANTED)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
