// What the programs need of the kernel's interface, written from its documented layout, so that no kernel or libbpf header is needed.
#ifndef BRIDGEGUARD_KERNEL_H
#define BRIDGEGUARD_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define SWAP16(x) ((u16)__builtin_bswap16((u16)(x)))

// struct __sk_buff, as far as it is used here.
struct __sk_buff {
  u32 len;
  u32 pkt_type;
  u32 mark;
  u32 queue_mapping;
  u32 protocol;
  u32 vlan_present;
  u32 vlan_tci;
  u32 vlan_proto;
  u32 priority;
  u32 ingress_ifindex;
  u32 ifindex;
  u32 tc_index;
  u32 cb[5];
  u32 hash;
  u32 tc_classid;
  u32 data;
  u32 data_end;
};

// enum bpf_map_type
enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_PERCPU_ARRAY = 6, MAP_LRU_HASH = 9, MAP_DEVMAP = 14 };
enum { MAP_NO_PREALLOC = 1, MAP_MMAPABLE = 1 << 10 };

// Answers of a tcx program.
enum { TCX_NEXT = -1, TCX_DROP = 2 };

enum { REDIRECT_INGRESS = 1 };

// Flags of l4_csum_replace; the low bits are the size of the field.
enum { CSUM_MARK_MANGLED_0 = 1 << 5, CSUM_PSEUDO_HEADER = 1 << 4 };

// One map, as the loader reads it: every symbol of the section "maps" is one of these.
struct map_definition {
  u32 type;
  u32 key_size;
  u32 value_size;
  u32 max_entries;
  u32 flags;
};

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static u64 (*ktime_get_ns)(void) = (void *)5;
static long (*skb_store_bytes)(struct __sk_buff *skb, u32 offset, const void *from, u32 len, u64 flags) = (void *)9;
static long (*l3_csum_replace)(struct __sk_buff *skb, u32 offset, u64 from, u64 to, u64 flags) = (void *)10;
static long (*l4_csum_replace)(struct __sk_buff *skb, u32 offset, u64 from, u64 to, u64 flags) = (void *)11;
static long (*clone_redirect)(struct __sk_buff *skb, u32 ifindex, u64 flags) = (void *)13;
static long (*skb_vlan_push)(struct __sk_buff *skb, u16 proto, u16 tci) = (void *)18;
static long (*skb_vlan_pop)(struct __sk_buff *skb) = (void *)19;
static long (*redirect)(u32 ifindex, u64 flags) = (void *)23;
static long (*skb_load_bytes)(const struct __sk_buff *skb, u32 offset, void *to, u32 len) = (void *)26;
// Of the last tick: read, not computed.
static u64 (*ktime_get_coarse_ns)(void) = (void *)160;

#endif
