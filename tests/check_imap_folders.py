"""Folders with a use (sent, drafts, trash, junk) land in the server's own for it: by SPECIAL-USE with names of any language, by existing
names where the server marks none, by CREATE-SPECIAL-USE where there is none yet. --map, --prefix and a folder in the URL win."""
import os

import judge
from imap_client import mailboxes, quoted, to_mutf7
from imap_judge import Target, by_message_id, cyrus, make_pst, named, quiet
from imap_servers import SPECIAL_USE, SPECIAL_USE_DE, Dovecot, FakeServer, Unavailable
from judge import equal, say

DEMO = os.path.join(judge.TESTDATA, "demo/mail")
STORE = [("Posteingang", "inbox", ("Kunden",)), ("Gesendete Elemente", "sent", ("2019", "Größe")), ("Entwürfe", "drafts", ()),
         ("Gelöschte Elemente", "trash", ("weg",)), ("Junk-E-Mail", "junk", ()), ("Projekte", None, ("Sent",)), ("Sent", None, ())]


def store():
    """(an Outlook store, {Message-ID: path})."""
    folders, wanted = [], {}
    for name, role, below in STORE:
        folders.append({"name": name, "messages": [(name, "x", ())], "folders": [
            {"name": b, "messages": [(b, "y", ())]} for b in below]} | ({"role": role} if role else {}))
        wanted[f"<pst.{len(wanted)}@harbour.example>"] = (name,)
        for b in below:
            wanted[f"<pst.{len(wanted)}@harbour.example>"] = (name, b)
    return make_pst(folders), wanted


def everything(server):
    return server.held() if hasattr(server, "held") else server.download()


def placed(what, server, target, source, wanted, tops, options=(), exits=(0,)):
    """tops: top folder of the source → where it and what is below it is on the server (as a list of names)."""
    target.convert(source, *options, exits=exits)
    found = by_message_id(everything(server))
    separator, prefix = target.server_names()
    for mid, path in wanted.items():
        place = tops.get(path[:2]) or (tops.get(path[:1]) or tops[()] + [path[0]]) + list(path[1:])
        if place[0] == "INBOX" and (len(place) == 1 or not prefix) or place[0] == "":
            name = separator.join(place[place[0] == "":])
        else:
            name = prefix + separator.join(place)
        equal(found.get(mid, [None])[0], name, f"{what}: {'/'.join(path)}")
    equal(len(found), len(wanted), f"{what}: messages")
    target.verify("--full")
    target.convert(source, *options, exits=exits)
    equal(target.totals(), {"already_stored": len(wanted)}, f"{what}: a second run")
    say(f"{what}: {len(wanted)} messages where they belong")


def uses(server):
    imap = server.connect()
    found = {use: name for name, box in mailboxes(imap).items() for use in box.attributes}
    imap.logout()
    return found


GERMAN = {("Posteingang",): ["INBOX"], ("Gesendete Elemente",): ["Gesendet"], ("Entwürfe",): ["Entwürfe"],
          ("Gelöschte Elemente",): ["Papierkorb"], ("Junk-E-Mail",): ["Spam"], (): []}
ENGLISH = GERMAN | {("Gesendete Elemente",): ["Sent"], ("Entwürfe",): ["Drafts"], ("Gelöschte Elemente",): ["Trash"],
                    ("Junk-E-Mail",): ["Junk"]}
PLAIN = {(): [], ("Posteingang",): ["INBOX"]}


def check_dovecot(source, wanted):
    for what, how, tops in (
            ("SPECIAL-USE in German", {"special_use": SPECIAL_USE_DE}, GERMAN),
            ("SPECIAL-USE in English", {"special_use": SPECIAL_USE}, ENGLISH),
            ("SPECIAL-USE behind INBOX.", {"special_use": SPECIAL_USE_DE, "separator": ".", "prefix": "INBOX."}, GERMAN),
            ("SPECIAL-USE masked", {"special_use": SPECIAL_USE_DE, "without": ["SPECIAL-USE", "LIST-EXTENDED"]}, GERMAN),
            ("nothing there", {}, PLAIN)):
        server = named(Dovecot(**how), how.get("separator", "/"), how.get("prefix", ""))
        placed("Dovecot, " + what, server, Target(server, ""), source, wanted, tops)
        quiet(server)
        server.stop()


def check_names(source, wanted):
    """No SPECIAL-USE at all: names that are there, in French, Japanese, in modified UTF-7."""
    server = named(Dovecot(without=["SPECIAL-USE"]), "/")
    imap = server.connect()
    for name in ("Éléments envoyés", "下書き", "Papierkorb", "Courrier indésirable", "Projekte"):
        imap.create(quoted(to_mutf7(name)))
    imap.logout()
    tops = PLAIN | {("Gesendete Elemente",): ["Éléments envoyés"], ("Entwürfe",): ["下書き"], ("Gelöschte Elemente",): ["Papierkorb"],
                    ("Junk-E-Mail",): ["Courrier indésirable"]}
    placed("Dovecot, names in three languages", server, Target(server, ""), source, wanted, tops)
    server.stop()


