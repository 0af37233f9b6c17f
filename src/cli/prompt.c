#include "cli/prompt.h"

#include "cli/text.h"
#include "io/out.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_MS 200 /* a signal that comes just before poll() is seen after so long at the latest */

/* What haul_prompt_restore needs within a signal handler. */
static struct termios saved;
static volatile sig_atomic_t hidden_fd = -1;

void haul_prompt_restore(void)
{
    int fd = hidden_fd;
    if (fd >= 0)
        (void)tcsetattr(fd, TCSAFLUSH, &saved);
    hidden_fd = -1;
}

/* No echo, and no key that would stop or dump this process while there is none. */
static haul_rc hide(int fd, haul_err *e)
{
    if (tcgetattr(fd, &saved) != 0)
        return haul_fail_sys(e, HAUL_E_AUTH, "the terminal");
    struct termios quiet = saved;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    quiet.c_cc[VQUIT] = _POSIX_VDISABLE;
    quiet.c_cc[VSUSP] = _POSIX_VDISABLE;
    hidden_fd = fd;
    if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0)
        return HAUL_OK;
    hidden_fd = -1;
    return haul_fail_sys(e, HAUL_E_AUTH, "the terminal does not hide what is typed");
}

static haul_rc wait_for_input(const haul_prompt *p, int fd, haul_err *e)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    for (;;) {
        if (p->stop && *p->stop)
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted");
        int n = poll(&one, 1, WAIT_MS);
        if (n > 0)
            return HAUL_OK;
        if (n < 0 && errno != EINTR)
            return haul_fail_sys(e, HAUL_E_AUTH, "the terminal");
    }
}

/* One line without its end. What is too long is read to its end all the same, so that no shell gets it. */
static haul_rc read_line(const haul_prompt *p, int fd, char *to, size_t cap, haul_err *e)
{
    size_t n = 0;
    bool cut = false;
    for (;;) {
        haul_rc rc = wait_for_input(p, fd, e);
        if (rc != HAUL_OK)
            return rc;
        char c = 0;
        ssize_t got = read(fd, &c, 1);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return haul_fail(e, HAUL_E_AUTH, "nothing was given: end of input");
        if (c == '\n' || c == '\r')
            break;
        cut = cut || n + 1 >= cap;
        if (!cut)
            to[n++] = c;
        OPENSSL_cleanse(&c, 1);
    }
    to[n] = '\0';
    if (cut)
        return haul_fail(e, HAUL_E_AUTH, "what was given is longer than %zu octets", cap - 1);
    return n ? HAUL_OK : haul_fail(e, HAUL_E_AUTH, "nothing was given");
}

/* "mailhaul: password of jo@example.org: " */
static haul_rc say(int fd, const char *what, haul_err *e)
{
    haul_auto_str text = {0};
    haul_str_addz(&text, "mailhaul: ");
    haul_text_clean(&text, what);
    haul_str_addz(&text, ": ");
    return haul_write_all(fd, text.p, text.len, "the terminal", e);
}

haul_rc haul_prompt_ask(void *ctx, const char *what, char *to, size_t cap, haul_err *e)
{
    const haul_prompt *p = ctx;
    haul_auto_fd int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail(
            e, HAUL_E_AUTH,
            "no %s was given, and there is nobody to ask: use --password-file, --password-command or "
            "the environment variable MAILHAUL_PASSWORD",
            what);
    if (p->bar)
        haul_bar_end(p->bar);
    haul_rc rc = hide(fd, e);
    if (rc != HAUL_OK)
        return rc;
    rc = say(fd, what, e);
    if (rc == HAUL_OK)
        rc = read_line(p, fd, to, cap, e);
    haul_prompt_restore();
    if (rc != HAUL_OK)
        OPENSSL_cleanse(to, cap);
    haul_rc shown = haul_write_all(fd, "\n", 1, "the terminal", NULL); /* the user's own was not */
    (void)shown;
    return rc;
}
