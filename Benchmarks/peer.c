/* The other end of the benchmarks: an origin and a receiver that cost less than what they measure.
 *
 *   peer [-p PORT] [FILE]
 *                   listens on that loopback port or a free one and prints `port N`; ends with SIGTERM or when stdin
 *                   closes.
 *
 *   GET /bytes/N/…  N bytes from memory, at most 1 MiB
 *   GET /file/N/…   the first N bytes of FILE by sendfile(2)
 *   GET /count      `COUNT SECONDS`: callbacks so far, and CLOCK_MONOTONIC when the last one was complete
 *   GET /marks      `COUNT EMPTY FIRST LAST LAST-WALL SERVED`: callbacks so far; how many of them had no body;
 *                   CLOCK_MONOTONIC at the first byte of the first and of the last of them, CLOCK_REALTIME for the
 *                   last; CLOCK_MONOTONIC when the last answer of a source had been handed to the kernel
 *   GET /reset      sets all of these to nought
 *   POST …          a callback: read whole, counted, answered with an empty 200
 *
 * One thread, epoll, keep-alive. Not a general HTTP server: heads up to 32 KiB, bodies only with Content-Length.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_LIMIT = 32 << 10, MEMORY = 1 << 20, EVENTS = 256 };

struct connection {
    int socket;
    size_t have;              /* bytes in `in` */
    size_t skip;              /* bytes of a request's body still to come */
    int counts;               /* whether the request under way is a callback */
    int serves;               /* whether the answer under way is a source's */
    double began, began_wall; /* when the first byte of the request under way came */
    char out[256];            /* the head of the answer */
    size_t out_length, out_at;
    size_t memory_left;       /* bytes still to send from memory */
    off_t file_at, file_end;  /* range still to send from the file */
    int waits;                /* whether it waits to be writable */
    char in[HEAD_LIMIT];
};

static char memory[MEMORY];
static int file = -1;
static long long count, empty;
static double last;
static double first_began, last_began, last_began_wall, served;
static int queue;

