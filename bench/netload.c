// netload.c - tiny load tools for inline-peer.py (IPv4). Build: gcc -O2 -o netload netload.c -lpthread
//  echo-udp ADDR PORT | echo-tcp ADDR PORT                 echo server (until killed)
//  ping-udp|ping-tcp ADDR PORT SECS SIZE GAP_US            closed loop RTT: n lost p50 p99 p999 max (us)
//  blast ADDR PORT SECS SIZE PPS FLOWS                     open loop UDP (PPS 0 = as fast as possible): sent, pps
//  sink  ADDR PORT MAXSECS                                 UDP receiver: received, pps, longest gap (ms)
//  outage ADDR PORT SECS                                   1 kHz UDP echo probe: sent, back, longest silence (ms)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static void die(const char *m) { perror(m); exit(1); }
static void nap(double s) { if (s > 0) { struct timespec t = { (time_t)s, (long)((s - (time_t)s) * 1e9) }; nanosleep(&t, 0); } }
static struct sockaddr_in sa(const char *a, const char *p) {
    struct sockaddr_in s = { .sin_family = AF_INET, .sin_port = htons(atoi(p)) };
    if (inet_pton(AF_INET, a, &s.sin_addr) != 1) { fprintf(stderr, "bad address\n"); exit(1); }
    return s;
}
static int cmpd(const void *a, const void *b) { float x = *(float *)a, y = *(float *)b; return (x > y) - (x < y); }

static int sock(int type) {
    int fd = socket(AF_INET, type, 0), one = 1, big = 64 << 20;
    if (fd < 0) die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (type == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big);
    else setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}
static void timeout_ms(int fd, int ms) { struct timeval t = { ms / 1000, ms % 1000 * 1000 }; setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t); }

