"""Every source format of real files that nobody here wrote goes up to Dovecot and to Cyrus, and what imaplib downloads is what was in
the source. Outlook stores and mbox files are read by way of the Maildir that mailhaul makes of them; an EML file is its own truth.
HAUL_LONG=1: large stores too, and each to each server."""
import glob
import os
import subprocess

import judge
import outlook
from imap_judge import LONG, Target, by_conversion, cyrus, fresh, named, quiet, round_trip
from imap_servers import Dovecot, Unavailable
from judge import run, same, say


def corpus():
    """[(name, sources, truth by id)] of real files; made ones where there is no corpus."""
    found = []
    if not os.path.isdir(os.path.join(judge.CORPUS, "mbox")):
        say("no corpus: the demo mailbox and a store of our own")
        demo = [os.path.join(judge.TESTDATA, "demo/mail")]
        return [("demo", demo, by_conversion(demo)), made_store()]
    mboxes = [p for p in sorted(glob.glob(os.path.join(judge.CORPUS, "mbox/*")))
              if run("inspect", "-q", p, exits=(0, 1, 3)).returncode != 3]
    groups = {"mbox": mboxes, "eml": [os.path.join(judge.CORPUS, "eml")],
              "maildir": sorted(glob.glob(os.path.join(judge.CORPUS, "maildir/*/*"))), "pst": readable_stores()}
    for name, sources in groups.items():
        truth = by_conversion(sources)
        if name == "eml":
            truth = by_file(sources[0], truth)
        found.append((name, sources, truth))
    return found


def readable_stores():
    stores = [s for s in outlook.stores() if judge.read(s)[:4] == b"!BDN"]
    stores = [s for s in stores if LONG or os.path.getsize(s) < 4 << 20]
    return [s for s in stores if run("inspect", "-q", s, exits=(0, 1, 3)).returncode != 3]


def made_store():
    store = os.path.join(fresh("pst"), "a.pst")
    subprocess.run([os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst"), "--bulk", "200", store],
                   check=True)
    return "pst", [store], by_conversion([store])


def by_file(root, truth):
    """Where an EML item is a whole file, its octets come from the file itself."""
    files = {judge.canonical(judge.read(p)) for p in glob.glob(root + "/*")}
    whole = [i for i in truth if by_conversion.plain[i]]
    same(len(whole) > len(truth) * 0.8, f"eml: only {len(whole)} of {len(truth)} items are their file")
    for i in whole:
        same(truth[i].octets in files, f"eml: {i} is not what is in a file")
    say(f"eml: {len(whole)} of {len(truth)} items are the octets of their file")
    return truth


def check_corpus(server):
    servers = [("Dovecot", named(server, "/"), "tls")]
    server = cyrus()
    if server:
        servers.append(("Cyrus", named(server, "/"), "tls"))
    if LONG:
        servers.append(("Dovecot '.'", named(Dovecot(separator=".", prefix="INBOX."), ".", "INBOX."), "starttls"))
    for name, sources, truth in corpus():
        for what, server, how in servers:
            if what != "Cyrus" or name != "pst" or LONG:
                round_trip(f"{what}, corpus {name}", Target(server, "Corpus-" + name, how), sources, truth)
    for _, server, _ in servers:
        quiet(server, "ignoring invalid base64|more than 1000 header lines")  # Cyrus about what it was given


def main():
    try:
        server = Dovecot()
    except Unavailable as e:
        judge.skip(str(e))
    check_corpus(server)
    judge.finish()


main()
