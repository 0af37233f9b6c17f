"""Uploads to servers that die, renumber, refuse, throttle or are full: nothing is lost or doubled, what the server did is named in the
report, and the run ends in time with a reason. CASES: only those whose name has this."""
import concurrent.futures
import os
import re
import signal
import time
import traceback

import judge
from imap_servers import Bye, Cyrus, Delay, Dovecot, Drop, FakeServer, Fault, Proxy, Unavailable
from imap_upload import Source, Upload, count, wait_for
from judge import equal, same, say

LONG = os.environ.get("HAUL_LONG") == "1"
CASES = os.environ.get("CASES") or ""
MESSAGES = 2000 if LONG else 600
SINGLES = "IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE"  # no MULTIAPPEND
ISSUES = ("imap.copy", "imap.flags-lost", "imap.gone", "imap.renumbered")
USERS = {f"u{i}": "secret" for i in range(60)}


def fake(source, server, options=(), below="Imported"):
    return Upload(server, server.port, source, server.user, False, ["--timeout", "20", *options], below)


def held(upload):
    return upload.server.held() if isinstance(upload.server, FakeServer) else upload.server.download(user=upload.user)


def failed(upload):
    return [i for i in judge.items_of(None, upload.state) if i["status"] == "failed"]


def notices(upload):
    return {k: n for k, n in upload.issues().items() if k in ISSUES}


# ── the server's processes die ──

def dovecot(how):
    server = Dovecot(users=USERS, format=how)
    server.home_format = how
    return server


def killed_servers(source):
    kinds = [lambda f=f: dovecot(f) for f in ("maildir", "sdbox", "mdbox")] + [lambda: Cyrus(users=USERS)]
    for make in kinds:
        try:
            server = make()
        except Unavailable as e:
            say(f"skipped: {e}")
            continue
        names = iter(USERS)
        label = server.program + (f", {server.home_format}" if isinstance(server, Dovecot) else "")
        for i in range(8 if LONG else 1):
            killed_server(source, server, next(names), f"{label} {i}: its processes killed", everything=(i + len(label)) % 2)


def killed_server(source, server, user, what, everything):
    proxy = Proxy(server.port)
    upload = Upload(server, proxy.port, source, user, False, ["--timeout", "5"])
    process = upload.start()
    for share in (0.3, 0.7):
        wait_for(proxy, 15e6 * share * MESSAGES / 2000, process)
        if everything:
            server.kill9_all()
            server.restart()
        else:
            server.kill9()
    upload.end(process)
    if upload.ends[-1] != 0:
        upload.finish(what, allowed=(5, 1))
    named = dict(notices(upload))
    there = held(upload)
    lost, doubled, _ = count(upload, what, held=there, verify=False, copies=named.get("imap.copy", 0))
    say(f"{what}: {lost} lost, {doubled} copies, {named}")
    proxy.stop()


# ── numbered anew ──

def renumbered(source):
    server = FakeServer()
    upload = fake(source, server)
    proxy = Proxy(server.port)
    upload.url = upload.url.replace(str(server.port), str(proxy.port))
    interrupted(upload, proxy, 8e6 * MESSAGES / 2000)
    for name in list(server.folders):
        server.folders[name].renumber()
    upload.finish("renumbered")
    count(upload, "renumbered", held=held(upload))
    same(upload.issues().get("imap.renumbered"), f"renumbered: {upload.issues()}")
    for name in list(server.folders):
        server.folders[name].renumber()
    upload.finish("renumbered when all was done")
    count(upload, "renumbered when all was done", held=held(upload))


def interrupted(upload, proxy, octets):
    process = upload.start()
    wait_for(proxy, octets, process)
    process.send_signal(signal.SIGKILL)
    return upload.end(process)


def renumbered_dovecot(source):
    server = Dovecot(users=USERS)
    proxy = Proxy(server.port)
    upload = Upload(server, proxy.port, source, "u1", False)
    interrupted(upload, proxy, 8e6 * MESSAGES / 2000)
    time.sleep(1)
    home = os.path.join(server.run, "home", "u1", "Maildir")
    for directory, _, files in os.walk(home):
        for name in files:
            if name.startswith(("dovecot-uidlist", "dovecot.index")):
                os.unlink(os.path.join(directory, name))
    upload.finish("Dovecot renumbered")
    count(upload, "Dovecot renumbered")
    same(upload.issues().get("imap.renumbered"), f"Dovecot renumbered: {upload.issues()}")


# ── the user stops ──

