/* gen OCTETS [MEDIAN] > FILE: an mboxrd file of about that size, the same on every machine. MEDIAN: octets of texts instead of 6 KB,
 * and no attachments.
 *
 * Sizes are log-normal, as in real mailboxes: text with a median of 6 KB, one message in ten with an attachment of
 * a median of 80 KB; the mean is near 25 KB. Headers have 12 to 20 fields, bodies have quoted replies and now and
 * then a line that begins with "From ". The arithmetic is integer but for one table, which is written out. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* exp(x) of the normal distribution's 16 equal slices, times 1000, for sigma 1.0 and 1.2. */
static const unsigned body_scale[16] = {155,  268,  364,  457,  553,  654,  764,  885,
                                        1021, 1176, 1357, 1577, 1856, 2238, 2834, 5900};
static const unsigned file_scale[16] = {107,  206,  297,  391,  491,  601,  724,  864,
                                        1026, 1216, 1444, 1727, 2102, 2633, 3498, 8600};

static const char *const words[] = {
    "harbour",  "lighthouse", "the",      "a",       "of",      "and",    "to",    "we",      "shall",
    "meet",     "on",         "Thursday", "please",  "send",    "report", "with",  "figures", "for",
    "quarter",  "invoice",    "attached", "regards", "thank",   "you",    "ship",  "crew",    "schedule",
    "question", "answered",   "tomorrow", "weather", "clear",   "by",     "noon",  "boat",    "sail",
    "north",    "wind",       "contract", "draft",   "version", "two",    "three", "sign",    "before",
    "next",     "week",       "office",   "archive", "message"};

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static unsigned below(unsigned n)
{
    return (unsigned)((next() >> 11) % n);
}

static size_t scaled(const unsigned scale[16], size_t median)
{
    unsigned slice = below(16), within = 700 + below(600);
    return median * scale[slice] / 1000 * within / 1000 + 1;
}

static size_t text(size_t octets, const char *prefix)
{
    size_t done = 0;
    while (done < octets) {
        size_t line = (size_t)printf("%s", below(400) == 0 && !*prefix ? ">From " : prefix);
        while (line < 64)
            line += (size_t)printf("%s ", words[below(sizeof words / sizeof words[0])]);
        putchar('\n');
        done += line + 1;
    }
    return done;
}

static size_t base64(size_t octets)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char line[77];
    size_t done = 0;
    for (; done < octets; done += 77) {
        for (size_t i = 0; i < 76; i++)
            line[i] = digits[next() >> 58];
        line[76] = '\n';
        fwrite(line, 1, sizeof line, stdout);
    }
    return done;
}

static void stamp(char *to, size_t n, const char *format, time_t when)
{
    struct tm civil;
    gmtime_r(&when, &civil);
    strftime(to, n, format, &civil);
}

static size_t header(unsigned long number, int attached)
{
    char from[64], date[64];
    time_t when = 1262304000 + (time_t)number * 977;
    stamp(from, sizeof from, "%a %b %e %H:%M:%S %Y", when);
    stamp(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", when);
    size_t n = (size_t)printf("From person%u@example.org %s\n", below(500), from);
    for (unsigned i = 0, hops = 2 + below(4); i < hops; i++) {
        /* One draw a statement: C does not say in which order arguments are worked out. */
        unsigned host = below(250), id = below(0xffffffffu);
        n += (size_t)printf(
            "Received: from relay%u.example.net (relay%u.example.net [192.0.2.%u])\n"
            "\tby mx%u.example.org (Postfix) with ESMTPS id %08X\n\tfor <ada@example.org>; %s\n",
            i, i, host, i, id, date);
    }
    n += (size_t)printf("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=k%u;\n\tb=",
                        below(9));
    n += base64(300);
    unsigned name = below(500), address = below(500);
    n += (size_t)printf(
        "From: Person %u <person%u@example.org>\nTo: Ada Winter <ada@example.org>\nSubject: ", name, address);
    for (unsigned i = 0, k = 2 + below(6); i < k; i++)
        n += (size_t)printf("%s ", words[below(sizeof words / sizeof words[0])]);
    n += (size_t)printf("%lu\nDate: %s\nMessage-ID: <%lu.%08X@example.org>\nMIME-Version: 1.0\n", number,
                        date, number, below(0xffffffffu));
    if (below(10) < 7)
        n += (size_t)printf("Status: RO\n");
    if (below(10) < 2)
        n += (size_t)printf("X-Status: %s\n", below(2) ? "A" : "F");
    if (attached)
        return n + (size_t)printf("Content-Type: multipart/mixed; "
                                  "boundary=\"=_gen\"\n\n--=_gen\nContent-Type: text/plain\n\n");
    return n + (size_t)printf("Content-Type: text/plain; charset=us-ascii\n\n");
}

static size_t message(unsigned long number, size_t median)
{
    int attached = below(10) == 0 && !median;
    size_t n = header(number, attached);
    size_t body = scaled(body_scale, median ? median : 6000);
    n += text(body * 2 / 3, "");
    n += text(body / 3, "> ");
    if (attached) {
        n += (size_t)printf("\n--=_gen\nContent-Type: application/octet-stream; name=\"file%lu.bin\"\n"
                            "Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n",
                            number);
        n += base64(scaled(file_scale, 80000));
        n += (size_t)printf("--=_gen--\n");
    }
    return n + (size_t)printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3)
        return 2;
    unsigned long long wanted = strtoull(argv[1], NULL, 10), done = 0;
    size_t median = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (unsigned long number = 0; done < wanted; number++)
        done += message(number, median);
    return fflush(stdout) == 0 ? 0 : 1;
}
