// The kernel half of the inline bridge: decides what is decided, hands the rest to the daemon, and keeps the
// failure policy when the daemon does not answer. See README.md for the way of a frame.
#include "bridgeguard.h"

const char bg_license[] SEC("license") = "Apache-2.0";

// The sizes here are defaults; the loader may raise max_entries.
struct map_definition bg_state SEC("maps") = {MAP_ARRAY, 4, sizeof(struct state), 1, MAP_MMAPABLE};
// The punt device. The kernel itself takes it out when the device goes, which is when its data plane has died: known at the next frame, without a wait.
struct map_definition bg_alive SEC("maps") = {MAP_DEVMAP, 4, 4, 1, 0};
struct map_definition bg_ports SEC("maps") = {MAP_HASH, 4, sizeof(struct port_config), MAX_PORTS, 0};
struct map_definition bg_targets SEC("maps") = {MAP_ARRAY, 4, sizeof(struct target), MAX_PORTS, 0};
struct map_definition bg_counters SEC("maps") = {MAP_PERCPU_ARRAY, 4, sizeof(struct port_counters), MAX_PORTS, 0};
struct map_definition bg_unseen SEC("maps") = {MAP_PERCPU_ARRAY, 4, sizeof(struct unseen), 1, 0};
struct map_definition bg_pass SEC("maps") = {MAP_LRU_HASH, sizeof(struct flow_key), sizeof(struct flow_value), 65536, 0};
struct map_definition bg_drop SEC("maps") = {MAP_HASH, sizeof(struct flow_key), sizeof(struct flow_value), 65536, 0};
struct map_definition bg_acts SEC("maps") = {MAP_HASH, sizeof(struct flow_key), sizeof(struct flow_act), 65536, MAP_NO_PREALLOC};
struct map_definition bg_macs SEC("maps") = {MAP_HASH, sizeof(struct mac_key), sizeof(struct blocked), 4096, 0};
struct map_definition bg_ips SEC("maps") = {MAP_HASH, sizeof(struct ip_key), sizeof(struct blocked), 65536, MAP_NO_PREALLOC};
struct map_definition bg_remedies SEC("maps") = {MAP_HASH, sizeof(struct remedy_key), sizeof(struct count), 16384, MAP_NO_PREALLOC};
struct map_definition bg_bindings SEC("maps") = {MAP_HASH, sizeof(struct binding_key), sizeof(struct binding), 65536, MAP_NO_PREALLOC};
struct map_definition bg_limits SEC("maps") = {MAP_HASH, 4, sizeof(struct limit), 4096, MAP_NO_PREALLOC};

enum { TCP = 6, UDP = 17, TCP_FIN_SYN_RST = 0x07, IPV4_FRAGMENT = 0x3fff };

struct eth {
  u8 to[6];
  u8 from[6];
  u16 type;
} __attribute__((packed));

struct tag {
  u16 tci;
  u16 type;
};

struct ipv4 {
  u8 version_ihl;
  u8 tos;
  u16 length;
  u16 id;
  u16 fragment;
  u8 ttl;
  u8 protocol;
  u16 checksum;
  u32 from;
  u32 to;
};

struct ipv6 {
  u32 flow;
  u16 length;
  u8 next;
  u8 hops;
  u32 from[4];
  u32 to[4];
};

struct parsed {
  struct flow_key key;
  u16 type;
  u16 network;    // offsets
  u16 transport;
  u8 is_ip;
  u8 has_ports;
  u8 has_flow;    // key names a flow that a decision may cover: no fragment, no SYN, FIN or RST
  u8 swapped;     // the sender is b
};

INLINE void add(struct count *count, u32 bytes) {
  count->packets++;
  count->bytes += bytes;
}

INLINE u32 mix(u32 x) {
  x ^= x >> 16;
  x *= 0x7feb352d;
  x ^= x >> 15;
  x *= 0x846ca68b;
  return x ^ (x >> 16);
}

INLINE int is_less(const u32 *x, const u32 *y, u16 port_x, u16 port_y) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if (x[i] != y[i])
      return x[i] < y[i];
  }
  return port_x < port_y;
}

INLINE void swap_ends(struct flow_key *key) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    u32 word = key->a[i];
    key->a[i] = key->b[i];
    key->b[i] = word;
  }
  u16 port = key->port_a;
  key->port_a = key->port_b;
  key->port_b = port;
}

// Equal for both directions; keyed, so that nobody outside can choose addresses that fall on one queue.
INLINE u32 hash_of(const struct flow_key *key, u32 seed, int with_ports) {
  u32 x = mix(key->a[0] ^ seed) ^ mix(key->a[1] + seed) ^ mix(key->a[2] ^ ~seed) ^ mix(key->a[3] - seed);
  u32 y = mix(key->b[0] ^ seed) ^ mix(key->b[1] + seed) ^ mix(key->b[2] ^ ~seed) ^ mix(key->b[3] - seed);
  u32 h = mix(x) + mix(y);
  if (with_ports)
    h += mix(key->port_a ^ seed) + mix(key->port_b ^ seed);
  return mix(h);
}

