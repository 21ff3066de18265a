/* A mail server that takes everything, and knows afterwards what it took.
 *
 *   sink PORT LEDGER [-c]        listens on 127.0.0.1; -c offers CHUNKING (RFC 3030) as well
 *
 * On SIGTERM it writes LEDGER, a line for each mail: recipient, CRC-32 of its plain text, CRC-32 of
 * its HTML, both decoded, with LF and without the white space at the end. So every copy is counted
 * and compared, while the sink costs less than Postfix's smtp-sink, which compares nothing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM (1 << 20) /* of a connection's input; a mail must fit */
#define SAID (1 << 16)

enum state { COMMANDS, BODY, CHUNK };
enum coding { PLAIN, QUOTED, BASE64 };

struct line {
    int fd;
    enum state state;
    size_t have, looked, said, chunk;
    int has_sender;
    char address[330];
    char in[ROOM], out[SAID];
};

struct mail {
    char *address;
    uint32_t text, html;
};

static volatile sig_atomic_t stop;
static uint32_t table[8][256];
static struct mail *mails;
static size_t count, room;
static int chunking;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static void make_table(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        table[0][n] = c;
    }
    for (int k = 1; k < 8; k++)
        for (int n = 0; n < 256; n++)
            table[k][n] = table[0][table[k - 1][n] & 255] ^ (table[k - 1][n] >> 8);
}

static uint32_t crc32_of(const unsigned char *p, size_t n) {
    uint32_t c = ~0u;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + 4, 4);
        a ^= c;
        c = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^
            table[4][a >> 24] ^ table[3][b & 255] ^ table[2][b >> 8 & 255] ^
            table[1][b >> 16 & 255] ^ table[0][b >> 24];
    }
    while (n--) c = table[0][(c ^ *p++) & 255] ^ (c >> 8);
    return ~c;
}

/* ---- reading a mail */

static int digit(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *unquote(char *to, const char *from, const char *end) {
    while (end > from && (end[-1] == ' ' || end[-1] == '\t')) end--;
    int soft = end > from && end[-1] == '=';
    if (soft) end--;
    while (from < end) {
        const char *mark = memchr(from, '=', end - from);
        size_t plain = (mark ? mark : end) - from;
        memcpy(to, from, plain);
        to += plain;
        from += plain;
        if (!mark) break;
        int high = end - from > 2 ? digit(from[1]) : -1, low = end - from > 2 ? digit(from[2]) : -1;
        if (high < 0 || low < 0) {
            *to++ = *from++;
            continue;
        }
        *to++ = (char)(high << 4 | low);
        from += 3;
    }
    if (!soft) *to++ = '\n';
    return to;
}

static char *unbase64(char *to, const char *from, const char *end, uint32_t *bits, int *held) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; from < end; from++) {
        const char *at = *from ? strchr(letters, *from) : NULL;
        if (!at) continue;
        *bits = *bits << 6 | (uint32_t)(at - letters);
        if ((*held += 6) >= 8) *to++ = (char)(*bits >> (*held -= 8));
    }
    return to;
}

static uint32_t sum_of(char *text, char *end) {
    char *to = text;
    for (char *p = text; p < end; p++) /* base64 brings its own CR */
        if (*p != '\r') *to++ = *p;
    while (to > text && (to[-1] == '\n' || to[-1] == ' ')) to--;
    return crc32_of((unsigned char *)text, to - text);
}

static void find_boundary(const char *head, size_t size, char *boundary, size_t most) {
    boundary[0] = 0;
    const char *end = head + size;
    for (const char *p = head; (p = memchr(p, '=', end - p)); p++) {
        if (p - head < 8 || strncasecmp(p - 8, "boundary", 8)) continue;
        const char *from = p + 1, *until;
        if (*from == '"') from++, until = memchr(from, '"', end - from);
        else for (until = from; until < end && !strchr("; \r\n", *until); until++);
        size_t n = until ? (size_t)(until - from) : 0;
        if (n && n < most) {
            memcpy(boundary, from, n);
            boundary[n] = 0;
        }
        return;
    }
}

static void read_mail(const char *address, const char *mail, size_t size, int stuffed) {
    static char text[ROOM];
    char boundary[100], *to = text;
    const char *end = mail + size, *body = memmem(mail, size, "\r\n\r\n", 4);
    struct mail found = {strdup(address), 0, 0};
    find_boundary(mail, body ? (size_t)(body - mail) + 2 : 0, boundary, sizeof boundary);
    size_t length = strlen(boundary);
    enum { BEFORE, HEAD, PART } where = BEFORE;
    enum coding coding = PLAIN;
    uint32_t *sum = NULL, bits = 0;
    int held = 0;
    for (const char *p = body ? body + 4 : end; length && p < end;) {
        const char *stop_at = memmem(p, end - p, "\r\n", 2), *next = stop_at ? stop_at + 2 : end;
        if (!stop_at) stop_at = end;
        if (stuffed && *p == '.') p++;
        if (stop_at - p >= (long)length + 2 && p[0] == '-' && p[1] == '-' &&
            !memcmp(p + 2, boundary, length)) {
            if (where == PART && sum) *sum = sum_of(text, to);
            where = HEAD, coding = PLAIN, sum = NULL, to = text, bits = 0, held = 0;
        } else if (where == HEAD && stop_at == p) {
            where = PART;
        } else if (where == HEAD) {
            size_t n = stop_at - p;
            if (memmem(p, n, "text/plain", 10)) sum = &found.text;
            if (memmem(p, n, "text/html", 9)) sum = &found.html;
            if (memmem(p, n, "quoted-printable", 16)) coding = QUOTED;
            if (memmem(p, n, "base64", 6)) coding = BASE64;
        } else if (where == PART && coding == QUOTED) {
            to = unquote(to, p, stop_at);
        } else if (where == PART && coding == BASE64) {
            to = unbase64(to, p, stop_at, &bits, &held);
        } else if (where == PART) {
            memcpy(to, p, stop_at - p);
            to += stop_at - p;
            *to++ = '\n';
        }
        p = next;
    }
    if (count == room) mails = realloc(mails, (room = room ? room * 2 : 4096) * sizeof *mails);
    mails[count++] = found;
}

