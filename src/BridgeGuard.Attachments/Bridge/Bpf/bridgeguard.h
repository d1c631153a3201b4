// What the programs and the daemon share. The same layouts are in KernelLayout.cs, field by field; a test compares the sizes.
#ifndef BRIDGEGUARD_H
#define BRIDGEGUARD_H

#include "kernel.h"

enum {
  MAX_PORTS = 4096,  // 12 bits of VLAN id; 0 and 4095 are not used
  MAX_QUEUES = 64,
  MAX_MARKS = 6,
  MAX_LATE = 2048,   // late frames that may be with the daemon at once, a power of two below MAX_PORTS
  MIN_CARRIED = 64,  // bytes of a segment, padding included, below which the engine gets it whatever was decided for its direction
};

// The outer tag on the punt device: VID = port id, PCP = one of these.
enum {
  TAG_INLINE = 0,     // to the daemon: waits for a verdict. From the daemon: goes on as if the port had received it
  TAG_MIRRORED = 1,   // to the daemon: a copy, the frame itself has gone on
  TAG_TO_GUEST = 1,   // from the daemon: leaves by the port
  TAG_LATE = 2,       // to the daemon: was about to leave by the port, from nobody knows where. From the daemon: TAG_TO_GUEST
  TAG_UNSEEN = 3,     // to the daemon: was about to leave by a port, from one that has no program yet. VID = index in state.late
};
#define TAG_PROTOCOL SWAP16(0x88a8)
#define TAG_PCP_SHIFT 13
#define TAG_VID_MASK 0x0fff
// From the daemon, the upper two bits of PCP and DEI: the place in state.marks of the mark that the frame gets, from 1; 0: none.
#define TAG_MARK(tci) (((tci) >> 12 & 1) | ((tci) >> 13 & 6))
#define MARK_UNSEEN 7     // instead of a place: VID is an index in state.late, the frame enters once more by the port that it came by
#define MARK_PLACES 7u  // the bits of state.mark that hold such a place on the way from the punt device to the port

// MODE_MONITOR: as inline, but the engine's verdict is not carried out and nothing is ever closed.
enum { MODE_OFF = 0, MODE_INLINE = 1, MODE_MIRROR = 2, MODE_MONITOR = 3 };

// port_config.flags
enum {
  PORT_STALE_CLOSED = 1,     // drop while the data plane hangs (or has not begun yet)
  PORT_OVERLOAD_CLOSED = 2,  // drop what is over the backlog limit
  PORT_QUARANTINED = 4,      // drop everything from here but what bg_remedies names
  PORT_GUARDED = 8,          // only senders that bg_bindings names
  PORT_GUARD_REPORTS = 16,   // others are counted and go on
  PORT_CRASH_CLOSED = 32,    // drop while there is no data plane
};

// port_config.unseen, beside PORT_STALE_CLOSED, PORT_OVERLOAD_CLOSED and PORT_CRASH_CLOSED
enum { UNSEEN_INSPECTED = 64 };

// state.flags
enum {
  STATE_FLOWS = 1,        // a flow has been decided, look into the maps
  STATE_BLOCKED_IP = 2,
  STATE_BLOCKED_MAC = 4,
  STATE_STEER_TUPLE = 8,  // spread by addresses and ports instead of addresses
  STATE_ACTS = 16,        // a flow has an act
};

// What happens to one direction of a flow that has an act.
enum {
  VERB_PUNT = 0,      // nothing, the engine sees it
  VERB_PASS = 1,
  VERB_DROP = 2,
  VERB_REDIRECT = 3,  // leaves by another device
  VERB_REWRITE = 4,   // goes on as another frame
};

// rewrite.flags
enum {
  REWRITE_TO = 1,            // address and port are the receiver's; else the sender's
  REWRITE_MAC_TO = 2,
  REWRITE_MAC_FROM = 4,
  REWRITE_SEQUENCE = 8,      // TCP: add to the numbers
  REWRITE_REDIRECT = 16,     // and leaves by the device of `ifindex`
};

// blocked.flags
enum {
  BLOCK_DROP = 1,
  BLOCK_LIMIT = 2,       // over the limit only
  BLOCK_QUARANTINE = 4,  // a quarantined guest: what bg_remedies of its port names may pass
};

enum { LIMIT_BY_PACKETS = 1 };

// Written by the daemon only, except `punted`. One cache line for each writer.
struct queue_state {
  u64 heartbeat_ns;  // CLOCK_MONOTONIC
  u64 done;          // frames the worker has finished with
  u64 pad0[6];
  u64 punted;        // frames sent to the queue
  u64 pad1[7];
};

// Where a frame that no program had seen came from, and by which port it was about to leave.
struct late {
  u32 from_ifindex;
  u16 port_id;
  u16 pad;
};