INLINE void parse_ports(struct __sk_buff *skb, u32 offset, struct parsed *p) {
  u16 ports[2];
  if (p->key.protocol != TCP && p->key.protocol != UDP)
    return;
  if (skb_load_bytes(skb, offset, ports, sizeof ports))
    return;
  if (p->key.protocol == TCP) {
    u8 flags;
    if (skb_load_bytes(skb, offset + 13, &flags, 1))
      return;
    p->has_flow = (flags & TCP_FIN_SYN_RST) == 0;
  } else {
    p->has_flow = 1;
  }
  p->key.port_a = ports[0];
  p->key.port_b = ports[1];
  p->transport = offset;
  p->has_ports = 1;
}

INLINE void parse_ip(struct __sk_buff *skb, u32 offset, u16 type, struct parsed *p) {
  if (type == SWAP16(0x0800)) {
    struct ipv4 ip;
    if (skb_load_bytes(skb, offset, &ip, sizeof ip))
      return;
    p->is_ip = 1;
    p->key.version = 4;
    p->key.a[0] = ip.from;
    p->key.b[0] = ip.to;
    p->key.protocol = ip.protocol;
    if ((ip.fragment & SWAP16(IPV4_FRAGMENT)) == 0)
      parse_ports(skb, offset + (ip.version_ihl & 15) * 4, p);
  } else if (type == SWAP16(0x86dd)) {
    struct ipv6 ip;
    if (skb_load_bytes(skb, offset, &ip, sizeof ip))
      return;
    p->is_ip = 1;
    p->key.version = 6;
    __builtin_memcpy(p->key.a, ip.from, 16);
    __builtin_memcpy(p->key.b, ip.to, 16);
    p->key.protocol = ip.next;  // an extension header (a fragment too) is no TCP or UDP: no flow, always punted
    parse_ports(skb, offset + sizeof ip, p);
  }
}

// Most frames: IPv4 without options and in-band tags, TCP or UDP, no fragment. One check of the length instead of a call for each header; 0 when the
// frame is another.
INLINE int parse_plain(struct __sk_buff *skb, struct parsed *p) {
  enum { ETHERNET = 14, PORTS = ETHERNET + 20, TCP_FLAGS = PORTS + 13 };
  const u8 *data = (const u8 *)(long)skb->data;
  if (data + TCP_FLAGS + 1 > (const u8 *)(long)skb->data_end || *(const u16 *)(data + 12) != SWAP16(0x0800) || data[ETHERNET] != 0x45 ||
      (*(const u16 *)(data + ETHERNET + 6) & SWAP16(IPV4_FRAGMENT)))
    return 0;
  u8 protocol = data[ETHERNET + 9];
  if (protocol != TCP && protocol != UDP)
    return 0;
  if (skb->vlan_present)
    p->key.vlan[0] = skb->vlan_tci & TAG_VID_MASK;
  u32 from = *(const u32 *)(data + ETHERNET + 12), to = *(const u32 *)(data + ETHERNET + 16);
  u16 from_port = *(const u16 *)(data + PORTS), to_port = *(const u16 *)(data + PORTS + 2);
  p->swapped = from != to ? to < from : to_port < from_port;
  p->key.a[0] = p->swapped ? to : from;
  p->key.b[0] = p->swapped ? from : to;
  p->key.port_a = p->swapped ? to_port : from_port;
  p->key.port_b = p->swapped ? from_port : to_port;
  p->key.protocol = protocol;
  p->key.version = 4;
  p->type = SWAP16(0x0800);
  p->network = ETHERNET;
  p->transport = PORTS;
  p->is_ip = 1;
  p->has_ports = 1;
  p->has_flow = protocol == UDP || (data[TCP_FLAGS] & TCP_FIN_SYN_RST) == 0;
  return 1;
}

INLINE void parse(struct __sk_buff *skb, const struct eth *eth, struct parsed *p) {
  if (parse_plain(skb, p))
    return;
  u32 offset = sizeof *eth;
  u16 type = eth->type;
  u32 tags = 0;
  if (skb->vlan_present) {
    p->key.vlan[0] = skb->vlan_tci & TAG_VID_MASK;
    tags = 1;
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
    if (type == SWAP16(0x8100) || type == SWAP16(0x88a8)) {
      struct tag tag;
      if (skb_load_bytes(skb, offset, &tag, sizeof tag))
        return;
      if (tags == 0)
        p->key.vlan[0] = SWAP16(tag.tci) & TAG_VID_MASK;
      else if (tags == 1)
        p->key.vlan[1] = SWAP16(tag.tci) & TAG_VID_MASK;
      else
        break;
      tags++;
      type = tag.type;
      offset += sizeof tag;
    }
  }

  p->type = type;
  p->network = offset;
  parse_ip(skb, offset, type, p);
  if (p->is_ip && is_less(p->key.b, p->key.a, p->key.port_b, p->key.port_a)) {
    swap_ends(&p->key);
    p->swapped = 1;
  }
}

