"""The prompt for a secret on a terminal, seen through a pseudo terminal: nothing that is typed is shown, what was typed
arrives whole, and the terminal has its echo back after an answer, an end of input, and one or two signals."""
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

PROBE = os.environ.get("PROMPT_PROBE", "")
WHAT = "password of jo@example.org"
failures = []


def check(ok, what):
    print("ok" if ok else "FAILED", what)
    if not ok:
        failures.append(what)


class Session:
    """The probe as the leader of a session on a terminal of its own, standard output in a pipe."""

    def __init__(self, *args):
        self.screen = b""
        out, inner = os.pipe()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.dup2(inner, 1)
            os.execv(PROBE, [PROBE, *args])
        os.close(inner)
        self.out = os.fdopen(out, "rb")

    def flags(self):
        return termios.tcgetattr(self.master)[3]

    def look(self, seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.master], [], [], min(left, 0.05))[0]:
                try:
                    self.screen += os.read(self.master, 4096)
                except OSError:  # EIO: the last one closed the terminal, and is about to end
                    time.sleep(0.05)
                    return

    def wait_prompt(self):
        for _ in range(200):
            self.look(0.05)
            if self.screen.endswith(b": ") and not self.flags() & termios.ECHO:
                return True
        return False

    def type(self, octets):
        os.write(self.master, octets)

    def end(self):
        """(exit status, result line, whether echo is back)"""
        for _ in range(200):
            self.look(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return None, "", False
        text = self.out.read().decode()
        self.out.close()
        echo = bool(self.flags() & termios.ECHO)
        self.look(0.1)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status), text, echo


def answer():
    s = Session(WHAT)
    check(s.wait_prompt(), "the prompt appears, and the terminal hides what is typed")
    check(b"\r\x1b[K" in s.screen, "the progress line is taken off the screen first")
    check(f"mailhaul: {WHAT}: ".encode() in s.screen, "it says whose password it wants")
    s.type("s3cr\u00e9t \u5bc6 \\|".encode() + b"\n")
    status, text, echo = s.end()
    check(status == 0 and text == "ok|s3cr\u00e9t \u5bc6 \\||\n", f"what was typed arrives: {text!r}")
    check(b"cr" not in s.screen.split(b": ")[-1] and b"s3" not in s.screen, "nothing of it is shown")
    check(echo, "echo is back")


def edges():
    for keys, word, what in ((b"\x04", "auth||nothing was given: end of input", "end of input"),
                             (b"\n", "auth||nothing was given", "an empty line"),
                             (b"123456789\n", "auth||what was given is longer than 7 octets", "a line too long")):
        s = Session(WHAT, "8")
        s.wait_prompt()
        s.type(keys)
        status, text, echo = s.end()
        check(status == 5 and text.strip() == word and echo, f"{what}: {text!r}")
        check(b"123" not in s.screen, f"{what}: not shown")
    s = Session(WHAT, "8")
    s.wait_prompt()
    s.type(b"1234567\n")
    check(s.end()[1] == "ok|1234567|\n", "a line that just fits")
    s = Session("x\x1b[2Jy")
    s.wait_prompt()
    check(b"\x1b[2J" not in s.screen, "a name cannot command the terminal")
    s.type(b"a\n")
    s.end()


def signals():
    for how, send in (("Ctrl-C", lambda s: s.type(b"half\x03")),
                      ("SIGTERM", lambda s: os.kill(s.pid, signal.SIGTERM))):
        s = Session(WHAT)
        s.wait_prompt()
        send(s)
        status, text, echo = s.end()
        check(status == 130 and text.startswith("interrupted||") and echo, f"{how}: {status} {text!r}")
        check(b"half" not in s.screen, f"{how}: not shown")
    s = Session(WHAT)
    s.wait_prompt()
    os.kill(s.pid, signal.SIGSTOP)  # both signals are there before it can look at the first
    os.kill(s.pid, signal.SIGTERM)
    os.kill(s.pid, signal.SIGINT)
    os.kill(s.pid, signal.SIGCONT)
    status, _, echo = s.end()
    check(status in (99, 130) and echo, f"two signals at once: {status}")
    s = Session(WHAT)
    s.wait_prompt()
    s.type(b"\x1a\x1c")  # Ctrl-Z, Ctrl-\
    s.look(0.3)
    s.type(b"\x15x\n")
    status, text, echo = s.end()
    check(status == 0 and text == "ok|x|\n" and echo, f"no key stops it while nothing is shown: {text!r}")


def nobody():
    run = subprocess.run([PROBE, WHAT], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         start_new_session=True)
    check(run.returncode == 5 and run.stdout.startswith("auth||no " + WHAT) and "--password-file" in run.stdout,
          f"without a terminal: {run.stdout!r}")


def main():
    if not PROBE:
        print("PROMPT_PROBE is not set")
        return 77
    nobody()
    answer()
    edges()
    signals()
    return 1 if failures else 0


sys.exit(main())
