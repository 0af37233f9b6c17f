"""A parser that crashes, hangs, ends or lies at every item of a store in turn: that item is failed with its node id, every other
item is stored as it is without the fault, the exit status is 1, and no process is left. SIGINT ends a run whose parser hangs.

Two stores of the corpus and one of ours, a crash at every item; the other faults at some items. HAUL_LONG=1: every fault at
every item, and a third store. Needs a build with MAILHAUL_FAULTS."""
import glob
import os
import re
import signal
import subprocess
import time

import judge
from judge import adds_up, environment, equal, items_of, report_of, run, same, say

CORPUS = ("support.pst", "passwordprotectedPST.pst") + (("enron.pst",) if os.environ.get("HAUL_LONG") else ())
MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
WHY = {
    "crash": "crashed (signal 11, SIGSEGV)",
    "exit": "ended with status 7",
    "garbage": "answered with nonsense",
    "oom": "of memory",
    "hang": "took more than 1 s",
    "spin": "took more than 1 s",
}
SLOW = ("hang", "spin")  # a second each: fewer of them


def ours(top):
    """A store of our own, of messages in four folders."""
    store = os.path.join(top, "ours.pst")
    if not os.access(MAKE, os.X_OK):
        return []
    subprocess.run([MAKE, "--bulk", "30", "--folders", "4", store], stdin=subprocess.DEVNULL, check=True, timeout=120)
    return [store]


def stores(top):
    found = []
    for name in CORPUS:
        found += sorted(glob.glob(os.path.join(judge.CORPUS, "pst", "*" + name)))[:1] if judge.CORPUS else []
    return found + ours(top)


def convert(store, target, fault, exits):
    env = environment(MAILHAUL_FAULT=fault) if fault else environment()
    slow = fault and fault.startswith(SLOW)
    run("convert", store, target, "--to", "eml", *(("--item-timeout", "1") if slow else ()), env=env, exits=exits)
    return items_of(target)


def node_of(item):
    """The node id in a place: "Inbox#0x200024", or "node 0x200024" of a lost one."""
    m = re.search(r"0x[0-9a-f]+", item["source_place"] or "")
    return m and m.group(0)


def facts(item):
    return (item["folder"], node_of(item), item["kind"], item["sha256"], item["status"], tuple(item["flags"]),
            item["received"], item["stored_as"])


def check(store, good, fault, at, where):
    what = f"{os.path.basename(store)[-40:]} {fault}@{at}"
    wanted = {at} if at != "*" else set(range(len(good)))
    got = convert(store, where, f"{fault}@{at}", (1,))
    if not equal(len(got), len(good), f"{what}: items"):
        return
    same(adds_up(report_of(where)), f"{what}: the totals do not add up")
    for i, (one, other) in enumerate(zip(good, got)):
        if i not in wanted:
            equal(facts(other), facts(one), f"{what}: item {i}")
            continue
        equal(other["status"], "failed", f"{what}: item {i}")
        equal(node_of(other), node_of(one), f"{what}: node of item {i}")
        equal(other["folder"], one["folder"], f"{what}: folder of item {i}")
        same(WHY[fault] in (other.get("reason") or ""), f"{what}: reason {other.get('reason')}")


def places(kind, n):
    """At which of n items: all, or some."""
    step = 1 if kind == "crash" or os.environ.get("HAUL_LONG") and kind not in SLOW else max(n // (2 if kind in SLOW else 4), 1)
    return range(0, n, step)


def child_of(process):
    """The parser, as soon as there is one."""
    for _ in range(200):
        found = judge.read(f"/proc/{process.pid}/task/{process.pid}/children").split()
        if found:
            return int(found[0])
        time.sleep(0.05)
    return None


def check_interrupt(good, command):
    """SIGINT while the parser hangs: 130, soon, and the parser is gone."""
    process = subprocess.Popen([judge.PROGRAM, *command], env=environment(MAILHAUL_FAULT=f"hang@{len(good) // 2}"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child = child_of(process)
    same(child, f"{command[0]}: there is no parser")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    try:
        equal(process.wait(timeout=20), 130, f"{command[0]}: exit status after SIGINT")
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        same(False, f"{command[0]}: SIGINT does not end it")
    same(not child or not os.path.exists(f"/proc/{child}"), f"{command[0]}: the parser lives on")


def check_threads(store, good, top):
    """Children are started anew while the threads that write an Outlook store are at work: nothing waits for ever."""
    for jobs in ("1", "2"):
        target = os.path.join(top, f"{len(good)}-{jobs}.pst")
        lost = range(1, len(good), 2)
        run("convert", store, target, "--jobs", jobs, env=environment(MAILHAUL_FAULT=",".join(f"crash@{i}" for i in lost)), exits=(1,), timeout=120)
        equal([i for i, item in enumerate(items_of(target)) if item["status"] == "failed"], list(lost), f"to a store, {jobs} jobs: failed items")
        same(adds_up(report_of(target)), f"to a store, {jobs} jobs: the totals do not add up")
        run("check", target)


def main():
    if b"MAILHAUL_FAULT" not in judge.read(judge.PROGRAM):
        judge.skip("built without MAILHAUL_FAULTS")
    top = judge.temporary(memory=True)
    found = stores(top)
    if not found:
        judge.skip("no store to read")
    for number, store in enumerate(found):
        good = convert(store, os.path.join(top, f"{number}"), None, (0, 1))
        count = 0
        for kind in WHY:
            for at in places(kind, len(good)):
                check(store, good, kind, at, os.path.join(top, f"{number}-{kind}-{at}"))
                count += 1
        check(store, good, "crash", "*", os.path.join(top, f"{number}-all"))
        for command in (["inspect", store], ["verify", os.path.join(top, f"{number}"), store]):
            check_interrupt(good, command)
        check_threads(store, good, top)
        say(f"{os.path.basename(store)}: {len(good)} items, {count + 1} runs with a fault")
    judge.finish()


main()