// Asked for only where a frame is for the daemon: decided ones need no queue.
INLINE u32 queue_of(const struct eth *eth, const struct state *state, const struct parsed *p) {
  u32 hash, queues = state->queues;
  if (p->is_ip) {
    hash = hash_of(&p->key, state->seed, (state->flags & STATE_STEER_TUPLE) && p->has_ports);
  } else {
    // ARP and the rest: by the pair of MACs.
    u32 to, from;
    __builtin_memcpy(&to, eth->to + 2, 4);
    __builtin_memcpy(&from, eth->from + 2, 4);
    hash = mix(mix(to ^ state->seed) + mix(from ^ state->seed));
  }
  return queues ? hash % queues : 0;
}

INLINE void add_shared(struct count *count, u32 bytes) {
  __sync_fetch_and_add(&count->packets, 1);
  __sync_fetch_and_add(&count->bytes, bytes);
}

INLINE void map_address(u32 *to, const u32 *address, u8 version) {
  if (version == 4) {
    to[0] = to[1] = 0;
    to[2] = __builtin_bswap32(0xffff);
    to[3] = address[0];
  } else {
    __builtin_memcpy(to, address, 16);
  }
}

// Whether the frame is within its limit. Lock-free: who loses a race tries again, a few times, and then goes on unlimited.
INLINE int is_over(u32 id, u32 len) {
  struct limit *limit = map_lookup(&bg_limits, &id);
  if (!limit)
    return 0;
  u64 now = ktime_get_ns();  // a burst may be shorter than a tick
  u64 cost = ((limit->flags & LIMIT_BY_PACKETS) ? limit->cost : limit->cost * len) >> 20;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    u64 full = limit->full_ns;
    u64 next = ((s64)(full - now) > 0 ? full : now) + cost;
    if ((s64)(next - now) > (s64)limit->burst_ns) {
      add_shared(&limit->dropped, len);
      return 1;
    }
    if (__sync_val_compare_and_swap(&limit->full_ns, full, next) == full)
      break;
  }
  add_shared(&limit->passed, len);
  return 0;
}

INLINE int is_remedy(u16 port_id, const u32 *address, u8 version, u16 protocol, u16 port, u32 len) {
  struct remedy_key key = {};
  map_address(key.address, address, version);
  key.port_id = port_id;
  struct count *hit = map_lookup(&bg_remedies, &key);
  if (!hit) {
    key.protocol = protocol;
    key.port = port;
    hit = map_lookup(&bg_remedies, &key);
  }
  if (!hit) {  // of anybody: this service, then the whole protocol
    key.address[0] = key.address[1] = key.address[2] = key.address[3] = 0;
    hit = map_lookup(&bg_remedies, &key);
  }
  if (!hit) {
    key.port = 0;
    hit = map_lookup(&bg_remedies, &key);
  }
  if (!hit)
    return 0;
  add_shared(hit, len);
  return 1;
}

// Whether a frame from (is_from) or to a quarantined guest is one of those that it may still exchange with its remediation.
INLINE int is_remedial(struct __sk_buff *skb, u16 port_id, const struct parsed *p, int is_from, u32 len) {
  if (p->type == SWAP16(0x0806)) {
    u32 address;  // ARP: the other end is the target of what the guest sends, the sender of what it gets
    return skb_load_bytes(skb, p->network + (is_from ? 24 : 14), &address, 4) == 0 && is_remedy(port_id, &address, 4, 0x0806, 0, len);
  }
  if (!p->is_ip)
    return 0;
  int other_is_a = is_from == (p->swapped != 0);
  u8 version = p->key.version;
  if (version == 6 && p->key.protocol == 58) {
    u8 type;  // neighbour discovery cannot be told by its addresses (multicast): only solicitations and advertisements pass
    if (skb_load_bytes(skb, p->network + 40, &type, 1) == 0 && (type == 135 || type == 136)) {
      u32 target[4];
      return skb_load_bytes(skb, p->network + 48, target, 16) == 0 &&
             (is_remedy(port_id, target, 6, 58, 0, len) || is_remedy(port_id, other_is_a ? p->key.a : p->key.b, 6, 58, 0, len));
    }
  }
  return is_remedy(port_id, other_is_a ? p->key.a : p->key.b, version, p->key.protocol, other_is_a ? p->key.port_a : p->key.port_b, len);
}

enum { ALLOWED = 0, BLOCKED = 1, LIMITED = 2 };

