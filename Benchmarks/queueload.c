/* A load of signed requests on a queue, which costs less than what it measures.
 *
 *   queueload MODE PORT KEY-ID KEY-SECRET QUEUE MESSAGES CONNECTIONS BATCH BODY-BYTES
 *
 *   cycle   each connection sends, receives and deletes, again and again, until so many messages went through all
 *           three
 *   send    only sends
 *   drain   only receives and deletes, until it has as many
 *   wake    one receive waits at a time, beside CONNECTIONS - 2 others on the queue `QUEUE-idle`; the time runs from
 *           the first byte of a send to the last byte of the waiting receive's answer
 *
 * BATCH is 1, or 2 to 16 for the batch forms. Every request is signed on its own (version 2, HMAC-SHA1 over method, type,
 * date, version and target). Prints one JSON object: messages, seconds, and for each kind of request how many there were
 * and their times in milliseconds. An answer that is not expected ends it with 1.
 *
 * One thread, epoll, kept connections, one request at a time on each.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 20000, MOST_BATCH = 16, HANDLE = 160, IN = 256 << 10, OUT = 128 << 10 };
enum kind { SEND, RECEIVE, DELETE, KINDS };

/* -- SHA-1 and HMAC (RFC 3174, RFC 2104) */

struct sha1 {
    uint32_t h[5];
    uint64_t length;
    unsigned char block[64];
};

