// The kernel half of the inline bridge: decides what is decided, hands the rest to the daemon, and keeps the
// failure policy when the daemon does not answer. See README.md for the way of a frame.
#include "bridgeguard.h"

const char bg_license[] SEC("license") = "Apache-2.0";

// The sizes here are defaults; the loader may raise max_entries.
struct map_definition bg_state SEC("maps") = {MAP_ARRAY, 4, sizeof(struct state), 1, MAP_MMAPABLE};
struct map_definition bg_ports SEC("maps") = {MAP_HASH, 4, sizeof(struct port_config), MAX_PORTS, 0};
struct map_definition bg_targets SEC("maps") = {MAP_ARRAY, 4, sizeof(struct target), MAX_PORTS, 0};
struct map_definition bg_counters SEC("maps") = {MAP_PERCPU_ARRAY, 4, sizeof(struct port_counters), MAX_PORTS, 0};
struct map_definition bg_pass SEC("maps") = {MAP_LRU_HASH, sizeof(struct flow_key), sizeof(struct flow_value), 65536, 0};
struct map_definition bg_drop SEC("maps") = {MAP_HASH, sizeof(struct flow_key), sizeof(struct flow_value), 65536, 0};
struct map_definition bg_macs SEC("maps") = {MAP_HASH, sizeof(struct mac_key), sizeof(struct count), 4096, 0};
struct map_definition bg_ips SEC("maps") = {MAP_HASH, sizeof(struct ip_key), sizeof(struct count), 65536, 0};

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
  u32 hash;
  u8 is_ip;
  u8 has_ports;
  u8 has_flow;  // key names a flow that a decision may cover: no fragment, no SYN, FIN or RST
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

INLINE void parse(struct __sk_buff *skb, const struct eth *eth, const struct state *state, struct parsed *p) {
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

  parse_ip(skb, offset, type, p);
  if (!p->is_ip) {
    // ARP and the rest: by the pair of MACs.
    u32 to, from;
    __builtin_memcpy(&to, eth->to + 2, 4);
    __builtin_memcpy(&from, eth->from + 2, 4);
    p->hash = mix(mix(to ^ state->seed) + mix(from ^ state->seed));
    return;
  }
  if (is_less(p->key.b, p->key.a, p->key.port_b, p->key.port_a))
    swap_ends(&p->key);
  p->hash = hash_of(&p->key, state->seed, (state->flags & STATE_STEER_TUPLE) && p->has_ports);
}

INLINE int is_blocked_ip(const u32 *address, u8 version, u32 len) {
  struct ip_key key = {};
  if (version == 4) {
    key.address[2] = __builtin_bswap32(0xffff);
    key.address[3] = address[0];
  } else {
    __builtin_memcpy(key.address, address, 16);
  }
  struct count *hit = map_lookup(&bg_ips, &key);
  if (!hit)
    return 0;
  __sync_fetch_and_add(&hit->packets, 1);
  __sync_fetch_and_add(&hit->bytes, len);
  return 1;
}

INLINE int is_blocked_mac(const u8 *mac, u16 bridge_id, u32 len) {
  struct mac_key key;
  __builtin_memcpy(key.mac, mac, 6);
  key.bridge_id = bridge_id;
  struct count *hit = map_lookup(&bg_macs, &key);
  if (!hit)
    return 0;
  __sync_fetch_and_add(&hit->packets, 1);
  __sync_fetch_and_add(&hit->bytes, len);
  return 1;
}

INLINE int is_blocked(const struct eth *eth, const struct state *state, const struct port_config *port, const struct parsed *p, u32 len) {
  if (port->flags & PORT_QUARANTINED)
    return 1;
  if ((state->flags & STATE_BLOCKED_MAC) &&
      (is_blocked_mac(eth->from, port->bridge_id, len) || is_blocked_mac(eth->to, port->bridge_id, len)))
    return 1;
  return (state->flags & STATE_BLOCKED_IP) && p->is_ip &&
         (is_blocked_ip(p->key.a, p->key.version, len) || is_blocked_ip(p->key.b, p->key.version, len));
}

INLINE void touch(struct flow_value *flow, u32 len, u64 now) {
  __sync_fetch_and_add(&flow->packets, 1);
  __sync_fetch_and_add(&flow->bytes, len);
  flow->last_ns = now;
}

INLINE int is_link_local_control(const struct eth *eth) {
  return eth->to[0] == 0x01 && eth->to[1] == 0x80 && eth->to[2] == 0xc2 && eth->to[3] == 0 && eth->to[4] == 0 && (eth->to[5] & 0xf0) == 0;
}