struct state {
  u32 mark;  // secret, random at each start: this frame comes from the daemon. Its MARK_PLACES are free
  u32 punt_ifindex;
  u32 queues;
  u32 seed;
  u64 stale_ns;
  u64 backlog_limit;
  u32 flags;
  u32 stamp;  // tc_index of frames that a port program has seen
  u32 marks[MAX_MARKS];  // for tc and nftables: what skb->mark is set to
  struct queue_state queue[MAX_QUEUES];
  u32 next_late;
  u32 pad;
  struct late late[MAX_LATE];
};

// The last frame without a stamp that a CPU had at a gate. A bridge sends the copies of a frame to its ports one after another, on one CPU.
struct unseen {
  u64 hash;
  u64 at_ns;
  u32 len;
  u32 first_ifindex;
};

struct port_config {
  u16 port_id;
  u16 bridge_id;
  u8 mode;
  u8 flags;
  u8 unseen;  // for frames that are about to leave by this port, from one that nobody has told of: UNSEEN_INSPECTED and the closed flags of the bridge
  u8 pad;
  u32 limit;  // key in bg_limits of all that the port sends; 0: none
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
  struct count control;   // link-local control frames (STP, LLDP, pause): never touched; of LLDP the daemon gets a copy
  struct count limited;   // dropped, over a rate limit
  struct count guarded;   // sender not bound to the port: dropped, or counted beside another counter where the guard only reports
  struct count moved;     // rewritten or redirected by a flow decision
  struct count late;      // beside the others, by the port they leave by: sent to the daemon because no port program had seen them
  struct count copies;    // beside the others: further copies of such a frame, which the bridge makes anew when it has come back
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

// What a flow's frames of one direction have counted. Its writers are the CPUs of its sender: a cache line of its own.
struct flow_count {
  struct count count;
  u64 last_ns;
  u64 pad[5];
};

// What every frame reads comes first, so that it is not in a line that every frame writes: an entry of a hash map has 96 bytes before it (header and
// key), and entries are then whole lines. The counts end the entry.
struct flow_value {
  u64 wait_seq;     // punted frames of this flow are on their way until `done` reaches this
  u64 deadline_ns;  // but wait no longer than this
  u32 active;
  u16 queue;        // whose flow it is; for the daemon
  u16 only;         // 0: both directions; 1 + direction: only it, and only data segments with this acknowledgement and window; 3: neither, the flow is dropped now
  u32 ack;          // as in the packet
  u16 window;       // as in the packet
  u16 mark;         // place in state.marks of what its frames are marked with, from 1; 0: they stay as they are
  struct flow_count from[2];  // by direction: 0 from a to b, 1 from b to a
};

struct rewrite {
  u32 address[4];
  u16 port;
  u8 flags;
  u8 window_shift;  // to the left; 32 + n: to the right
  u8 mac_to[6];
  u8 mac_from[6];
  u32 sequence_add;
  u32 acknowledged_add;
};

struct flow_side {
  u32 ifindex;       // VERB_REDIRECT, REWRITE_REDIRECT
  u8 verb;
  u8 into;           // enters by the device instead of leaving by it
  u8 whole;          // SYN, FIN and RST too, which else are the engine's
  u8 pad;
  u32 limit;         // key in bg_limits; 0: none. What is within it goes on with the verb
  struct rewrite rewrite;
};

struct flow_act {
  struct flow_value value;
  struct flow_side side[2];
};

struct mac_key {
  u8 mac[6];
  u16 bridge_id;
};

struct ip_key {
  u32 address[4];  // IPv4 as ::ffff:a.b.c.d
};

struct blocked {
  struct count count;
  u64 expires_ns;  // CLOCK_MONOTONIC; 0: never
  u32 limit;
  u16 port_id;     // BLOCK_QUARANTINE: whose remedies hold
  u16 flags;
};

// What a quarantined port may still talk to. Protocol and port 0: all of the address. Address 0: anybody; then port 0 is any, and protocol 0x0806 is ARP.
struct remedy_key {
  u32 address[4];
  u16 port_id;
  u16 port;
  u16 protocol;
  u16 pad;
};

// Who may send by a port. An address of zeros says that the MAC is bound; each address that it may use has an entry more.
struct binding_key {
  u32 address[4];
  u8 mac[6];
  u16 port_id;
};

struct binding {
  struct count count;
  u32 any_address;
  u32 pad;
};

// A token bucket, kept as the time at which it would be full again (GCRA).
struct limit {
  u64 full_ns;
  u64 cost;      // (ns << 20) for each byte or packet
  u64 burst_ns;
  struct count passed;
  struct count dropped;
  u32 flags;
  u32 pad;
};

#endif
