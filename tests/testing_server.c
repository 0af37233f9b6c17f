#include "testing_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20000 /* for anything that the script waits for */

typedef struct peer {
    int fd;
    char in[65536];
    size_t at, len;
    uint64_t sum;  /* of the last "B" */
    char tag[16];  /* of the last line */
    haul_str line; /* kept for the next "C", when has_line */
    bool has_line;
} peer;

static void die(const char *what, const char *text)
{
    fprintf(stderr, "scripted server: %s: %s\n", what, text);
    _exit(1);
}

static void say(const peer *p, const char *text, const char *end)
{
    haul_auto_str line = {0};
    for (; *text; text++)
        if (text[0] == '%' && text[1] == 'x')
            haul_str_addf(&line, "%016llx", (unsigned long long)p->sum), text++;
        else if (text[0] == '%' && text[1] == 't')
            haul_str_addz(&line, p->tag), text++;
        else
            haul_str_addc(&line, *text);
    haul_str_addz(&line, end);
    for (size_t at = 0; at < line.len;) {
        ssize_t n = send(p->fd, line.p + at, line.len - at, MSG_NOSIGNAL);
        if (n <= 0)
            die("sending", text);
        at += (size_t)n;
    }
}

/* False: the client has closed. */
static bool more(peer *p)
{
    struct pollfd f = {.fd = p->fd, .events = POLLIN};
    if (poll(&f, 1, WAIT_MS) != 1)
        die("the client is silent", "");
    ssize_t n = read(p->fd, p->in, sizeof(p->in));
    p->at = 0;
    p->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Into p->line. */
static bool read_line(peer *p)
{
    haul_str_clear(&p->line);
    for (;;) {
        if (p->at == p->len && !more(p))
            return false;
        char c = p->in[p->at++];
        if (c == '\n')
            break;
        if (c != '\r')
            haul_str_addc(&p->line, c);
    }
    snprintf(p->tag, sizeof(p->tag), "%.*s", (int)strcspn(haul_strz(&p->line), " "), haul_strz(&p->line));
    return true;
}

static void expect(peer *p, const char *end)
{
    if (!p->has_line && !read_line(p))
        die("the client closed in place of", end);
    p->has_line = false;
    if (!haul_ends(haul_strz(&p->line), end)) {
        fprintf(stderr, "scripted server: \"%s\" in place of \"%s\"\n", haul_strz(&p->line), end);
        _exit(1);
    }
}

static void noops(peer *p)
{
    while (!p->has_line) {
        if (!read_line(p))
            die("the client closed", "N");
        p->has_line = !haul_ends(haul_strz(&p->line), " NOOP");
        if (!p->has_line)
            say(p, "%t OK", "\r\n");
    }
}

uint64_t testing_sum(uint64_t sum, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) /* octet by octet: the same whatever the segments */
        sum = (sum ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
    return sum;
}

static void octets(peer *p, size_t n)
{
    for (p->sum = 0; n;) {
        if (p->at == p->len && !more(p))
            die("the client closed within a body", "");
        size_t one = p->len - p->at < n ? p->len - p->at : n;
        p->sum = testing_sum(p->sum, p->in + p->at, one);
        p->at += one;
        n -= one;
    }
}

static void quiet(const peer *p, int ms)
{
    struct pollfd f = {.fd = p->fd, .events = POLLIN};
    if (p->at < p->len || poll(&f, 1, ms) != 0)
        die("the client sends where it should wait", "");
}

static void nap(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void reset(const peer *p)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(p->fd);
}

/* One connection; where the script goes on behind it, or its end. */
static const char *const *serve(int listener, const char *caps, const char *const *script)
{
    peer p = {.fd = accept(listener, NULL, NULL)};
    haul_auto_str line = {0};
    say(&p, "* OK hello", "\r\n");
    expect(&p, "CAPABILITY");
    haul_str_addf(&line, "* CAPABILITY IMAP4rev1 %s\r\nA001 OK", caps);
    say(&p, line.p, "\r\n");
    for (; *script && strcmp(*script, "---") != 0; script++) {
        const char *text = *script + (*script && (*script)[1] ? 2 : 1);
        switch (**script) {
        case 'S':
        case 's':
            say(&p, text, **script == 'S' ? "\r\n" : "");
            break;
        case 'C':
            expect(&p, text);
            break;
        case 'B':
            octets(&p, strtoul(text, NULL, 10));
            break;
        case 'Q':
            quiet(&p, (int)strtol(text, NULL, 10));
            break;
        case 'P':
            nap(strtol(text, NULL, 10));
            break;
        case 'N':
            noops(&p);
            break;
        case 'X':
            reset(&p);
            return script[1] && strcmp(script[1], "---") == 0 ? script + 2 : script + 1;
        default:
            die("the script", *script);
        }
    }
    if (*script) {
        close(p.fd);
        return script + 1;
    }
    if (p.at < p.len || more(&p)) {
        p.in[p.len < sizeof(p.in) ? p.len : p.len - 1] = 0;
        die("behind the end of the script", p.in + p.at);
    }
    return script;
}

testing_server testing_server_start(const char *caps, const char *const *script)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(listener, 4) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &n) != 0)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        while (*script)
            script = serve(listener, caps, script);
        _exit(0);
    }
    close(listener);
    return (testing_server){.pid = pid, .port = ntohs(a.sin_port)};
}

bool testing_server_done(const testing_server *s)
{
    int status = 0;
    return waitpid(s->pid, &status, 0) == s->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
