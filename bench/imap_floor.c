/* The floor of an upload: the same octets, flags and dates, sent by somebody who does nothing else.
 *
 *   imap_floor [-t] [-m BATCH] [-w WINDOW] PORT USER PASSWORD FOLDER MESSAGES
 *
 * MESSAGES has for each message a line `octets (flags) "date"` and then the octets, with CRLF. Commands are built in
 * memory before the clock starts; then: connect, login, SELECT (it is faster into a selected folder), everything with
 * LITERAL+ and at most WINDOW commands unanswered, LOGOUT. No source is read, nothing digested, recorded or looked at
 * again; answers are read while sending, and must be OK.
 *
 * -t: TLS. -m: MULTIAPPEND, BATCH messages or 8 MB a command. One line on standard output: seconds of wall, user and
 * system time since the clock started, and of wall time before the first APPEND. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH_OCTETS (8u * 1024u * 1024u)

typedef struct command {
    size_t at, len; /* in text */
} command;

static char *text;
static size_t text_len, text_cap;
static command *commands;
static size_t n_commands;
static SSL *tls;
static int fd = -1;

static void die(const char *what)
{
    fprintf(stderr, "imap_floor: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void used(double *user, double *sys)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    *user = (double)r.ru_utime.tv_sec + (double)r.ru_utime.tv_usec / 1e6;
    *sys = (double)r.ru_stime.tv_sec + (double)r.ru_stime.tv_usec / 1e6;
}

/* ── commands ── */

static void add(const char *p, size_t n)
{
    if (text_cap - text_len < n)
        text = realloc(text, text_cap = 2 * (text_cap + n));
    if (!text)
        die("no memory");
    memcpy(text + text_len, p, n);
    text_len += n;
}

static void begin(const char *folder)
{
    char line[512];
    commands = realloc(commands, (n_commands + 1) * sizeof *commands);
    commands[n_commands] = (command){.at = text_len};
    add(line, (size_t)snprintf(line, sizeof line, "m%08zx APPEND \"%s\"", n_commands, folder));
}

static void end(void)
{
    add("\r\n", 2);
    commands[n_commands].len = text_len - commands[n_commands].at;
    n_commands++;
}

/* All commands, from the file of messages. */
static void build(const char *path, const char *folder, size_t batch)
{
    FILE *f = fopen(path, "re");
    char line[512], head[600];
    size_t messages = 0, octets = 0, size = 0, cap = 0;
    char *body = NULL;
    if (!f)
        die(path);
    while (fgets(line, sizeof line, f)) {
        char *what = NULL;
        size = strtoul(line, &what, 10);
        what[strcspn(what, "\n")] = 0;
        if (cap < size)
            body = realloc(body, cap = size);
        if (!body || fread(body, 1, size, f) != size)
            die("the messages are cut short");
        if (!messages)
            begin(folder);
        add(head, (size_t)snprintf(head, sizeof head, "%s {%zu+}\r\n", what, size));
        add(body, size);
        octets += size;
        if (++messages == batch || octets >= BATCH_OCTETS) {
            end();
            messages = octets = 0;
        }
    }
    if (messages)
        end();
    free(body);
    fclose(f);
}

/* ── octets ── */

/* Octets moved; 0: not now, *ret_events tells what to wait for. */
static size_t moved(ssize_t n, bool writing, short *ret_events)
{
    if (n > 0)
        return (size_t)n;
    if (tls) {
        int e = SSL_get_error(tls, (int)n);
        if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
            die("the connection broke");
        *ret_events |= e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return 0;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        die("the connection broke");
    *ret_events |= writing ? POLLOUT : POLLIN;
    return 0;
}

static size_t put(const char *p, size_t n, short *events)
{
    return moved(tls ? SSL_write(tls, p, n < INT_MAX ? (int)n : INT_MAX) : send(fd, p, n, 0), true, events);
}

/* Tagged answers in what there is to read; not all of it when there are some (after LOGOUT nothing may be read). */
static size_t answers(short *events)
{
    static char in[65536];
    static size_t have;
    size_t n, found = 0;
    while (!found && (n = moved(tls ? SSL_read(tls, in + have, (int)(sizeof in - have))
                                    : recv(fd, in + have, sizeof in - have, 0),
                                false, events))) {
        char *line = in, *nl;
        have += n;
        while ((nl = memchr(line, '\n', (size_t)(in + have - line)))) {
            if (*line == 'm' || *line == 'x') {
                if (memcmp(line + 9, " OK", 3) != 0) {
                    *nl = 0;
                    die(line);
                }
                found++;
            }
            line = nl + 1;
        }
        have = (size_t)(in + have - line);
        memmove(in, line, have);
        if (have == sizeof in)
            die("an answer is too long");
    }
    return found;
}

/* n commands with at most `window` of them unanswered. */
static void run(const char *p, const command *c, size_t n, size_t window)
{
    size_t sent = 0, done = 0, at = 0;
    while (done < n) {
        short events = 0;
        size_t got = 0, moved_now = 0;
        if (sent < n && sent - done < window &&
            (moved_now = put(p + c[sent].at + at, c[sent].len - at, &events))) {
            at += moved_now;
            if (at == c[sent].len) {
                sent++;
                at = 0;
            }
        }
        got = answers(&events);
        done += got;
        struct pollfd poller = {.fd = fd, .events = (short)(events | POLLIN)};
        if (!got && !moved_now)
            poll(&poller, 1, -1);
    }
}

static void ask(const char *line)
{
    command c = {.len = strlen(line)};
    run(line, &c, 1, 1);
}

static void open_connection(int port, bool use_tls)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (use_tls) {
        tls = SSL_new(SSL_CTX_new(TLS_client_method()));
        SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        if (!SSL_set_fd(tls, fd) || SSL_connect(tls) != 1)
            die("TLS");
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

int main(int argc, char **argv)
{
    bool use_tls = false;
    size_t window = 4, batch = 1;
    for (int o; (o = getopt(argc, argv, "tm:w:")) > 0;) {
        use_tls |= o == 't';
        batch = o == 'm' ? strtoul(optarg, NULL, 10) : batch;
        window = o == 'w' ? strtoul(optarg, NULL, 10) : window;
    }
    if (argc - optind != 5)
        return 2;
    char **a = argv + optind, line[1024];
    double user, sys, user_before, sys_before;
    build(a[4], a[3], batch);
    used(&user_before, &sys_before);
    double start = now();
    open_connection((int)strtol(a[0], NULL, 10), use_tls);
    snprintf(line, sizeof line, "x0000000l LOGIN %s %s\r\n", a[1], a[2]);
    ask(line);
    snprintf(line, sizeof line, "x0000000s SELECT \"%s\"\r\n", a[3]);
    ask(line);
    double ready = now() - start;
    run(text, commands, n_commands, window);
    ask("x0000000q LOGOUT\r\n");
    double wall = now() - start;
    used(&user, &sys);
    printf("%f %f %f %f\n", wall, user - user_before, sys - sys_before, ready);
    return 0;
}