static uint32_t rotated(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void sha1_block(struct sha1 *s) {
    uint32_t w[80], a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3], e = s->h[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
               (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) f = (b & c) | (~b & d), k = 0x5A827999;
        else if (i < 40) f = b ^ c ^ d, k = 0x6ED9EBA1;
        else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
        else f = b ^ c ^ d, k = 0xCA62C1D6;
        uint32_t next = rotated(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rotated(b, 30), b = a, a = next;
    }
    s->h[0] += a, s->h[1] += b, s->h[2] += c, s->h[3] += d, s->h[4] += e;
}

static void sha1_start(struct sha1 *s) {
    *s = (struct sha1){{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, 0, {0}};
}

static void sha1_add(struct sha1 *s, const void *data, size_t count) {
    const unsigned char *bytes = data;
    while (count-- > 0) {
        s->block[s->length++ % 64] = *bytes++;
        if (s->length % 64 == 0) sha1_block(s);
    }
}

static void sha1_end(struct sha1 *s, unsigned char digest[20]) {
    uint64_t bits = s->length * 8;
    sha1_add(s, "\x80", 1);
    while (s->length % 64 != 56) sha1_add(s, "", 1);
    for (int i = 7; i >= 0; i--) {
        unsigned char byte = (unsigned char)(bits >> 8 * i);
        sha1_add(s, &byte, 1);
    }
    for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

static struct sha1 inner, outer; /* with the key's block already in them */

static void hmac_key(const char *secret) {
    unsigned char block[64] = {0};
    size_t length = strlen(secret);
    if (length > 64) {
        struct sha1 s;
        sha1_start(&s);
        sha1_add(&s, secret, length);
        sha1_end(&s, block);
    } else {
        memcpy(block, secret, length);
    }
    sha1_start(&inner);
    sha1_start(&outer);
    for (int i = 0; i < 64; i++) {
        unsigned char in = block[i] ^ 0x36, out = block[i] ^ 0x5C;
        sha1_add(&inner, &in, 1);
        sha1_add(&outer, &out, 1);
    }
}

/* Base64 of the HMAC of a text: 28 characters and a zero. */
static void signature(const char *text, size_t length, char out[29]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char digest[21] = {0};
    struct sha1 s = inner;
    sha1_add(&s, text, length);
    sha1_end(&s, digest);
    s = outer;
    sha1_add(&s, digest, 20);
    sha1_end(&s, digest);
    digest[20] = 0;
    for (int i = 0; i < 7; i++) {
        uint32_t three = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int j = 0; j < 4; j++) out[4 * i + j] = digits[three >> (18 - 6 * j) & 63];
    }
    out[27] = '=';
    out[28] = 0;
}

/* -- Requests */

struct connection {
    int socket;
    enum kind kind; /* of the request under way */
    int asked;      /* messages that the request under way sends or asks for */
    double began;
    size_t out_length, out_at, have;
    int waits; /* whether it waits to be writable */
    int handles;
    char handle[MOST_BATCH][HANDLE];
    char out[OUT], in[IN];
};

static int port, batch, body_bytes, poller;
static const char *key_id, *queue;
static char *body_text;
static long long total, begun, received, finished;
static long long counts[KINDS];
static float *times[KINDS];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *text) {
    fprintf(stderr, "queueload: %s%s%.1500s\n", what, text ? ": " : "", text ? text : "");
    exit(1);
}

static const char *date(void) {
    static char text[40];
    static time_t made;
    time_t moment = time(NULL);
    if (moment != made) {
        struct tm parts;
        gmtime_r(&moment, &parts);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made = moment;
    }
    return text;
}

/* Writes a signed request into the connection's buffer; `content` may be empty. */
static void compose(struct connection *c, const char *method, const char *target, const char *content, size_t length) {
    static char text[8192];
    char signed_by[29];
    const char *type = length > 0 ? "text/xml;charset=UTF-8" : "";
    const char *dated = date(); /* once: the second may change in between */
    int size = snprintf(
        text, sizeof text, "%s\n\n%s\n%s\nx-mns-version:2015-06-06\n%s", method, type, dated, target);
    signature(text, (size_t)size, signed_by);
    int head = snprintf(
        c->out, OUT, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nDate: %s\r\nx-mns-version: 2015-06-06\r\n"
        "Authorization: MNS %s:%s\r\n%s%s%sContent-Length: %zu\r\n\r\n",
        method, target, port, dated, key_id, signed_by, length > 0 ? "Content-Type: " : "", type,
        length > 0 ? "\r\n" : "", length);
    if ((size_t)head + length > OUT) fail("a request is too long", NULL);
    memcpy(c->out + head, content, length);
    c->out_length = (size_t)head + length;
    c->out_at = 0;
    c->have = 0;
    c->began = now();
}

static void compose_send(struct connection *c, const char *name, int count) {
    static char xml[OUT];
    char target[256];
    size_t at = 0;
    const char *open = count == 1 ? "" : "<Message>", *close = count == 1 ? "" : "</Message>";
    const char *root = count == 1 ? "Message" : "Messages";
    at += (size_t)sprintf(
        xml + at, "<?xml version=\"1.0\" encoding=\"utf-8\"?><%s xmlns=\"http://mns.aliyuncs.com/doc/v1/\">", root);
    for (int i = 0; i < count; i++)
        at += (size_t)sprintf(xml + at, "%s<MessageBody>%s</MessageBody>%s", open, body_text, close);
    at += (size_t)sprintf(xml + at, "</%s>", root);
    snprintf(target, sizeof target, "/queues/%s/messages", name);
    compose(c, "POST", target, xml, at);
    c->kind = SEND;
    c->asked = count;
}

static void compose_receive(struct connection *c, const char *name, int count, int wait) {
    char target[256];
    if (count == 1) snprintf(target, sizeof target, "/queues/%s/messages?waitseconds=%d", name, wait);
    else snprintf(target, sizeof target, "/queues/%s/messages?numOfMessages=%d&waitseconds=%d", name, count, wait);
    compose(c, "GET", target, "", 0);
    c->kind = RECEIVE;
    c->asked = count;
}

static void compose_delete(struct connection *c, const char *name) {
    static char xml[OUT];
    char target[512];
    size_t at = 0;
    snprintf(target, sizeof target, "/queues/%s/messages", name);
    if (batch == 1) {
        snprintf(target, sizeof target, "/queues/%s/messages?ReceiptHandle=%s", name, c->handle[0]);
    } else {
        at += (size_t)sprintf(xml, "<ReceiptHandles xmlns=\"http://mns.aliyuncs.com/doc/v1/\">");
        for (int i = 0; i < c->handles; i++)
            at += (size_t)sprintf(xml + at, "<ReceiptHandle>%s</ReceiptHandle>", c->handle[i]);
        at += (size_t)sprintf(xml + at, "</ReceiptHandles>");
    }
    compose(c, "DELETE", target, xml, at);
    c->kind = DELETE;
    c->asked = c->handles;
}

/* -- Answers */

/* The length of the answer in the buffer; 0 when it is not there as a whole. */
static size_t whole(struct connection *c) {
    if (c->have == 0) return 0;
    char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    size_t head = (size_t)(end - c->in) + 4, length = 0;
    for (char *line = memmem(c->in, head, "\r\n", 2); line && line < end;
         line = memmem(line + 2, (size_t)(end - line), "\r\n", 2))
        if (strncasecmp(line + 2, "content-length:", 15) == 0) length = strtoull(line + 17, NULL, 10);
    return c->have >= head + length ? head + length : 0;
}

/* Takes in what an answer says; 0 when a receive found nothing. */
static int judge(struct connection *c) {
    static const char *expected[KINDS] = {"201", "200", "204"};
    c->in[c->have < IN ? c->have : IN - 1] = 0;
    if (c->kind == RECEIVE && strncmp(c->in + 9, "404", 3) == 0 && strstr(c->in, "MessageNotExist")) return 0;
    if (strncmp(c->in + 9, expected[c->kind], 3) != 0) fail("an answer that is not expected", c->in);
    if (counts[c->kind] < total + MOST_CONNECTIONS) times[c->kind][counts[c->kind]] = (float)(now() - c->began);
    counts[c->kind]++;
    if (c->kind == RECEIVE) {
        c->handles = 0;
        for (char *at = strstr(c->in, "<ReceiptHandle>"); at; at = strstr(at, "<ReceiptHandle>")) {
            at += 15;
            char *end = strchr(at, '<');
            if (end == NULL || end - at >= HANDLE || c->handles == MOST_BATCH) fail("a handle that is too long", at);
            memcpy(c->handle[c->handles], at, (size_t)(end - at));
            c->handle[c->handles++][end - at] = 0;
        }
        if (c->handles == 0) fail("a receive without a handle", c->in);
    }
    return 1;
}

static int connected(void) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, made = socket(AF_INET, SOCK_STREAM, 0);
    if (made < 0 || connect(made, (struct sockaddr *)&address, sizeof address) < 0) fail("connect", strerror(errno));
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return made;
}

