"""What the judges of uploads share: a source with twins, the command for it, and the count by another client."""
import collections
import itertools
import os
import random
import subprocess
import time

import judge
from judge import equal, same

MESSAGES = 400 if judge.sanitized() and os.environ.get("HAUL_LONG") != "1" else 2000
FOLDERS = {"": 0.4, "Work": 0.3, "Work.2019": 0.2, "Sent": 0.1}  # shares; of a Maildir++
RUNS = 8           # of one command, at most
FLAGS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "D": "\\Draft"}
WORK = judge.temporary(memory=True)


# ── the source ──

def bodies(n, seed, huge=4):
    """So many messages of 200 octets to 20 kB and a few of 2 MB; one in eight is its neighbour again."""
    dice, out = random.Random(seed), []
    big = set(dice.sample(range(n), huge))
    for i in range(n):
        if i % 8 == 7:
            out.append(out[-1])
            continue
        size = 2_000_000 if i in big else int(200 * 100 ** dice.random())
        line = "%08x " % dice.getrandbits(32) * 8 + "\n"
        out.append(judge.message(i, subject="upload", body=(line * (size // len(line) + 1)).encode()))
    return out


class Source:
    """A Maildir++ whose files tell flags and times."""
    def __init__(self, name, n=MESSAGES, seed=1, huge=4):
        self.path, self.wanted, at = os.path.join(WORK, name), {}, 0
        every, dice = bodies(n, seed, huge), random.Random(seed)
        for folder, share in FOLDERS.items():
            root = os.path.join(self.path, "." + folder if folder else "")
            for sub in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(root, sub))
            mine = every[at:at + round(n * share)]
            for i, octets in enumerate(mine, at):
                flags = "".join(f for f in "DFRS" if dice.random() < 0.3)
                judge.write(os.path.join(root, "cur", f"{1500000000 + i}.M{i:06}.h:2,{flags}"), octets, 1500000000 + 60 * i)
            self.wanted[folder] = collections.Counter(map(judge.canonical, mine))
            at += len(mine)
        self.count = at


# ── the program ──

class Upload:
    """One target and the command for it."""
    def __init__(self, server, port, source, user, tls=False, options=(), below="Imported"):
        self.server, self.source, self.user, self.below = server, source, user, below
        self.work = os.path.join(WORK, f"upload{next(numbers)}")
        self.state = os.path.join(self.work, "state")
        secret = judge.write(os.path.join(self.work, "secret"), (server.password + "\n").encode())
        os.chmod(secret, 0o600)
        self.options = ["--password-file", secret, "--state", self.state, *options]
        self.options += ["--ca-file", server.ca_file] if tls else ["--insecure-plaintext"]
        self.url = f"{'imaps' if tls else 'imap'}://{user}@localhost:{port}/{below}"
        self.ends, self.said = [], ""

    def command(self, verb, *more):
        parts = [self.source.path, self.url] if verb == "convert" else [self.url, self.source.path]
        return [judge.PROGRAM, verb, *self.options, *more, *parts]

    def start(self, *more):
        return subprocess.Popen(self.command("convert", *more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=judge.environment())

    def end(self, process, timeout=240):
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            same(False, f"{self.user}: it ran for {timeout} s: {out[-300:]!r}")
        self.said = out.decode("utf-8", "replace")
        if "Sanitizer" in self.said or "runtime error" in self.said:
            same(False, "a sanitizer spoke:\n" + judge.indent(self.said[-3000:]))
        self.ends.append(process.returncode)
        return process.returncode

    def run(self, *more, timeout=240):
        return self.end(self.start(*more), timeout)

    def report(self):
        return judge.json.loads(judge.read(os.path.join(self.state, "report.json")))

    def finish(self, what, allowed=(5,), more=()):
        """Again and again until it is done."""
        for _ in range(RUNS):
            code = self.run(*more)
            same(judge.adds_up(self.report()), f"{what}: totals {self.report()['totals']}")
            if code == 0:
                return True
            same(code in allowed, f"{what}: exit status {code}:\n" + judge.indent(self.said[-1500:]))
        return same(False, f"{what}: not done after {RUNS} runs: {self.ends}, {self.said[-500:]}")

    def issues(self):
        return self.report()["totals"]["issues"]


numbers = itertools.count(1)


# ── the count ──

def folder_of(upload, folder):
    """The source's folder on the server."""
    return upload.below + "/" + (folder.replace(".", "/") or "INBOX")


def count(upload, what, foreign=None, held=None, verify=True, copies=0, missing=0):
    """By another client: (lost, doubled, wrong). foreign: {folder on the server: Counter of octets} that are there besides;
    copies, missing: so many are known to the report."""
    held = held if held is not None else upload.server.download(user=upload.user)
    lost = doubled = 0
    for folder, wanted in upload.source.wanted.items():
        name = folder_of(upload, folder)
        got = collections.Counter(m.octets for m in held.get(name, []))
        wanted = wanted + (foreign or {}).get(name, collections.Counter())
        lost += (wanted - got).total()
        doubled += (got - wanted).total()
    equal((lost, doubled), (missing, copies), f"{what}: lost, doubled")
    wrong = places(upload, what, held, missing)
    if verify:
        code = subprocess.run(upload.command("verify", "--full"), stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env=judge.environment(), timeout=240)
        same(code.returncode == 0 or foreign, f"{what}: verify --full: {code.returncode} {code.stdout[-800:]} {code.stderr[-300:]}")
    return lost, doubled, wrong


def places(upload, what, held, missing=0):
    """Every item of the last run is where the journal says, as it was, and nothing else is there."""
    seen, wrong = set(), collections.Counter()
    there = {(name, m.uid): m for name, messages in held.items() for m in messages}
    for item in judge.items_of(None, upload.state):
        if item["status"] == "failed":
            continue
        name, _, uid = (item["stored_as"] or "").rpartition("/;UID=")
        at = (upload.below + "/" + name, int(uid or 0))
        message = there.get(at)
        if not message or at in seen:
            wrong["no message" if not message else "two items"] += 1
            continue
        seen.add(at)
        wrong["content"] += judge.sha256(message.octets) != item["sha256"]
        wrong["time"] += time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(message.internaldate)) != item["received"]
        wrong["flags"] += {FLAGS[f] for f in FLAGS if FLAGS[f][1:].lower() in item["flags"]} - message.flags != set()
    same(not +wrong and len(seen) == upload.source.count - missing, f"{what}: {len(seen)} places, wrong: {dict(+wrong)}")
    return wrong


def wait_for(proxy, octets, process):
    """Until so many octets went up, or the process is over."""
    while proxy.forwarded()[0] < octets and process.poll() is None:
        time.sleep(0.001)