INLINE int act_on(struct __sk_buff *skb, struct blocked *hit, const struct parsed *p, int is_from, u32 len, u64 now) {
  if (!hit || (hit->expires_ns && (s64)(now - hit->expires_ns) >= 0))
    return ALLOWED;
  if (hit->flags & BLOCK_QUARANTINE) {
    if (is_remedial(skb, hit->port_id, p, is_from, len))
      return ALLOWED;
  } else if (hit->flags & BLOCK_LIMIT) {
    return is_over(hit->limit, len) ? LIMITED : ALLOWED;
  }
  add_shared(&hit->count, len);
  return BLOCKED;
}

INLINE int block_ip(struct __sk_buff *skb, const u32 *address, const struct parsed *p, int is_from, u32 len, u64 now) {
  struct ip_key key;
  map_address(key.address, address, p->key.version);
  return act_on(skb, map_lookup(&bg_ips, &key), p, is_from, len, now);
}

INLINE int block_mac(struct __sk_buff *skb, const u8 *mac, u16 bridge_id, const struct parsed *p, int is_from, u32 len, u64 now) {
  struct mac_key key;
  __builtin_memcpy(key.mac, mac, 6);
  key.bridge_id = bridge_id;
  return act_on(skb, map_lookup(&bg_macs, &key), p, is_from, len, now);
}

INLINE int check_hosts(struct __sk_buff *skb, const struct eth *eth, const struct state *state, const struct port_config *port,
                       const struct parsed *p, u32 len, u64 now) {
  int result = ALLOWED;
  if ((port->flags & PORT_QUARANTINED) && !is_remedial(skb, port->port_id, p, 1, len))
    return BLOCKED;
  if (state->flags & STATE_BLOCKED_MAC) {
    result = block_mac(skb, eth->from, port->bridge_id, p, 1, len, now);
    if (!result)
      result = block_mac(skb, eth->to, port->bridge_id, p, 0, len, now);
  }
  if (!result && (state->flags & STATE_BLOCKED_IP) && p->is_ip) {
    result = block_ip(skb, p->key.a, p, !p->swapped, len, now);
    if (!result)
      result = block_ip(skb, p->key.b, p, p->swapped, len, now);
  }
  if (!result && port->limit && is_over(port->limit, len))
    result = LIMITED;
  return result;
}

INLINE struct binding *find_binding(u16 port_id, const u8 *mac, const u32 *address, u8 version) {
  struct binding_key key = {};
  if (address)
    map_address(key.address, address, version);
  __builtin_memcpy(key.mac, mac, 6);
  key.port_id = port_id;
  return map_lookup(&bg_bindings, &key);
}

// Whether the sender (MAC, and the address in an IP or ARP header) is bound to the port.
INLINE int is_bound(struct __sk_buff *skb, const struct eth *eth, u16 port_id, const struct parsed *p, u32 len) {
  struct binding *bound = find_binding(port_id, eth->from, 0, 0);
  if (!bound)
    return 0;
  add_shared(&bound->count, len);
  if (p->type == SWAP16(0x0806)) {
    u8 arp[10];  // sender MAC and address
    if (skb_load_bytes(skb, p->network + 8, arp, sizeof arp))
      return 0;
#pragma unroll
    for (int i = 0; i < 6; i++) {
      if (arp[i] != eth->from[i])
        return 0;
    }
    u32 sender;
    __builtin_memcpy(&sender, arp + 6, 4);
    return sender == 0 || bound->any_address || find_binding(port_id, eth->from, &sender, 4) != 0;
  }
  if (!p->is_ip || bound->any_address)
    return 1;
  const u32 *from = p->swapped ? p->key.b : p->key.a;
  if (p->key.version == 4)
    return from[0] == 0 || find_binding(port_id, eth->from, from, 4) != 0;
  // The unspecified and link-local addresses are every host's before it has another.
  if ((from[0] & __builtin_bswap32(0xffc00000)) == __builtin_bswap32(0xfe800000) || (from[0] | from[1] | from[2] | from[3]) == 0)
    return 1;
  return find_binding(port_id, eth->from, from, 6) != 0;
}

INLINE void touch(struct flow_value *flow, u32 direction, u32 len, u64 now) {
  struct flow_count *from = &flow->from[direction & 1];
  add_shared(&from->count, len);
  from->last_ns = now;
}

// Frames of the flow may still be with the daemon; what is let through now would overtake them.
INLINE int is_active(struct flow_value *flow, const struct eth *eth, const struct state *state, const struct parsed *p, u64 now) {
  if (flow->active)
    return 1;
  u32 queue = queue_of(eth, state, p);
  if ((s64)(state->queue[queue & (MAX_QUEUES - 1)].done - flow->wait_seq) >= 0 || (s64)(now - flow->deadline_ns) >= 0)
    flow->active = 1;
  return flow->active;
}