static struct connection *new_connection(void) {
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) fail("no memory", NULL);
    c->socket = connected();
    return c;
}

/* -- The modes with many connections at work */

static int sends, drains;

/* Sends what is due of the request; waits for room where there is none. */
static void push(struct connection *c) {
    while (c->out_at < c->out_length) {
        ssize_t sent = send(c->socket, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) fail("send", strerror(errno));
        if (sent < 0) break;
        c->out_at += (size_t)sent;
    }
    int waits = c->out_at < c->out_length;
    if (waits != c->waits) {
        struct epoll_event event = {EPOLLIN | (waits ? EPOLLOUT : 0u), {.ptr = c}};
        epoll_ctl(poller, EPOLL_CTL_MOD, c->socket, &event);
        c->waits = waits;
    }
}

/* Begins the next request of a connection, if there is still one to make. */
static void next(struct connection *c, int found) {
    if (c->kind == RECEIVE && found) {
        compose_delete(c, queue);
    } else if (c->kind == RECEIVE || (c->kind == SEND && drains)) {
        compose_receive(c, queue, batch, 10);
    } else if (begun < total) {
        int count = total - begun < batch ? (int)(total - begun) : batch;
        begun += count;
        if (sends) compose_send(c, queue, count);
        else compose_receive(c, queue, count, 10);
    } else if (sends && drains && received < total) {
        compose_receive(c, queue, batch, 10); /* what others were not given whole */
    } else {
        return;
    }
    push(c);
}

static void answered(struct connection *c) {
    int found = judge(c);
    if (c->kind == RECEIVE && found) {
        received += c->handles;
        if (!sends) begun -= c->asked - c->handles; /* the rest is still to be asked for */
    }
    if (c->kind == DELETE) finished += c->handles;
    if (c->kind == SEND && !drains) finished += c->asked;
    next(c, found);
}

static double work(int connections) {
    static struct connection *all[MOST_CONNECTIONS];
    poller = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        all[i] = new_connection();
        struct epoll_event event = {EPOLLIN, {.ptr = all[i]}};
        epoll_ctl(poller, EPOLL_CTL_ADD, all[i]->socket, &event);
    }
    double started = now();
    for (int i = 0; i < connections; i++) {
        all[i]->kind = DELETE; /* so that the next is the first of a turn */
        next(all[i], 0);
    }
    while (finished < total) {
        struct epoll_event events[256];
        int found = epoll_wait(poller, events, 256, 30000);
        if (found == 0) fail("no answer for 30 s", NULL);
        for (int i = 0; i < found && finished < total; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) push(c);
            if (!(events[i].events & ~(unsigned)EPOLLOUT)) continue;
            ssize_t got = recv(c->socket, c->in + c->have, IN - 1 - c->have, MSG_DONTWAIT);
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (got <= 0) fail("the connection was closed", got < 0 ? strerror(errno) : "");
            c->have += (size_t)got;
            if (whole(c)) answered(c);
        }
    }
    return now() - started;
}