// Sends the frame to the daemon with the port in an outer tag, or does what the port's policy says where the daemon cannot take it.
INLINE int punt(struct __sk_buff *skb, struct state *state, const struct port_config *port, struct port_counters *counters,
                u32 queue, struct flow_value *waiting, u64 now, u32 len) {
  struct queue_state *q = &state->queue[queue & (MAX_QUEUES - 1)];
  int mirrored = port->mode == MODE_MIRROR;
  int stale = (s64)(now - q->heartbeat_ns) > (s64)state->stale_ns;
  if (stale || (s64)(q->punted - q->done) >= (s64)state->backlog_limit) {
    int closed = !mirrored && (port->flags & (stale ? PORT_STALE_CLOSED : PORT_OVERLOAD_CLOSED));
    add(closed ? &counters->closed : &counters->opened, len);
    return closed ? TCX_DROP : TCX_NEXT;
  }

  u16 tag = port->port_id | ((mirrored ? TAG_MIRRORED : TAG_INLINE) << TAG_PCP_SHIFT);
  if (skb_vlan_push(skb, TAG_PROTOCOL, tag)) {
    int closed = !mirrored && (port->flags & PORT_OVERLOAD_CLOSED);
    add(closed ? &counters->closed : &counters->opened, len);
    return closed ? TCX_DROP : TCX_NEXT;
  }

  u64 sequence = __sync_fetch_and_add(&q->punted, 1) + 1;
  if (waiting)
    waiting->wait_seq = sequence;
  add(&counters->punted, len);
  u32 mark = skb->mark;
  skb->mark = queue;  // for the steering program; a frame comes back with the secret one or with none
  if (!mirrored)
    return redirect(state->punt_ifindex, 0);

  clone_redirect(skb, state->punt_ifindex, 0);
  skb->mark = mark;
  skb_vlan_pop(skb);
  return TCX_NEXT;
}

// At the ingress of every port and at the egress of the bridge device.
SEC("tcx/port") int bg_port(struct __sk_buff *skb) {
  u32 zero = 0, ifindex = skb->ifindex, len = skb->len;
  struct state *state = map_lookup(&bg_state, &zero);
  struct port_config *port = map_lookup(&bg_ports, &ifindex);
  if (!state || !port)
    return TCX_NEXT;
  if (skb->mark == state->mark) {
    skb->mark = 0;
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
    return TCX_NEXT;
  }

  struct parsed p;
  __builtin_memset(&p, 0, sizeof p);
  p.key.bridge_id = port->bridge_id;
  parse(skb, &eth, state, &p);
  if (is_blocked(&eth, state, port, &p, len)) {
    add(&counters->blocked, len);
    return TCX_DROP;
  }
  if (port->mode == MODE_OFF)
    return TCX_NEXT;

  u64 now = ktime_get_ns();
  u32 queues = state->queues;
  u32 queue = queues ? p.hash % queues : 0;
  struct flow_value *waiting = 0;
  if (p.has_flow && (state->flags & STATE_FLOWS) && port->mode == MODE_INLINE) {
    struct flow_value *flow = map_lookup(&bg_drop, &p.key);
    if (flow) {
      touch(flow, len, now);
      add(&counters->dropped, len);
      return TCX_DROP;
    }
    flow = map_lookup(&bg_pass, &p.key);
    if (flow) {
      // Frames of the flow may still be with the daemon; what is let through now would overtake them.
      if (!flow->active &&
          ((s64)(state->queue[queue & (MAX_QUEUES - 1)].done - flow->wait_seq) >= 0 || (s64)(now - flow->deadline_ns) >= 0))
        flow->active = 1;
      if (flow->active) {
        touch(flow, len, now);
        add(&counters->passed, len);
        return TCX_NEXT;
      }
      waiting = flow;
    }
  }
  return punt(skb, state, port, counters, queue, waiting, now, len);
}

// At the ingress of the punt device: what the daemon wrote goes where its tag says.
SEC("tcx/punt") int bg_punt(struct __sk_buff *skb) {
  u32 zero = 0;
  struct state *state = map_lookup(&bg_state, &zero);
  if (!state || !skb->vlan_present || skb->vlan_proto != TAG_PROTOCOL)
    return TCX_DROP;
  u32 tci = skb->vlan_tci;
  u32 port_id = tci & TAG_VID_MASK;
  u32 to_guest = ((tci >> TAG_PCP_SHIFT) & 7) == TAG_TO_GUEST;
  struct target *target = map_lookup(&bg_targets, &port_id);
  if (!target || !target->ifindex || skb_vlan_pop(skb))
    return TCX_DROP;
  skb->mark = to_guest ? 0 : state->mark;
  // Behind the bridge device is the host: what it "sends" leaves by the device, what is for it comes in by the device.
  return redirect(target->ifindex, to_guest == (target->is_host != 0) ? REDIRECT_INGRESS : 0);
}

// The queue of the punt device: the port program has chosen it already.
SEC("socket/steer") int bg_steer(struct __sk_buff *skb) {
  return skb->mark;
}