// What a flow of which one direction passes lets by; everything else the engine wants to see.
INLINE int carries(struct __sk_buff *skb, const struct flow_value *flow, const struct parsed *p) {
  struct {
    u32 ack;
    u8 offset;
    u8 flags;
    u16 window;
  } tcp;
  if (!flow->only)
    return 1;
  if (flow->only != p->swapped + 1 || p->key.protocol != TCP || skb_load_bytes(skb, p->transport + 8, &tcp, sizeof tcp))
    return 0;
  // Short frames may be padded: what looks like data there is none.
  return tcp.ack == flow->ack && tcp.window == flow->window && skb->len > p->transport + (tcp.offset >> 4) * 4 + MIN_CARRIED;
}

INLINE int replace_address(struct __sk_buff *skb, const struct parsed *p, const struct rewrite *r, u32 checksum, u64 csum_flags) {
  int to = (r->flags & REWRITE_TO) != 0;
  if (p->key.version == 4) {
    u32 at = p->network + (to ? 16 : 12), old;
    u32 now = r->address[3];
    if (skb_load_bytes(skb, at, &old, 4))
      return -1;
    if (l3_csum_replace(skb, p->network + 10, old, now, 4) ||
        l4_csum_replace(skb, checksum, old, now, csum_flags | CSUM_PSEUDO_HEADER | 4))
      return -1;
    return skb_store_bytes(skb, at, &now, 4, 0);
  }
  u32 at = p->network + (to ? 24 : 8);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    u32 old, now = r->address[i];
    if (skb_load_bytes(skb, at + 4 * i, &old, 4) || l4_csum_replace(skb, checksum, old, now, csum_flags | CSUM_PSEUDO_HEADER | 4) ||
        skb_store_bytes(skb, at + 4 * i, &now, 4, 0))
      return -1;
  }
  return 0;
}

INLINE int add_to_number(struct __sk_buff *skb, u32 at, u32 add, u32 checksum) {
  u32 old;
  if (!add)
    return 0;
  if (skb_load_bytes(skb, at, &old, 4))
    return -1;
  u32 now = __builtin_bswap32(__builtin_bswap32(old) + add);
  if (l4_csum_replace(skb, checksum, old, now, 4))
    return -1;
  return skb_store_bytes(skb, at, &now, 4, 0);
}

INLINE int shift_window(struct __sk_buff *skb, u32 at, u8 shift, u32 checksum) {
  u16 old;
  if (!shift)
    return 0;
  if (skb_load_bytes(skb, at, &old, 2))
    return -1;
  u32 window = SWAP16(old);
  window = shift >= 32 ? window >> (shift & 15) : window << (shift & 15);
  u16 now = SWAP16(window > 0xffff ? 0xffff : window);
  if (l4_csum_replace(skb, checksum, old, now, 2))
    return -1;
  return skb_store_bytes(skb, at, &now, 2, 0);
}

// The kernel's helpers know both forms of checksum (a partial one takes the pseudo-header's change only) and leave segmentation as it is.
INLINE int rewrite_frame(struct __sk_buff *skb, const struct parsed *p, const struct rewrite *r) {
  int tcp = p->key.protocol == TCP;
  u32 checksum = p->transport + (tcp ? 16 : 6);
  u64 csum_flags = tcp ? 0 : CSUM_MARK_MANGLED_0;
  u32 port_at = p->transport + ((r->flags & REWRITE_TO) ? 2 : 0);
  u16 old, now = r->port;
  if (skb_load_bytes(skb, port_at, &old, 2) || replace_address(skb, p, r, checksum, csum_flags) ||
      l4_csum_replace(skb, checksum, old, now, csum_flags | 2) || skb_store_bytes(skb, port_at, &now, 2, 0))
    return -1;
  if (tcp && (r->flags & REWRITE_SEQUENCE) &&
      (add_to_number(skb, p->transport + 4, r->sequence_add, checksum) ||
       add_to_number(skb, p->transport + 8, r->acknowledged_add, checksum) ||
       shift_window(skb, p->transport + 14, r->window_shift, checksum)))
    return -1;
  if ((r->flags & REWRITE_MAC_TO) && skb_store_bytes(skb, 0, r->mac_to, 6, 0))
    return -1;
  if ((r->flags & REWRITE_MAC_FROM) && skb_store_bytes(skb, 6, r->mac_from, 6, 0))
    return -1;
  return 0;
}

// The mark of a place; 0 for none.
INLINE u32 mark_at(const struct state *state, u32 place) {
  u32 index = place - 1;
  return index < MAX_MARKS ? state->marks[index] : 0;
}

// What a decided flow's frames carry for tc and nftables. Of flows without a mark they go on as they are.
INLINE void put_mark(struct __sk_buff *skb, const struct state *state, const struct flow_value *flow) {
  if (flow->mark)
    skb->mark = mark_at(state, flow->mark);
}

enum { UNDECIDED = -100 };