/* ---- speaking */

static void say(struct line *c, const char *words) {
    size_t n = strlen(words);
    if (c->said + n <= SAID) memcpy(c->out + c->said, words, n), c->said += n;
}

static void greet(struct line *c) {
    say(c, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n");
    if (chunking) say(c, "250-CHUNKING\r\n");
    say(c, "250 SIZE 1000000\r\n");
}

static void take_address(struct line *c, const char *from, const char *end) {
    const char *open = memchr(from, '<', end - from), *close = memchr(from, '>', end - from);
    size_t n = open && close > open ? (size_t)(close - open - 1) : 0;
    if (n >= sizeof c->address) n = 0;
    memcpy(c->address, n ? open + 1 : "", n);
    c->address[n] = 0;
}

static void forget(struct line *c) {
    c->has_sender = 0;
    c->address[0] = 0;
}

/* One command line; 1 to close. */
static int obey(struct line *c, const char *p, const char *end) {
    switch (p[0] & 0xdf) {
    case 'E': greet(c); break;
    case 'M':
        say(c, c->has_sender ? "503 5.5.1 nested MAIL\r\n" : "250 2.1.0 Ok\r\n");
        c->has_sender = 1;
        break;
    case 'R':
        if ((p[1] & 0xdf) == 'C') take_address(c, p, end);
        else forget(c);
        say(c, "250 2.1.5 Ok\r\n");
        break;
    case 'D':
        if (!c->address[0]) return say(c, "554 5.5.1 No valid recipients\r\n"), 0;
        say(c, "354 End data with <CR><LF>.<CR><LF>\r\n");
        c->state = BODY, c->looked = 0;
        break;
    case 'B':
        c->chunk = strtoull(p + 5, NULL, 10);
        c->state = CHUNK;
        break;
    case 'Q': say(c, "221 2.0.0 Bye\r\n"); return 1;
    default: say(c, "250 2.0.0 Ok\r\n");
    }
    return 0;
}

/* A mail from `p` is whole: keep it. Its size on the wire is returned, 0 if more must come. */
static size_t take_mail(struct line *c, const char *p, size_t n) {
    size_t used = c->chunk;
    if (c->state == CHUNK) {
        if (n < used) return 0;
        if (c->address[0]) read_mail(c->address, p, used, 0);
        say(c, c->address[0] ? "250 2.0.0 Ok: queued\r\n" : "554 5.5.1 No valid recipients\r\n");
    } else {
        size_t from = c->looked > 4 ? c->looked - 4 : 0;
        const char *end = n >= 3 && !memcmp(p, ".\r\n", 3) ? p - 2 : memmem(p + from, n - from, "\r\n.\r\n", 5);
        c->looked = n;
        if (!end) return 0;
        read_mail(c->address, p, end + 2 - p, 1);
        say(c, "250 2.0.0 Ok: queued\r\n");
        used = end + 5 - p;
    }
    forget(c);
    c->state = COMMANDS;
    return used;
}

static int feed(struct line *c) {
    size_t at = 0;
    int over = 0;
    while (!over && at <= c->have) {
        char *p = c->in + at;
        if (c->state != COMMANDS) {
            size_t used = take_mail(c, p, c->have - at);
            if (!used) break;
            at += used;
            continue;
        }
        char *end = memchr(p, '\n', c->have - at);
        if (!end) break;
        at += end + 1 - p;
        over = obey(c, p, end);
    }
    memmove(c->in, c->in + at, c->have - at);
    c->have -= at;
    return over;
}

static void flush_out(struct line *c) {
    if (c->said && send(c->fd, c->out, c->said, MSG_NOSIGNAL) < 0 && errno != EPIPE) perror("send");
    c->said = 0;
}

static void welcome(int server, int poll) {
    int fd, one = 1;
    while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct line *c = calloc(1, sizeof *c);
        c->fd = fd;
        struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
        say(c, "220 sink ESMTP\r\n");
        flush_out(c);
    }
}

static void listen_to(struct line *c) {
    ssize_t n = recv(c->fd, c->in + c->have, ROOM - c->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    int over = n <= 0;
    if (!over) {
        c->have += n;
        over = feed(c) || c->have == ROOM;
        flush_out(c);
    }
    if (!over) return;
    close(c->fd);
    free(c);
}

static void write_ledger(const char *path) {
    FILE *ledger = fopen(path, "w");
    if (!ledger) perror(path), exit(1);
    for (size_t n = 0; n < count; n++)
        fprintf(ledger, "%s %08x %08x\n", mails[n].address, mails[n].text, mails[n].html);
    fclose(ledger);
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "sink PORT LEDGER [-c]\n"), 2;
    chunking = argc > 3 && !strcmp(argv[3], "-c");
    make_table();
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, poll = epoll_create1(0);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(server, (void *)&place, sizeof place) || listen(server, 1024))
        return perror("sink"), 1;
    struct epoll_event wanted = {.events = EPOLLIN}, found[64];
    epoll_ctl(poll, EPOLL_CTL_ADD, server, &wanted);
    while (!stop) {
        int n = epoll_wait(poll, found, 64, 1000);
        for (int k = 0; k < n; k++) {
            if (found[k].data.ptr) listen_to(found[k].data.ptr);
            else welcome(server, poll);
        }
    }
    write_ledger(argv[2]);
    return 0;
}
