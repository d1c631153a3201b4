// What the programs and the daemon share. The same layouts are in KernelLayout.cs, field by field; a test compares the sizes.
#ifndef BRIDGEGUARD_H
#define BRIDGEGUARD_H

#include "kernel.h"

enum {
  MAX_PORTS = 4096,  // 12 bits of VLAN id; 0 and 4095 are not used
  MAX_QUEUES = 64,
};

// The outer tag on the punt device: VID = port id, PCP = one of these.
enum {
  TAG_INLINE = 0,     // to the daemon: waits for a verdict. From the daemon: goes on as if the port had received it
  TAG_MIRRORED = 1,   // to the daemon: a copy, the frame itself has gone on
  TAG_TO_GUEST = 1,   // from the daemon: leaves by the port
};
#define TAG_PROTOCOL SWAP16(0x88a8)
#define TAG_PCP_SHIFT 13
#define TAG_VID_MASK 0x0fff

enum { MODE_OFF = 0, MODE_INLINE = 1, MODE_MIRROR = 2 };

// port_config.flags
enum {
  PORT_STALE_CLOSED = 1,     // drop while the daemon is dead or hangs
  PORT_OVERLOAD_CLOSED = 2,  // drop what is over the backlog limit
  PORT_QUARANTINED = 4,      // drop everything from here
};

// state.flags
enum {
  STATE_FLOWS = 1,        // a flow has been decided, look into the maps
  STATE_BLOCKED_IP = 2,
  STATE_BLOCKED_MAC = 4,
  STATE_STEER_TUPLE = 8,  // spread by addresses and ports instead of addresses
};

// Written by the daemon only, except `punted`. One cache line for each writer.
struct queue_state {
  u64 heartbeat_ns;  // CLOCK_MONOTONIC
  u64 done;          // frames the worker has finished with
  u64 pad0[6];
  u64 punted;        // frames sent to the queue
  u64 pad1[7];
};

struct state {
  u32 mark;  // secret, random at each start: this frame comes from the daemon
  u32 punt_ifindex;
  u32 queues;
  u32 seed;
  u64 stale_ns;
  u64 backlog_limit;
  u32 flags;
  u32 pad[7];
  struct queue_state queue[MAX_QUEUES];
};

struct port_config {
  u16 port_id;
  u16 bridge_id;
  u8 mode;
  u8 flags;
  u16 pad;
};

struct target {
  u32 ifindex;
  u32 is_host;  // the bridge device itself: its "guest" is the host
};

struct count {
  u64 packets;
  u64 bytes;
};

struct port_counters {
  struct count seen;
  struct count punted;
  struct count passed;    // by a flow decision
  struct count dropped;   // by a flow decision
  struct count blocked;   // by address or quarantine
  struct count opened;    // let through unseen: dead, hung or overloaded
  struct count closed;    // dropped for the same reasons
  struct count control;   // link-local control frames (STP, LLDP, pause): never touched
};

// Both directions have the same key: the lower (address, port) is a.
struct flow_key {
  u32 a[4];
  u32 b[4];
  u16 port_a;
  u16 port_b;
  u16 vlan[2];
  u8 protocol;
  u8 version;
  u16 bridge_id;
};

struct flow_value {
  u64 packets;
  u64 bytes;
  u64 last_ns;
  u64 wait_seq;     // pass only: punted frames of this flow are on their way until `done` reaches this
  u64 deadline_ns;  // pass only: but wait no longer than this
  u32 active;
  u32 pad;
};

struct mac_key {
  u8 mac[6];
  u16 bridge_id;
};

struct ip_key {
  u32 address[4];  // IPv4 as ::ffff:a.b.c.d
};

#endif