// Carries the act of a flow out; UNDECIDED when the engine must see the frame.
INLINE int act(struct __sk_buff *skb, const struct eth *eth, struct state *state, struct port_counters *counters, const struct parsed *p,
               struct flow_value **waiting, u32 len, u64 now) {
  struct flow_act *flow = map_lookup(&bg_acts, &p->key);
  if (!flow)
    return UNDECIDED;
  struct flow_side *side = &flow->side[p->swapped & 1];
  u8 verb = side->verb;
  if (!p->has_flow && !side->whole)
    return UNDECIDED;
  if (side->limit && is_over(side->limit, len)) {
    add(&counters->limited, len);
    return TCX_DROP;
  }
  if (verb == VERB_PUNT)
    return UNDECIDED;
  if (verb != VERB_DROP && !is_active(&flow->value, eth, state, p, now)) {
    *waiting = &flow->value;
    return UNDECIDED;
  }
  touch(&flow->value, p->swapped, len, now);
  if (verb == VERB_DROP) {
    add(&counters->dropped, len);
    return TCX_DROP;
  }
  put_mark(skb, state, &flow->value);
  if (verb == VERB_PASS) {
    add(&counters->passed, len);
    return TCX_NEXT;
  }
  add(&counters->moved, len);
  skb->tc_index = state->stamp;
  u32 out = side->ifindex;
  if (verb == VERB_REWRITE) {
    if (rewrite_frame(skb, p, &side->rewrite))
      return TCX_DROP;
    if (!(side->rewrite.flags & REWRITE_REDIRECT))
      return TCX_NEXT;
  }
  return redirect(out, side->into ? REDIRECT_INGRESS : 0);
}

INLINE int is_link_local_control(const struct eth *eth) {
  return eth->to[0] == 0x01 && eth->to[1] == 0x80 && eth->to[2] == 0xc2 && eth->to[3] == 0 && eth->to[4] == 0 && (eth->to[5] & 0xf0) == 0;
}

// Sends the frame to the daemon with the port in an outer tag, or does what the sender's policy says where the daemon cannot take it.
INLINE int punt(struct __sk_buff *skb, struct state *state, const struct port_config *port, u8 mode, u8 flags, struct port_counters *counters,
                u32 queue, struct flow_value *waiting, u64 now, u32 len, u16 late) {
  struct queue_state *q = &state->queue[queue & (MAX_QUEUES - 1)];
  int mirrored = mode == MODE_MIRROR;
  u32 zero = 0;
  int gone = !map_lookup(&bg_alive, &zero);
  int stale = (s64)(now - q->heartbeat_ns) > (s64)state->stale_ns;
  if (gone || stale || (s64)(q->punted - q->done) >= (s64)state->backlog_limit) {
    u8 choice = gone ? PORT_CRASH_CLOSED : stale ? PORT_STALE_CLOSED : PORT_OVERLOAD_CLOSED;
    int closed = mode == MODE_INLINE && (flags & choice);
    add(closed ? &counters->closed : &counters->opened, len);
    return closed ? TCX_DROP : TCX_NEXT;
  }

  u16 tag = late ? late : port->port_id | ((mirrored ? TAG_MIRRORED : TAG_INLINE) << TAG_PCP_SHIFT);
  if (skb_vlan_push(skb, TAG_PROTOCOL, tag)) {
    int closed = mode == MODE_INLINE && (flags & PORT_OVERLOAD_CLOSED);
    add(closed ? &counters->closed : &counters->opened, len);
    return closed ? TCX_DROP : TCX_NEXT;
  }

  u64 sequence = __sync_fetch_and_add(&q->punted, 1) + 1;
  if (waiting)
    waiting->wait_seq = sequence;
  add(late ? &counters->late : &counters->punted, len);
  u32 mark = skb->mark;
  skb->mark = queue;  // for the steering program; a frame comes back with the secret one or with none
  if (!mirrored)
    return redirect(state->punt_ifindex, 0);

  clone_redirect(skb, state->punt_ifindex, 0);
  skb->mark = mark;
  skb_vlan_pop(skb);
  return TCX_NEXT;
}

// LLDP says who is behind a port: the daemon gets a copy where it can take one, and the frame itself is not touched.
INLINE void copy_station(struct __sk_buff *skb, struct state *state, const struct port_config *port) {
  struct queue_state *q = &state->queue[0];
  u32 zero = 0;
  if (port->mode == MODE_OFF || !map_lookup(&bg_alive, &zero) || (s64)(q->punted - q->done) >= (s64)state->backlog_limit ||
      (s64)(ktime_get_coarse_ns() - q->heartbeat_ns) > (s64)state->stale_ns)
    return;
  if (skb_vlan_push(skb, TAG_PROTOCOL, port->port_id | (TAG_MIRRORED << TAG_PCP_SHIFT)))
    return;
  __sync_fetch_and_add(&q->punted, 1);
  u32 mark = skb->mark;
  skb->mark = 0;  // the first queue
  clone_redirect(skb, state->punt_ifindex, 0);
  skb->mark = mark;
  skb_vlan_pop(skb);
}

