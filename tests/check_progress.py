"""The progress line on a terminal, seen through a pseudo terminal: it fits the width, also after the window was made
narrower, is drawn at most ten times a second, is erased at the end, and takes nothing from standard output."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

MESSAGES = (12000, 60000, 300000)  # more on machines where fewer are over too soon to be watched
ENOUGH = 10  # draws
ERASE = "\r\x1b[K"
program = os.path.abspath(sys.argv[1])
failures = []


def check(ok, what):
    print("ok" if ok else "FAILED", what)
    if not ok:
        failures.append(what)


def set_width(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def write_source(path, messages):
    body = b"x" * 70 + b"\n"
    with open(path, "wb") as f:
        for i in range(messages):
            f.write(b"From a@b.c Fri May 23 16:35:53 2025\nSubject: %d\n\n" % i + body * 40 + b"\n")


def watch(args, env):
    """Run on a terminal of 100, later 40 columns; (draws as (columns, text)), the rest, stdout, seconds."""
    master, slave = pty.openpty()
    set_width(master, 100)
    start, screen, narrow_at = time.monotonic(), b"", None
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=slave, env=env, close_fds=True)
        os.close(slave)
        while True:
            if select.select([master], [], [], 0.05)[0]:
                try:
                    octets = os.read(master, 65536)
                except OSError:  # EIO: the last one closed the terminal
                    break
                if not octets:
                    break
                screen += octets
            if narrow_at is None and screen.count(ERASE.encode()) >= 3:
                set_width(master, 40)
                narrow_at = len(screen)
        status = p.wait()
        seconds = time.monotonic() - start
        out.seek(0)
        result = out.read().decode()
    os.close(master)
    check(status == 0, f"exit status {status}")
    return screen.decode(), narrow_at, result, seconds


def main():
    with tempfile.TemporaryDirectory() as d:
        env = dict(os.environ, TERM="xterm")
        source = os.path.join(d, "big.mbox")
        for messages in MESSAGES:
            write_source(source, messages)
            screen, narrow_at, result, seconds = watch(
                [program, "convert", source, os.path.join(d, f"out{messages}"), "--to", "maildir"], env)
            draws = screen.split(ERASE)
            if len(draws) > ENOUGH:
                break
        check(draws[0] == "", "nothing is written before the first line")
        check(len(draws) > ENOUGH, f"{len(draws)} draws in {seconds:.1f} s")
        check(len(draws) <= seconds * 10 + 2, "at most ten draws a second")
        check(all(len(t) <= 99 for t in draws), "no line is wider than the terminal")
        # the draw that was under way when the window changed may still have the old width
        late = screen[narrow_at:].split(ERASE)[2:]
        check(late and all(len(t) <= 39 for t in late), f"{len(late)} draws after the change of width fit it")
        check(any(re.search(r"\d+%  [\d,]+ items  [\d.]+ MB", t) for t in draws), "per cent, items and octets are shown")
        check(draws[-1] == "", "the line is erased at the end")
        check(result.startswith("found ") and "\x1b" not in result, "standard output has the result only")
        check(f"{messages:,}\n" in result, "every message was found")
        quiet = subprocess.run([program, "inspect", source], env=env, capture_output=True, check=False)
        check(quiet.stderr == b"", "auto is silent when standard error is no terminal")
        dumb = watch([program, "inspect", source], dict(env, TERM="dumb"))
        check(dumb[0] == "", "auto is silent on a dumb terminal")
    return 1 if failures else 0


sys.exit(main())