static double on(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double now(void) { return on(CLOCK_MONOTONIC); }

static void drop(struct connection *c) {
    close(c->socket);
    free(c);
}

/* Sends what is due. 1: all sent, 0: must wait, -1: gone. */
static int flush(struct connection *c) {
    while (c->out_at < c->out_length || c->memory_left > 0 || c->file_at < c->file_end) {
        ssize_t sent;
        if (c->out_at < c->out_length) {
            int more = c->memory_left > 0 || c->file_at < c->file_end ? MSG_MORE : 0;
            sent = send(c->socket, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL | more);
            if (sent > 0) c->out_at += (size_t)sent;
        } else if (c->memory_left > 0) {
            sent = send(c->socket, memory, c->memory_left, MSG_NOSIGNAL);
            if (sent > 0) c->memory_left -= (size_t)sent;
        } else {
            sent = sendfile(c->socket, file, &c->file_at, (size_t)(c->file_end - c->file_at));
            if (sent == 0) return -1;
        }
        if (sent < 0) return errno == EAGAIN ? 0 : errno == EINTR ? 0 : -1;
    }
    return 1;
}

static void answer(struct connection *c, const char *type, long long length) {
    c->out_at = 0;
    c->out_length = (size_t)snprintf(
        c->out, sizeof c->out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %lld\r\n\r\n", type, length);
}

static void say(struct connection *c, const char *text) {
    c->serves = 0;
    answer(c, "text/plain", (long long)strlen(text));
    c->out_length += (size_t)snprintf(c->out + c->out_length, sizeof c->out - c->out_length, "%s", text);
}

/* Counts a callback whose last byte has come. */
static void take(struct connection *c) {
    count++;
    last = now();
    c->counts = 0;
}

/* Decides on a request whose head ends at `end`. */
static void decide(struct connection *c, char *end) {
    char text[160];
    *end = 0;
    c->counts = 0;
    c->serves = 1;
    c->skip = 0;
    for (char *line = strstr(c->in, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "content-length:", 15) == 0) c->skip = strtoull(line + 17, NULL, 10);
    if (strncmp(c->in, "POST ", 5) == 0) {
        c->counts = 1;
        c->serves = 0;
        if (c->skip == 0) empty++;
        if (first_began == 0) first_began = c->began;
        last_began = c->began;
        last_began_wall = c->began_wall;
        answer(c, "text/plain", 0);
    } else if (strncmp(c->in, "GET /bytes/", 11) == 0 || strncmp(c->in, "HEAD /bytes/", 12) == 0) {
        long long length = atoll(strchr(c->in, '/') + 7);
        if (length > MEMORY) length = MEMORY;
        answer(c, "video/mp4", length);
        c->memory_left = c->in[0] == 'G' ? (size_t)length : 0;
    } else if (strncmp(c->in, "GET /file/", 10) == 0 && file >= 0) {
        long long length = atoll(c->in + 10);
        answer(c, "video/mp4", length);
        c->file_at = 0;
        c->file_end = (off_t)length;
    } else if (strncmp(c->in, "GET /count", 10) == 0) {
        snprintf(text, sizeof text, "%lld %.9f\n", count, last);
        say(c, text);
    } else if (strncmp(c->in, "GET /marks", 10) == 0) {
        snprintf(text, sizeof text, "%lld %lld %.9f %.9f %.9f %.9f\n", count, empty, first_began, last_began,
                 last_began_wall, served);
        say(c, text);
    } else if (strncmp(c->in, "GET /reset", 10) == 0) {
        count = empty = 0;
        last = first_began = last_began = last_began_wall = served = 0;
        say(c, "0\n");
    } else {
        c->out_at = 0;
        c->out_length = (size_t)snprintf(c->out, sizeof c->out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
}

/* Goes on as far as possible; 0 when the connection is gone. */
static int advance(struct connection *c) {
    for (;;) {
        int sent = c->skip == 0 ? flush(c) : 1;
        if (sent < 0) return 0;
        if (sent == 0) {
            if (!c->waits) {
                struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP, {.ptr = c}};
                epoll_ctl(queue, EPOLL_CTL_MOD, c->socket, &event);
                c->waits = 1;
            }
            return 1;
        }
        if (c->waits) {
            struct epoll_event event = {EPOLLIN | EPOLLRDHUP, {.ptr = c}};
            epoll_ctl(queue, EPOLL_CTL_MOD, c->socket, &event);
            c->waits = 0;
        }
        if (c->skip == 0 && c->serves) {
            served = now();
            c->serves = 0;
        }
        if (c->skip > 0 && c->have > 0) {
            size_t taken = c->have < c->skip ? c->have : c->skip;
            memmove(c->in, c->in + taken, c->have - taken);
            c->have -= taken;
            c->skip -= taken;
            if (c->skip == 0 && c->counts) take(c);
            continue;
        }
        if (c->skip == 0 && c->counts) take(c);
        if (c->skip == 0 && c->have > 0) {
            char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
            if (end) {
                size_t used = (size_t)(end - c->in) + 4;
                decide(c, end);
                memmove(c->in, c->in + used, c->have - used);
                c->have -= used;
                continue;
            }
            if (c->have == sizeof c->in) return 0;
        }
        ssize_t got = recv(c->socket, c->in + c->have, sizeof c->in - c->have, 0);
        if (got == 0) return 0;
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (c->have == 0 && c->skip == 0) {
            c->began = now();
            c->began_wall = on(CLOCK_REALTIME);
        }
        c->have += (size_t)got;
    }
}

int main(int argc, char **argv) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    int port = 0, at = 1;
    if (argc > 2 && strcmp(argv[1], "-p") == 0) {
        port = atoi(argv[2]);
        at = 3;
    }
    if (argc > at && (file = open(argv[at], O_RDONLY)) < 0) {
        perror(argv[at]);
        return 1;
    }
    for (size_t i = 0; i < sizeof memory; i++) memory[i] = (char)(i * 2654435761u >> 13);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) {
        perror("listen");
        return 1;
    }
    getsockname(listener, (struct sockaddr *)&address, &length);
    queue = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.ptr = NULL}};
    epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event input = {EPOLLIN | EPOLLHUP, {.ptr = memory}};
    epoll_ctl(queue, EPOLL_CTL_ADD, 0, &input);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int found = epoll_wait(queue, events, EVENTS, -1);
        for (int i = 0; i < found; i++) {
            if (events[i].data.ptr == memory) return 0; /* the parent is gone */
            if (events[i].data.ptr == NULL) {
                int accepted;
                while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    struct connection *c = calloc(1, sizeof *c);
                    if (c == NULL) return 1;
                    c->socket = accepted;
                    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    struct epoll_event added = {EPOLLIN | EPOLLRDHUP, {.ptr = c}};
                    epoll_ctl(queue, EPOLL_CTL_ADD, accepted, &added);
                }
                continue;
            }
            if (!advance(events[i].data.ptr)) drop(events[i].data.ptr);
        }
    }
}