static void *tcp_conn(void *v) {
    int fd = (int)(intptr_t)v, one = 1; char b[65536]; ssize_t n;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while ((n = read(fd, b, sizeof b)) > 0) if (write(fd, b, n) != n) break;
    close(fd); return 0;
}
static void echo(struct sockaddr_in s, int tcp) {
    int fd = sock(tcp ? SOCK_STREAM : SOCK_DGRAM);
    if (bind(fd, (void *)&s, sizeof s)) die("bind");
    if (tcp) {
        if (listen(fd, 128)) die("listen");
        for (;;) { int c = accept(fd, 0, 0); pthread_t t; if (c >= 0 && !pthread_create(&t, 0, tcp_conn, (void *)(intptr_t)c)) pthread_detach(t); }
    }
    char b[65536]; struct sockaddr_in p; socklen_t l;
    for (;;) { l = sizeof p; ssize_t n = recvfrom(fd, b, sizeof b, 0, (void *)&p, &l); if (n >= 0) sendto(fd, b, n, 0, (void *)&p, l); }
}
static void ping(struct sockaddr_in s, int tcp, double secs, int size, int gap) {
    int fd = sock(tcp ? SOCK_STREAM : SOCK_DGRAM);
    if (connect(fd, (void *)&s, sizeof s)) die("connect");
    timeout_ms(fd, tcp ? 3000 : 250);
    size_t cap = 1 << 22, n = 0; long lost = 0; float *r = malloc(cap * sizeof *r); char b[65536] = {0};
    if (size < 8) size = 8;
    double end = now() + secs; uint64_t seq = 0;
    while (now() < end && n < cap) {
        memcpy(b, &(uint64_t){ ++seq }, 8);
        double t = now(); uint64_t got = 0;
        if (send(fd, b, size, 0) < 0) { lost++; continue; }
        if (tcp) {
            int k = 0; while (k < size) { ssize_t m = recv(fd, b + k, size - k, 0); if (m <= 0) break; k += m; }
            if (k < size) { lost++; break; }
        } else {
            do { ssize_t m = recv(fd, b, sizeof b, 0); if (m < 8) { got = 0; break; } memcpy(&got, b, 8); } while (got != seq);
            if (!got) { lost++; continue; }
        }
        r[n++] = (now() - t) * 1e6;
        if (gap) nap(gap * 1e-6);
    }
    if (!n) { printf("0 %ld 0 0 0 0\n", lost); return; }
    qsort(r, n, sizeof *r, cmpd);
    printf("%zu %ld %.1f %.1f %.1f %.1f\n", n, lost, r[n / 2], r[n * 99 / 100], r[n * 999 / 1000], r[n - 1]);
}
#define B 32
static void blast(struct sockaddr_in s, double secs, int size, double pps, int flows) {
    int fd[256]; if (flows < 1) flows = 1; if (flows > 256) flows = 256;
    for (int i = 0; i < flows; i++) { fd[i] = sock(SOCK_DGRAM); if (connect(fd[i], (void *)&s, sizeof s)) die("connect"); }
    static char b[65536]; struct iovec io = { b, size }; struct mmsghdr m[B]; memset(m, 0, sizeof m);
    for (int i = 0; i < B; i++) m[i].msg_hdr = (struct msghdr){ .msg_iov = &io, .msg_iovlen = 1 };
    double t0 = now(), t; uint64_t sent = 0; int f = 0, batch = pps > 0 && pps < 32000 ? 1 : B;
    while ((t = now()) - t0 < secs) {
        if (pps > 0) { double due = t0 + sent / pps; if (due > t) { nap(due - t); continue; } }
        int k = sendmmsg(fd[f], m, batch, 0); if (k > 0) sent += k;
        f = (f + 1) % flows;
    }
    printf("%lu %.0f\n", (unsigned long)sent, sent / (now() - t0));
}
static void sink(struct sockaddr_in s, double max) {
    int fd = sock(SOCK_DGRAM); if (bind(fd, (void *)&s, sizeof s)) die("bind");
    timeout_ms(fd, 100);
    static char b[B * 2][2048]; struct iovec io[B * 2]; struct mmsghdr m[B * 2]; memset(m, 0, sizeof m);
    for (int i = 0; i < B * 2; i++) { io[i] = (struct iovec){ b[i], sizeof b[i] }; m[i].msg_hdr = (struct msghdr){ .msg_iov = &io[i], .msg_iovlen = 1 }; }
    double t0 = now(), first = 0, last = 0, gap = 0, t; uint64_t n = 0;
    while ((t = now()) - t0 < max && !(first && t - last > 1.0)) {
        int k = recvmmsg(fd, m, B * 2, MSG_WAITFORONE, 0); if (k <= 0) continue;
        t = now(); if (!first) first = t; else if (t - last > gap) gap = t - last;
        last = t; n += k;
    }
    printf("%lu %.0f %.1f\n", (unsigned long)n, last > first ? n / (last - first) : 0, gap * 1e3);
}
static void outage(struct sockaddr_in s, double secs) {
    int fd = sock(SOCK_DGRAM); if (connect(fd, (void *)&s, sizeof s)) die("connect");
    double t0 = now(), last = t0, gap = 0, next = t0, t; uint64_t sent = 0, back = 0; char b[64] = {0};
    while ((t = now()) - t0 < secs) {
        if (t >= next) { if (send(fd, b, 64, 0) >= 0) sent++; next += 0.001; if (next < t - 0.1) next = t; }
        struct pollfd p = { fd, POLLIN, 0 }; poll(&p, 1, 1);
        while (recv(fd, b, sizeof b, MSG_DONTWAIT) > 0) { t = now(); back++; if (t - last > gap) gap = t - last; last = t; }
    }
    if (now() - last > gap) gap = now() - last;
    printf("%lu %lu %.1f\n", (unsigned long)sent, (unsigned long)back, gap * 1e3);
}
int main(int c, char **v) {
    setvbuf(stdout, 0, _IOLBF, 0);
    if (c < 4) { fprintf(stderr, "see the top of netload.c\n"); return 2; }
    struct sockaddr_in s = sa(v[2], v[3]);
    if (!strcmp(v[1], "echo-udp")) echo(s, 0);
    else if (!strcmp(v[1], "echo-tcp")) echo(s, 1);
    else if (!strncmp(v[1], "ping-", 5) && c >= 7) ping(s, v[1][5] == 't', atof(v[4]), atoi(v[5]), atoi(v[6]));
    else if (!strcmp(v[1], "blast") && c >= 8) blast(s, atof(v[4]), atoi(v[5]), atof(v[6]), atoi(v[7]));
    else if (!strcmp(v[1], "sink") && c >= 5) sink(s, atof(v[4]));
    else if (!strcmp(v[1], "outage") && c >= 5) outage(s, atof(v[4]));
    else { fprintf(stderr, "see the top of netload.c\n"); return 2; }
    return 0;
}
