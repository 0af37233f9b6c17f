"""What the judges (check_*.py) share: a temporary directory, runs of the program, and hard comparisons.

A judge states what it compared and exits 1 when anything differed; 77 means that it could not be run at all.
"""
import atexit
import collections
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit("usage: check_X.py PROGRAM")
TESTDATA = os.environ.get("HAUL_TESTDATA") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testdata")
CORPUS = os.environ.get("HAUL_CORPUS") or ""
SANITIZED = None  # True when the program was built with a sanitizer: memory figures mean nothing then
STATE = ".mailhaul"
ENGINE = os.environ.get("HAUL_ENGINE")  # that judges of Outlook stores run the program with; set it for those only
SHOWN = int(os.environ.get("HAUL_SHOWN") or 20)  # differences that are printed; all are counted

_counts = collections.Counter()


def temporary(memory=False):
    """A fresh directory, removed at exit (also after chmod 000 inside). memory: on a tmpfs where there is one with room,
    for the many runs whose syncs would wait for everything else that this machine writes."""
    where = None
    if memory and os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 2 << 30:
        where = "/dev/shm"
    path = tempfile.mkdtemp(prefix="mailhaul-judge-", dir=where)

    def remove():
        subprocess.run(["chmod", "-R", "u+rwX", path], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(path, ignore_errors=True)
    atexit.register(remove)
    return path


def sanitized():
    global SANITIZED
    if SANITIZED is None:
        with open(PROGRAM, "rb") as f:
            SANITIZED = b"__asan_init" in f.read()
    return SANITIZED


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL", "TZ")}
    env.update(extra)
    return env


def run(*args, exits=(0,), timeout=300, **kwargs):
    """Run the program; an exit status not in `exits` is a failure of the judge. Returns the completed process."""
    kwargs.setdefault("env", environment())
    if ENGINE and args[0] in ("convert", "inspect", "verify") and "--engine" not in args:
        args = (args[0], "--engine", ENGINE, *args[1:])
    done = subprocess.run([PROGRAM, *map(os.fspath, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=timeout, check=False, **kwargs)
    done.text = (done.stdout + done.stderr).decode("utf-8", "replace")
    same(done.returncode in exits, f"exit status {done.returncode}, wanted {exits}: mailhaul {' '.join(map(str, args))}\n"
         + indent(done.text[-1500:]))
    if b"Sanitizer" in done.stderr or b": runtime error: " in done.stderr:
        same(False, "a sanitizer spoke:\n" + indent(done.text[-3000:]))
    return done


def indent(text):
    return "\n".join("      " + line for line in text.splitlines())


def same(good, what):
    """Count a comparison; print what differed. Returns good."""
    _counts["compared"] += 1
    if not good:
        _counts["failed"] += 1
        if _counts["failed"] <= SHOWN:
            print("  differs:", what, flush=True)
    return good


def equal(got, wanted, what):
    return same(got == wanted, f"{what}: got {short(got)}, wanted {short(wanted)}")


def short(value):
    text = repr(value)
    return text if len(text) <= 400 else text[:400] + "…"


def say(text):
    print(text, flush=True)


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def finish():
    print(f"{_counts['compared']} comparisons, {_counts['failed']} failed")
    sys.exit(1 if _counts["failed"] or not _counts["compared"] else 0)


def canonical(octets):
    """Every line end CRLF, as the digest wants it."""
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def sha256(octets):
    return hashlib.sha256(canonical(octets)).hexdigest()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, octets, mtime=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(octets)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def state_of(target):
    return target + STATE if os.path.isdir(target + STATE) else os.path.join(target, STATE)


def report_of(target):
    with open(os.path.join(state_of(target), "report.json"), encoding="utf-8") as f:
        return json.load(f)


def items_of(target, state=None):
    """items.jsonl of a target, one dict an item."""
    with open(os.path.join(state or state_of(target), "items.jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def issues_of(item):
    """The issue ids of one item."""
    return {i["id"] if isinstance(i, dict) else i for i in item.get("issues") or []}


def adds_up(report):
    t = report["totals"]
    return t["found"] == t["stored"] + t["filtered"] + t["duplicate"] + t["failed"] + t["already_stored"]


def snapshot(root, ignore=(STATE,), times=False, inodes=False):
    """path → kind, content digest (and mtime) of everything below root."""
    seen = {}
    for directory, names, files in os.walk(root):
        names[:] = [n for n in names if n not in ignore]
        for name in names + files:
            if name in ignore or name.endswith(tuple(ignore)):
                continue
            path = os.path.join(directory, name)
            st = os.lstat(path)
            if os.path.islink(path):
                what = ("link", os.readlink(path))
            elif os.path.isdir(path):
                what = ("dir",)
            elif os.path.isfile(path):
                what = ("file", hashlib.sha256(read(path)).hexdigest())
                what += (st.st_mtime_ns,) if times else ()
                what += (st.st_ino,) if inodes else ()
            else:
                what = ("other", st.st_mode)
            seen[os.path.relpath(path, root)] = what
    return seen


def differences(got, wanted):
    """Of two snapshots, in words, '' when equal."""
    words = [f"missing {p}" for p in sorted(set(wanted) - set(got))]
    words += [f"extra {p}" for p in sorted(set(got) - set(wanted))]
    words += [f"changed {p}" for p in sorted(set(got) & set(wanted)) if got[p] != wanted[p]]
    return "; ".join(words[:6]) + (f" … {len(words)} in all" if len(words) > 6 else "")


def by_name(root):
    """Base name without flags → path, of every message file below a Maildir or EML tree."""
    found = {}
    for directory, names, files in os.walk(root):
        names[:] = [n for n in names if n != STATE]
        for name in files:
            found.setdefault(name.split(":2,")[0], []).append(os.path.join(directory, name))
    return found


def maildirs(root):
    """Every directory below root (itself included) that has cur/, as relative path."""
    found = []
    for directory, names, _ in os.walk(root):
        if STATE in names:
            names.remove(STATE)
        if "cur" in names:
            found.append(os.path.relpath(directory, root))
    return sorted(found)


def mboxes(root):
    """Every file below root that is an mbox, as relative path; empty files too."""
    found = []
    for directory, names, files in os.walk(root):
        names[:] = [n for n in names if not n.endswith(STATE)]
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as f:
                head = f.read(5)
            if head in (b"From ", b"") and not name.endswith(".msf"):
                found.append(os.path.relpath(path, root))
    return sorted(found)


def without_meta(octets):
    """An mbox message without the block that our writer puts in front (docs/formats/mbox.md): its first line counts
    the lines that follow it, and says whether the message had no header (raw) or no last line end (nofinal)."""
    m = re.match(rb"X-Mailhaul-Meta: (\d+)([^\n]*)\n", octets)
    if not m:
        return octets
    octets = octets.split(b"\n", int(m.group(1)) + 1)[-1]
    if b"raw" in m.group(2):
        octets = octets.removeprefix(b"\n")
    return octets.removesuffix(b"\n") if b"nofinal" in m.group(2) else octets


def message(number, subject="a message", body=b"Hello.\n", sender="ada@harbour.example", extra=b"", date=None):
    """A small message of our own."""
    date = date or "Mon, 4 Mar 2019 09:15:20 +0100"
    return (f"From: {sender}\nTo: ben@lighthouse.example\nSubject: {subject} {number}\n"
            f"Date: {date}\nMessage-ID: <{number}.{subject.replace(' ', '.')}@harbour.example>\n").encode() + extra + b"\n" + body


def mbox_of(messages, start=1550000000):
    """An mboxrd file of these messages, received one minute apart."""
    out = []
    for i, m in enumerate(messages):
        when = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(start + 60 * i))
        quoted = re.sub(rb"(?m)^(>*From )", rb">\1", m)
        end = b"\n" if quoted.endswith(b"\n") else b"\n\n"
        out.append(f"From ada@harbour.example {when}\n".encode() + quoted + end)
    return b"".join(out)