INLINE int inspect(struct __sk_buff *skb, struct state *state) {
  u32 ifindex = skb->ifindex, len = skb->len;
  struct port_config *port = map_lookup(&bg_ports, &ifindex);
  if (!port)
    return TCX_NEXT;
  if ((skb->mark & ~MARK_PLACES) == state->mark) {
    skb->mark = mark_at(state, skb->mark & MARK_PLACES);
    return TCX_NEXT;
  }
  u32 port_id = port->port_id;
  struct port_counters *counters = map_lookup(&bg_counters, &port_id);
  struct eth eth;
  if (!counters || skb_load_bytes(skb, 0, &eth, sizeof eth))
    return TCX_NEXT;
  add(&counters->seen, len);
  if (is_link_local_control(&eth)) {
    add(&counters->control, len);
    if (eth.type == SWAP16(0x88cc))
      copy_station(skb, state, port);
    return TCX_NEXT;
  }

  struct parsed p;
  __builtin_memset(&p, 0, sizeof p);
  p.key.bridge_id = port->bridge_id;
  parse(skb, &eth, &p);
  u64 now = ktime_get_coarse_ns();
  if ((port->flags & PORT_GUARDED) && !is_bound(skb, &eth, port->port_id, &p, len)) {
    add(&counters->guarded, len);
    if (!(port->flags & PORT_GUARD_REPORTS))
      return TCX_DROP;
  }
  int checked = check_hosts(skb, &eth, state, port, &p, len, now);
  if (checked) {
    add(checked == BLOCKED ? &counters->blocked : &counters->limited, len);
    return TCX_DROP;
  }
  if (port->mode == MODE_OFF)
    return TCX_NEXT;

  struct flow_value *waiting = 0;
  if (p.has_ports && (state->flags & STATE_ACTS) && port->mode == MODE_INLINE) {
    int answer = act(skb, &eth, state, counters, &p, &waiting, len, now);
    if (answer != UNDECIDED)
      return answer;
  }
  if (p.has_flow && (state->flags & STATE_FLOWS) && port->mode == MODE_INLINE) {
    // The daemon takes a pass back before a drop of the same flow is told: who passes needs no second look.
    struct flow_value *flow = map_lookup(&bg_pass, &p.key);
    if (flow && carries(skb, flow, &p)) {
      if (is_active(flow, &eth, state, &p, now)) {
        touch(flow, p.swapped, len, now);
        put_mark(skb, state, flow);
        add(&counters->passed, len);
        return TCX_NEXT;
      }
      waiting = flow;
    }
    flow = map_lookup(&bg_drop, &p.key);
    if (flow) {
      touch(flow, p.swapped, len, now);
      add(&counters->dropped, len);
      return TCX_DROP;
    }
  }
  return punt(skb, state, port, port->mode, port->flags, counters, queue_of(&eth, state, &p), waiting, now, len, 0);
}

// At the ingress of every port and at the egress of the bridge device.
SEC("tcx/port") int bg_port(struct __sk_buff *skb) {
  u32 zero = 0;
  struct state *state = map_lookup(&bg_state, &zero);
  if (!state)
    return TCX_NEXT;
  int answer = inspect(skb, state);
  if (answer == TCX_NEXT)
    skb->tc_index = state->stamp;
  return answer;
}

enum { COPIES_WITHIN_NS = 20 * 1000 * 1000, HASHED_BYTES = 96 };

// Whether the frame is a copy of the one that this CPU had at another gate a moment ago: flooded to all ports, it is looked at once.
INLINE int is_copy(struct __sk_buff *skb, u32 ifindex, u32 len, u64 now) {
  u32 zero = 0;
  u32 words[HASHED_BYTES / 4];
  struct unseen *last = map_lookup(&bg_unseen, &zero);
  if (!last)
    return 0;
  __builtin_memset(words, 0, sizeof words);
  if (skb_load_bytes(skb, 0, words, sizeof words))
    skb_load_bytes(skb, 0, words, sizeof(struct eth) + 28);  // the least that carries something: ARP
  u64 hash = len;
#pragma unroll
  for (int i = 0; i < HASHED_BYTES / 4; i++)
    hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
  if (last->hash == hash && last->len == len && last->first_ifindex != ifindex && now - last->at_ns < COPIES_WITHIN_NS)
    return 1;
  last->hash = hash;
  last->len = len;
  last->first_ifindex = ifindex;
  last->at_ns = now;
  return 0;
}