def check_rules(source, wanted):
    """--map and --prefix win over the uses, and so does a folder in the URL."""
    server = named(Dovecot(special_use=SPECIAL_USE_DE), "/")
    for what, below, options, tops in (
            ("a folder in the URL", "Alt", (), {(): ["Alt"], ("Posteingang",): ["Alt", "INBOX"]}),
            ("--prefix", "", ("--prefix", "Früher"), {(): ["Früher"], ("Posteingang",): ["Früher", "INBOX"]}),
            ("--map", "", ("--map", "Gesendete Elemente=Post/Raus", "--map", "Entwürfe=Entwürfe alt", "--map", "Gesendete Elemente/2019=Neunzehn",
                           "--map", "Posteingang=Rein"),
             GERMAN | {("Gesendete Elemente",): ["Post", "Raus"], ("Entwürfe",): ["Entwürfe alt"], ("Posteingang",): ["Rein"],
                       ("Gesendete Elemente", "2019"): ["Neunzehn"]}),
            ("--map and --prefix", "Neu", ("--map", "Projekte=P", "--prefix", "2024/alles"),
             {(): ["Neu", "2024", "alles"], ("Projekte",): ["Neu", "2024", "alles", "P"], ("Posteingang",): ["Neu", "2024", "alles", "INBOX"]})):
        placed("Dovecot, " + what, server, Target(server, below), source, wanted, tops, options)
        imap = server.connect()
        for name, box in mailboxes(imap).items():
            if imap.select(quoted(box.raw))[1][0] != b"0":
                imap.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
                imap.expunge()
        imap.logout()
    server.stop()


def check_create_special_use(source, wanted):
    server = cyrus()
    if not server:
        return
    named(server, "/")
    placed("Cyrus, CREATE-SPECIAL-USE", server, Target(server, ""), source, wanted, PLAIN)
    got = uses(server)
    equal({u: got.get(u) for u in ("\\sent", "\\drafts", "\\trash", "\\junk")},
          {"\\sent": "Gesendete Elemente", "\\drafts": "Entwürfe", "\\trash": "Gelöschte Elemente", "\\junk": "Junk-E-Mail"},
          "Cyrus: the use of new folders")
    server.stop()
    server = named(cyrus(special_use=SPECIAL_USE_DE), "/")
    equal("\\sent" in uses(server), True, "Cyrus marks the folders of its configuration")
    placed("Cyrus, SPECIAL-USE in German", server, Target(server, ""), source, wanted, GERMAN)
    server.stop()


def check_scripted(source, wanted):
    tops = PLAIN | {("Gesendete Elemente",): ["Gesendete Elemente"]}
    server = FakeServer()
    placed("FakeServer, CREATE-SPECIAL-USE", server, Target(server, "", how="plain"), source, wanted, tops)
    equal({f.special: n for n, f in server.folders.items() if f.special},
          {"\\Sent": "Gesendete Elemente", "\\Drafts": "Entwürfe", "\\Trash": "Gelöschte Elemente", "\\Junk": "Junk-E-Mail"},
          "FakeServer: the use of new folders")
    server = FakeServer.gmail()
    gmail = PLAIN | {("Gesendete Elemente",): ["[Gmail]", "Sent Mail"], ("Entwürfe",): ["[Gmail]", "Drafts"], ("Sent",): ["=53ent"],
                     ("Gelöschte Elemente",): ["[Gmail]", "Trash"], ("Junk-E-Mail",): ["[Gmail]", "Spam"]}
    placed("FakeServer, Gmail", server, Target(server, "", how="plain"), source, wanted, gmail)


def check_mbox():
    """The demo mailbox: Sent and Drafts by their names."""
    server = named(Dovecot(special_use=SPECIAL_USE_DE), "/")
    target = Target(server, "")
    target.convert(DEMO)
    held = {name: len(messages) for name, messages in target.held().items()}
    equal(held, {"INBOX": 7, "Gesendet": 2, "Entwürfe": 1, "Archiv/Reisen": 2, "Archiv/Küche": 1}
          if any(f["role"] == "archive" for f in target.report()["folders"]) else
          {"INBOX": 7, "Gesendet": 2, "Entwürfe": 1, "Archive/Reisen": 2, "Archive/Küche": 1}, "demo: folders")
    server.stop()


def main():
    try:
        Dovecot().stop()
    except Unavailable as e:
        judge.skip(str(e))
    source, wanted = store()
    for check in (check_dovecot, check_names, check_rules, check_create_special_use, check_scripted):
        check(source, wanted)
    check_mbox()
    judge.finish()


main()