/* -- Waking */

static void pushed(struct connection *c) {
    while (c->out_at < c->out_length) {
        ssize_t sent = send(c->socket, c->out + c->out_at, c->out_length - c->out_at, MSG_NOSIGNAL);
        if (sent <= 0) fail("send", strerror(errno));
        c->out_at += (size_t)sent;
    }
}

static void take(struct connection *c) {
    ssize_t got = recv(c->socket, c->in + c->have, IN - 1 - c->have, 0);
    if (got <= 0) fail("the connection was closed", got < 0 ? strerror(errno) : "");
    c->have += (size_t)got;
}

static void answer_of(struct connection *c) {
    while (!whole(c)) take(c);
}

static double wake(int connections) {
    char idle[200];
    struct connection *waiting = new_connection(), *sending = new_connection();
    snprintf(idle, sizeof idle, "%s-idle", queue);
    for (int i = 2; i < connections; i++) { /* they wait for longer than this takes, or are answered unread */
        struct connection *other = new_connection();
        compose_receive(other, idle, 1, 30);
        pushed(other);
    }
    double started = now();
    for (long long i = 0; i < total; i++) {
        compose_receive(waiting, queue, 1, 30);
        pushed(waiting);
        struct timespec pause = {0, 5000000}; /* until it is waiting; nothing tells when */
        nanosleep(&pause, NULL);
        struct pollfd early = {waiting->socket, POLLIN, 0};
        if (poll(&early, 1, 0) != 0) fail("a receive that does not wait", NULL);
        compose_send(sending, queue, 1);
        double sent = now();
        pushed(sending);
        struct pollfd both[2] = {{waiting->socket, POLLIN, 0}, {sending->socket, POLLIN, 0}};
        int woken = 0, stored = 0;
        while (!woken || !stored) {
            if (poll(both, 2, 30000) <= 0) fail("no answer for 30 s", NULL);
            if (both[0].revents) take(waiting);
            if (both[1].revents) take(sending);
            if (!woken && whole(waiting)) {
                woken = 1;
                both[0].fd = -1;
                waiting->began = sent;
                if (!judge(waiting)) fail("a receive that was not woken", NULL);
            }
            if (!stored && whole(sending)) {
                stored = 1;
                both[1].fd = -1;
                judge(sending);
            }
        }
        compose_delete(waiting, queue);
        pushed(waiting);
        answer_of(waiting);
        judge(waiting);
        finished++;
    }
    return now() - started;
}

/* -- Results */

static int ordered(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    static const char *names[KINDS] = {"send", "receive", "delete"};
    if (argc != 10)
        fail("usage: queueload MODE PORT KEY-ID KEY-SECRET QUEUE MESSAGES CONNECTIONS BATCH BODY-BYTES", NULL);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    port = atoi(argv[2]);
    key_id = argv[3];
    hmac_key(argv[4]);
    queue = argv[5];
    total = atoll(argv[6]);
    int connections = atoi(argv[7]);
    batch = atoi(argv[8]);
    body_bytes = atoi(argv[9]);
    if (total < 1 || connections < 1 || connections > MOST_CONNECTIONS || batch < 1 || batch > MOST_BATCH ||
        body_bytes < 1 || body_bytes * batch > OUT / 2)
        fail("a number is out of its range", NULL);
    body_text = calloc((size_t)body_bytes + 1, 1);
    for (int i = 0; i < body_bytes; i++) body_text[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[i * 7 % 36];
    for (int i = 0; i < KINDS; i++)
        if ((times[i] = calloc((size_t)total + MOST_CONNECTIONS, sizeof(float))) == NULL) fail("no memory", NULL);
    double seconds;
    if (strcmp(argv[1], "wake") == 0) {
        seconds = wake(connections);
    } else {
        sends = strcmp(argv[1], "drain") != 0;
        drains = strcmp(argv[1], "send") != 0;
        seconds = work(connections);
    }
    printf("{\"messages\": %lld, \"seconds\": %.6f", finished, seconds);
    for (int i = 0; i < KINDS; i++) {
        long long count = counts[i];
        qsort(times[i], (size_t)count, sizeof(float), ordered);
        if (count > 0)
            printf(", \"%s\": {\"count\": %lld, \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}", names[i], count,
                   1000 * times[i][count / 2], 1000 * times[i][count * 99 / 100], 1000 * times[i][count - 1]);
    }
    printf("}\n");
    return 0;
}