def stopped(source):
    server = Dovecot(users=USERS)
    for user, fault in (("u1", None), ("u2", "mute")):
        proxy = Proxy(server.port, plan=[Fault(fault, up=4_000_000 * MESSAGES // 2000)] * 2 if fault else ())
        upload = Upload(server, proxy.port, source, user, False)
        process = upload.start()
        wait_for(proxy, 3e6 * MESSAGES / 2000, process)
        if fault:
            time.sleep(1)
        stop(upload, process, f"SIGINT, {fault}")
        count(upload, f"SIGINT, {fault}")
        proxy.stop()
    server = FakeServer.exchange(burst=50, milliseconds=600000)
    upload = fake(source, server, ["--rate", "10000", "--timeout", "120"])
    process = upload.start()
    time.sleep(2)
    server.append_hooks.clear()
    stop(upload, process, "SIGINT, throttled")
    count(upload, "SIGINT, throttled", held=held(upload))


def stop(upload, process, what):
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    equal(upload.end(process), 130, f"{what}: exit status")
    same(time.monotonic() - began < 8, f"{what}: it took {time.monotonic() - began:.1f} s to stop")
    same(judge.adds_up(upload.report()), f"{what}: {upload.report()['totals']}")
    upload.finish(what)


# ── what is refused ──

def bad(octets):
    return b"Subject: upload 1\r\n" in octets or re.search(rb"Subject: upload (3|5|7|11)00\r\n", octets)


def poison(source):
    for wish in (Bye("no"), Drop(False)):
        for capability in (None, SINGLES) if LONG or isinstance(wish, Bye) else (None,):
            what = f"a message that ends connections, {type(wish).__name__}, {'pipelined' if capability else 'batched'}"
            server = FakeServer(append_hook=lambda o, w=wish: w if b"Subject: upload 300\r\n" in o.octets else None,
                                **({"capability": capability} if capability else {}))
            upload = fake(source, server)
            began = time.monotonic()
            code = upload.run()
            equal(code, 1, f"{what}: exit status: {upload.said[-600:]}")
            there = failed(upload)
            equal([i["message_id"] for i in there], ["<300.upload@harbour.example>"], f"{what}: set aside")
            same(there and "connection" in (there[0]["reason"] or ""), f"{what}: {there and there[0]['reason']}")
            lost, doubled, _ = count(upload, what, held=held(upload), verify=False, missing=1)
            same(len(server.sessions) <= 8, f"{what}: {len(server.sessions)} connections")
            say(f"{what}: {len(server.sessions)} connections, {time.monotonic() - began:.0f} s")


def halved(source):
    server = FakeServer(append_hook=lambda o: "NO [CANNOT] I do not like it" if bad(o.octets) else None)
    upload = fake(source, server)
    equal(upload.run(), 1, "five are refused: exit status")
    n = 1 + sum(x < MESSAGES for x in (300, 500, 700, 1100))
    equal(len(failed(upload)), n, "five are refused: failed")
    count(upload, "five are refused", held=held(upload), verify=False, missing=n)
    equal({i["reason"] for i in failed(upload)}, {"the server refused it: [CANNOT] I do not like it"}, "five are refused: reasons")
    appends = server.counts["APPEND"]
    same(appends < 30 + 18 * n, f"five are refused: {appends} APPEND commands")
    say(f"{n} bad ones of {MESSAGES} cost {appends} commands in all")


def patience(source):
    answers = {"SERVERBUG": "NO [SERVERBUG] Internal error", "UNAVAILABLE": "NO [UNAVAILABLE] Try later",
               "THROTTLED": FakeServer.THROTTLED, "back-off": "NO Request is throttled. Suggested Backoff Time: 400 milliseconds"}
    for name, answer in answers.items():
        state = {"until": None}

        def hook(offered, state=state, answer=answer):
            if offered.number == 700 * MESSAGES // 2000 and state["until"] is None:
                state["until"] = time.monotonic() + 2
            return answer if state["until"] and time.monotonic() < state["until"] else None
        for capability in (None, SINGLES) if LONG or name == "back-off" else (None,):
            state["until"] = None
            server = FakeServer(append_hook=hook, **({"capability": capability} if capability else {}))
            patient(source, server, f"{name}, {'pipelined' if capability else 'batched'}")
    patient(source, FakeServer.exchange(burst=400, milliseconds=300), "Exchange's bursts", ["--rate", "100000"])
    patient(source, FakeServer.gmail({100: FakeServer.THROTTLED, 150: Bye("Too many commands"), 200: FakeServer.OVERQUOTA}), "Gmail",
            ["--daily-limit", "0"], inbox=False)


def patient(source, server, what, options=(), inbox=True):
    upload = fake(source, server, options)
    began = time.monotonic()
    equal(upload.run(), 0, f"{what}: exit status: {upload.said[-800:]}")
    count(upload, what, held=held(upload))
    say(f"{what}: {time.monotonic() - began:.1f} s, {server.counts['APPEND']} APPEND commands")


def refused_questions(source):
    """What is not an APPEND is refused now and then, too: an answer that did not come is not an empty one."""
    for name in ("UID FETCH", "UID SEARCH", "SELECT", "NOOP", "CREATE", "STATUS") if LONG else ("UID FETCH", "SELECT", "CREATE"):
        armed = {"left": 3}

        def hook(command, name=name, armed=armed):
            if command.name == name and armed["left"] and time.monotonic() > armed.get("from", 0):
                armed["left"] -= 1
                return "NO [UNAVAILABLE] Try later"
            return None
        server = FakeServer(hook=hook)
        proxy = Proxy(server.port)
        upload = fake(source, server)
        upload.url = upload.url.replace(str(server.port), str(proxy.port))
        interrupted(upload, proxy, 8e6 * MESSAGES / 2000)
        upload.finish(f"{name} refused three times")
        count(upload, f"{name} refused three times", held=held(upload))
        proxy.stop()


def slow(source):
    """A server that still stores what a run sent that is no longer there: each command takes it longer than the shortest quiet."""
    def hook(command):
        return Delay(3) if command.name == "APPEND" else None
    server = FakeServer(hook=hook)
    upload = fake(source, server, ["--timeout", "120"])
    process = upload.start()
    while server.counts["APPEND"] < 4 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    upload.end(process)
    upload.finish("a slow server")
    count(upload, "a slow server", held=held(upload))


def full(source):
    server = FakeServer(quota=6_000_000 * MESSAGES // 2000)
    upload = fake(source, server)
    began = time.monotonic()
    code = upload.run()
    same(code in (1, 4), f"a full account: exit status {code}")
    same("full" in upload.said or "uota" in upload.said, f"a full account: {upload.said[-600:]}")
    same(judge.adds_up(upload.report()), f"a full account: {upload.report()['totals']}")
    say(f"a full account: {time.monotonic() - began:.1f} s: {upload.report()['error']}")
    server.quota = None
    upload.finish("a full account that got room")
    count(upload, "a full account that got room", held=held(upload))


def dead(source):
    server = FakeServer()
    proxy = Proxy(server.port, bandwidth=2e6)  # so that it dies in the middle on a busy machine, too
    upload = fake(source, server)
    upload.url = upload.url.replace(str(server.port), str(proxy.port))
    process = upload.start()
    wait_for(proxy, 5e6 * MESSAGES / 2000, process)
    began = time.monotonic()
    proxy.stop()
    equal(upload.end(process, 150), 5, "a server that died: exit status")
    same(judge.adds_up(upload.report()), f"a server that died: {upload.report()['totals']}")
    same("same command" in upload.said, f"a server that died: {upload.said[-600:]}")
    say(f"a server that died: given up after {time.monotonic() - began:.0f} s: {upload.report()['error']}")
    upload.url = upload.url.replace(str(proxy.port), str(server.port))
    upload.finish("a server that came back")
    count(upload, "a server that came back", held=held(upload))


# ── copies that the server made ──

def copies(source):
    """Messages of ours again, behind them, with the times they had: named; removed where that is asked for, and only those."""
    for remove in (False, True):
        server, made = FakeServer(), {"n": 0}

        def hook(command, server=server, made=made, remove=remove):
            if command.name == "UID STORE" and not remove:
                return "NO flags are for others"
            folder = server.folders.get("Imported/Work")
            if command.name == "LOGOUT" or not folder or made["n"]:
                return None
            if len(folder.messages) > 300 * MESSAGES // 2000:
                made["n"] = 40
                for m in folder.messages[20:60]:
                    folder.add(m.octets, m.flags, m.internaldate)
                folder.add(b"Subject: foreign\r\n\r\nx\r\n")
                folder.add(folder.messages[5].octets)  # another client's copy, of today
                for m in [m for m in folder.messages[60:] if m.flags][:2]:
                    m.flags.clear()
            return None
        server.hook = hook
        upload = fake(source, server, ["--remove-copies"] if remove else [])
        equal(upload.run(), 0, f"copies: exit status: {upload.said[-600:]}")
        equal(upload.issues().get("imap.copy"), 40, f"copies, removed: {remove}: {upload.issues()}")
        same(upload.issues().get("imap.flags-lost"), f"copies: {upload.issues()}")
        told = [n["detail"] for n in upload.report()["notices"] if "not set again" in n["detail"]]
        same(bool(told) != remove and all("flags are for others" in t for t in told), f"copies, removed: {remove}: {told}")
        n = sum(len(f.messages) for f in server.folders.values())
        equal(n, source.count + 2 + (0 if remove else 40), f"copies, removed: {remove}: messages")


# The first by itself, as it looks at the clock; of the others some at a time, as they wait most of it.
TESTS = (stopped, dead, killed_servers, poison, patience, refused_questions, slow, renumbered, renumbered_dovecot, full, copies, halved)


def timed(test, source):
    began = time.monotonic()
    try:
        test(source)
    except Unavailable as e:
        say(f"{test.__name__}: skipped: {e}")
    except Exception:  # pylint: disable=broad-except
        same(False, f"{test.__name__}: {traceback.format_exc()}")
    say(f"{test.__name__}: {time.monotonic() - began:.0f} s")


def main():
    source = Source("mail", MESSAGES)
    wanted = [t for t in TESTS if CASES in t.__name__]
    if stopped in wanted:
        timed(stopped, source)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda t: timed(t, source), [t for t in wanted if t is not stopped]))
    judge.finish()


main()