// What is done with a frame that no port program has seen and that is about to leave by `port`: UNSEEN_INSPECTED, and when it is dropped.
INLINE u8 unseen_flags(struct __sk_buff *skb, const struct port_config *port, u32 ifindex) {
  u32 from = skb->ingress_ifindex, zero = 0;
  u8 by_port = port->mode == MODE_INLINE ? UNSEEN_INSPECTED : 0;
  if (!from)  // the bridge's own; with nobody to look at it, it goes on
    return by_port && map_lookup(&bg_alive, &zero) ? by_port | (port->flags & ~PORT_CRASH_CLOSED) : 0;
  struct port_config *sender = from == ifindex ? 0 : map_lookup(&bg_ports, &from);  // to the host: the bridge device says only itself
  if (sender)  // its program comes in a moment, or went with the data plane, as the port's own choice is
    return sender->mode == MODE_INLINE ? UNSEEN_INSPECTED | sender->flags : 0;
  return by_port | port->unseen;
}

// How a frame that no port program has seen is named to the daemon.
INLINE u16 late_tag(struct __sk_buff *skb, struct state *state, const struct port_config *port, u32 ifindex) {
  u32 from = skb->ingress_ifindex;
  if (!from || from == ifindex)
    return port->port_id | (TAG_LATE << TAG_PCP_SHIFT);
  u32 index = __sync_fetch_and_add(&state->next_late, 1) & (MAX_LATE - 1);
  state->late[index].from_ifindex = from;
  state->late[index].port_id = port->port_id;
  return index | (TAG_UNSEEN << TAG_PCP_SHIFT);
}

// At the egress of every port and at the ingress of the bridge device: what no port program has seen comes from a port that was plugged in a moment
// ago, and is inspected here instead.
SEC("tcx/gate") int bg_gate(struct __sk_buff *skb) {
  u32 zero = 0, ifindex = skb->ifindex, len = skb->len;
  struct state *state = map_lookup(&bg_state, &zero);
  if (!state)
    return TCX_NEXT;
  if (skb->tc_index == state->stamp) {
    if ((skb->mark & ~MARK_PLACES) == state->mark)
      skb->mark = 0;  // came back from the daemon by a port that still has no program
    return TCX_NEXT;
  }
  struct port_config *port = map_lookup(&bg_ports, &ifindex);
  if (!port)
    return TCX_NEXT;
  u8 flags = unseen_flags(skb, port, ifindex);
  u32 port_id = port->port_id;
  struct port_counters *counters = map_lookup(&bg_counters, &port_id);
  struct eth eth;
  if (!(flags & UNSEEN_INSPECTED) || !counters || skb_load_bytes(skb, 0, &eth, sizeof eth) || is_link_local_control(&eth))
    return TCX_NEXT;
  struct parsed p;
  __builtin_memset(&p, 0, sizeof p);
  p.key.bridge_id = port->bridge_id;
  parse(skb, &eth, &p);
  u64 now = ktime_get_coarse_ns();
  if (is_copy(skb, ifindex, len, now)) {
    add(&counters->copies, len);
    return TCX_DROP;
  }
  return punt(skb, state, port, MODE_INLINE, flags, counters, queue_of(&eth, state, &p), 0, now, len, late_tag(skb, state, port, ifindex));
}

// At the ingress of the punt device: what the daemon wrote goes where its tag says.
SEC("tcx/punt") int bg_punt(struct __sk_buff *skb) {
  u32 zero = 0;
  struct state *state = map_lookup(&bg_state, &zero);
  if (!state || !skb->vlan_present || skb->vlan_proto != TAG_PROTOCOL)
    return TCX_DROP;
  // The port's device has other queues than this one.
  skb->queue_mapping = 0;
  u32 tci = skb->vlan_tci;
  u32 port_id = tci & TAG_VID_MASK;
  u32 to_guest = (tci >> TAG_PCP_SHIFT) & TAG_TO_GUEST;
  if (!to_guest && TAG_MARK(tci) == MARK_UNSEEN) {
    u32 from = state->late[port_id & (MAX_LATE - 1)].from_ifindex;
    if (!from || skb_vlan_pop(skb))
      return TCX_DROP;
    skb->mark = state->mark;
    skb->tc_index = state->stamp;
    return redirect(from, REDIRECT_INGRESS);
  }
  struct target *target = map_lookup(&bg_targets, &port_id);
  if (!target || !target->ifindex || skb_vlan_pop(skb))
    return TCX_DROP;
  skb->mark = to_guest ? mark_at(state, TAG_MARK(tci)) : state->mark | TAG_MARK(tci);
  skb->tc_index = state->stamp;
  // Behind the bridge device is the host: what it "sends" leaves by the device, what is for it comes in by the device.
  return redirect(target->ifindex, to_guest == (target->is_host != 0) ? REDIRECT_INGRESS : 0);
}

// The queue of the punt device: the port program has chosen it already.
SEC("socket/steer") int bg_steer(struct __sk_buff *skb) {
  return skb->mark;
}
