"""Archives that want to command the server: bodies that are IMAP commands, keywords, flags and folder names that would break out of their
place. To Dovecot (which executes a body after a BAD), to Cyrus and to a scripted server that lies in wait: no command comes out of an
archive, nothing of others is touched, every message arrives, and names and keywords can be read back."""
import os
import re

import imap_fake
import judge
from imap_client import quoted, to_mutf7
from imap_judge import LONG, Target, by_message_id, cyrus, fresh, make_pst, named, quiet, unescaped, unmangled
from imap_servers import Dovecot, FakeServer, Unavailable
from judge import equal, same, say

COMMANDS = ("a1 DELETE Precious", "a2 RENAME Precious Stolen", "a3 SELECT Precious", "a4 STORE 1:* +FLAGS (\\Deleted)", "a5 EXPUNGE",
            "a6 UID STORE 1:* +FLAGS.SILENT (\\Deleted)", "a7 CLOSE", "a8 SETACL Precious anyone lrswipkxtea", "a9 UNSUBSCRIBE Precious",
            'b1 APPEND Precious {3+}', "x", 'b2 LOGOUT', "b3 CREATE Planted", "* BYE go away", "+ OK", "m1 OK done", "* 1 EXPUNGE",
            "* OK [UIDVALIDITY 1] new", ")", "{10+}", "~{10+}", '"', "\\", "", ".", "DONE")
BODY = "\r\n".join(COMMANDS) + "\r\n"
KEYWORDS = ["a\r\nb1 DELETE Precious\r\n", 'quo"ted', "back\\slash", "{10+}", "{10}\r\n", "(", ")", "a) {3+}\r\nxxx", "\\Deleted", "\\Seen",
            "\\*", "*", "%", "]", "[x]", "two words", "Größe", "日本語", "🎉", "$q_fake", "$Q_fake", "$q__", "Junk", "$Junk", "NonJunk", "NIL", "nil",
            "\x01\x7f", "x" * 60, "ä" * 40, "$Label1", "case", "CASE", ".", "-", "&AOQ-", "\u202egnirts", "a\u0301", "~", "{", "}", "=41", "_41",
            "OK", "0", "~{5+}"]
NAMES = ['CR\r\nb1 DELETE Precious', "quo\"te", "back\\slash", "sla/sh", "do.t", "..", ".", "../../etc", ".hidden", "~", "~root", "#mh", "#news.x",
         "%", "*", "a%b*c", "&", "&AOQ-", "a&-b", "&broken", "ä", "Größe (neu)", "日本語", "🎉 emoji", "\u202ertl עברית", "שלום", "e\u0301", "é",
         "x" * 190, "y" * 300, "ü" * 130, " lead", "trail ", "trail.", "{10+}", "(x)", "[y]", "^", "`", "=41", "=2F", "A", "a", "Case", "CASE", "case",
         "NIL", "dbox-Mails", "user", "Other Users", "INBOX.x", "inbox ", "tab\there", "bell\x07", "\x7f", "cur", "new", "tmp", "|", ":", "CON", "-",
         "a" + "/" * 3, "$", "mailbox\u2028sep"]
INBOXES = ["INBOX", "inbox", "InBox", "iNBOX"]


def archive():
    """An Outlook store: its folders have the names, their messages the bodies and one keyword each."""
    folders, wanted, n = [], {}, 0
    for i, name in enumerate(NAMES + INBOXES):
        keywords = [KEYWORDS[i % len(KEYWORDS)]] if i % 2 else [KEYWORDS[i % len(KEYWORDS)], KEYWORDS[(i * 7 + 3) % len(KEYWORDS)]]
        below = {"name": NAMES[(i * 5 + 1) % len(NAMES)], "messages": [(f"below {i}", BODY, ())]}
        folders.append({"name": name, "messages": [(f"in {i}", BODY, dict.fromkeys(keywords))], "folders": [below]})
        wanted[f"<pst.{n}@harbour.example>"] = ([name], set(keywords))
        wanted[f"<pst.{n + 1}@harbour.example>"] = ([name, below["name"]], set())
        n += 2
    return make_pst(folders), wanted


def headers():
    """An mbox and a Maildir whose flags and keywords are hostile."""
    root, n, wanted = fresh("headers"), 0, {}
    messages = []
    for line in ('X-Keywords: a"b {10+} (x) \\Deleted $Junk ok', "Status: RO\r\n b1 DELETE Precious", "X-Status: AFTD{3+}", "Status: {10+}",
                 "X-Keywords: ) {3+}\r\n xxx", "Keywords: \x01, \\Seen, a]b", "X-Keywords: =?UTF-8?Q?a=0D=0Ab1_DELETE_Precious?=",
                 "X-Gmail-Labels: \\Inbox,\\Sent,a\"b", "X-Mozilla-Keys: (x) {3+}", "X-Mozilla-Status: FFFF"):
        messages.append(judge.message(n, subject="mbox", body=BODY.encode(), extra=line.encode() + b"\n"))
        wanted[f"<{n}.mbox@harbour.example>"] = None
        n += 1
    mbox = judge.write(os.path.join(root, "m.mbox"), judge.mbox_of(messages))
    path = os.path.join(root, "Maildir")
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, sub))
    judge.write(os.path.join(path, "dovecot-keywords"), b'0 a"b\n1 {10+}\n2 (x) {3+}\n3 \\Deleted\n4 %*]\n5 \xff\xfe\n6 \n7 \\Seen) {3+}\n')
    for i, info in enumerate(("S", "Sabcdefgh", "zyx", "{10+}", "(x", 'S"', "DFRSTP", "", "a\rb", "s\\Seen")):
        judge.write(os.path.join(path, "cur", f"{1500000000 + i}.M{i}.h:2,{info}"), judge.message(i, subject="maildir", body=BODY.encode()))
        wanted[f"<{i}.maildir@harbour.example>"] = None
    return [mbox, path], wanted


# ── what others have, and is not to change ──

PRECIOUS = [b"From: x@y\r\nSubject: precious %d\r\n\r\nkept\r\n" % i for i in range(3)]


def guard(server):
    if hasattr(server, "held"):
        for octets in PRECIOUS:
            server.folder("Precious").add(octets, {"\\Flagged"})
        return "Precious"
    name = server.prefix + "Precious"
    imap = server.connect()
    imap.create(quoted(name))
    imap.subscribe(quoted(name))
    for octets in PRECIOUS:
        imap.append(quoted(name), "\\Flagged", '"01-Jan-2020 00:00:00 +0000"', octets)
    imap.logout()
    return name


def guarded(what, server, name):
    held = server.held() if hasattr(server, "held") else server.download()
    equal([(m.octets, m.flags) for m in held.get(name, [])], [(o, frozenset({"\\Flagged"})) for o in PRECIOUS], f"{what}: mail of others")
    strange = [n for n in held if re.search("Planted|Stolen", n)]
    equal(strange, [], f"{what}: folders that a body made")
    return held


def read_back(names):
    return ["INBOX" if i == 0 and n.upper() == "INBOX" else n for i, n in enumerate(names)]


def check(what, server, sources, wanted, below="Imported", how="tls"):
    name = guard(server)
    target = Target(server, below, how)
    target.convert(*sources, exits=(0, 1))
    held = guarded(what, server, name)
    found = by_message_id({n: m for n, m in held.items() if n != name})
    equal(sorted(map(str, set(wanted) - set(found))), [], f"{what}: messages that did not arrive")
    equal(sum(map(len, held.values())), len(wanted) + len(PRECIOUS), f"{what}: messages")
    items = {i["message_id"]: i for i in target.items()}
    separator = target.server_names()[0]
    changed = kept = 0
    for mid, truth in wanted.items():
        if mid not in found or truth is None:
            continue
        folder, message = found[mid]
        names, keywords = truth
        base = target.name("") if below else target.server_names()[1]
        path = folder[len(base):].strip(separator) if folder.startswith(base) else folder
        got = [unescaped(p) for p in path.split(separator)]
        if any(len(to_mutf7(n)) > 150 or re.search("=[0-9A-F]{2}", n) for n in names):
            changed += 1  # too long: cut, and a digest; or what looks like an escape
            same(got[0][:20] == names[0][:20] or len(to_mutf7(names[0])) <= 150, f"{what}: {names} became {got}")
        else:
            kept += 1
            equal(read_back(got), read_back(names), f"{what}: {folder!r}: names read back")
        issues = judge.issues_of(items[mid])
        atoms = {unmangled(f) for f in message.flags if not f.startswith("\\")}
        if not issues & {"keyword.name-changed", "keyword.not-held"}:
            lower = {k.lower() for k in atoms}
            equal(sorted(k for k in keywords if k.lower() not in lower), [], f"{what}: {mid}: keywords, of {sorted(message.flags)}")
    same(all(b"b3 CREATE Planted\r\n" in m.octets for _, m in found.values()), f"{what}: the bodies are not whole")
    target.convert(*sources, exits=(0, 1))
    same(not target.totals().get("stored"), f"{what}: a second run stored {target.totals()}")
    target.verify("--full")
    guarded(what, server, name)
    say(f"{what}: {len(found)} messages; {kept} paths read back, {changed} with a cut or an escape in them; issues "
        f"{ {k: v for k, v in target.report()['totals']['issues'].items()} }")
    return target


def trapped(what, server):
    """A scripted server's log: no body was executed; every command is one that we have."""
    equal([c.line for c in server.from_bodies()], [], f"{what}: commands out of bodies")
    ours = {"CAPABILITY", "AUTHENTICATE", "ID", "ENABLE", "NAMESPACE", "LIST", "CREATE", "SUBSCRIBE", "SELECT", "APPEND", "UID FETCH", "UID SEARCH",
            "UID STORE", "EXAMINE", "NOOP", "LOGOUT", "STATUS", "GETQUOTAROOT", "UNSELECT", "LOGIN", "CLOSE"}
    equal(sorted({c.name for c in server.commands} - ours), [], f"{what}: commands")
    equal([c for c in server.commands if (c.answer or "").startswith("BAD")], [], f"{what}: commands that the server did not understand")


def check_bad_keyword():
    """A server that says BAD to a keyword, and executes what follows: the body was not sent yet."""
    plain = imap_fake.flags_of

    def flags_of(value):
        flags = plain(value)
        if "Urgent" in flags:
            raise imap_fake.Refused("BAD Invalid flag")
        return flags
    imap_fake.flags_of = flags_of
    try:
        source = make_pst([{"name": "Work", "messages": [(f"m {i}", BODY, ["Urgent"] if i % 10 == 3 else ["Later"]) for i in range(40)]}])
        for capability in (imap_fake.CAPABILITY, "IMAP4rev1 LITERAL+"):
            server = FakeServer.trapping(capability=capability)
            target = Target(server, how="plain")
            target.convert(source, exits=(0, 1))
            held = server.held()
            equal({n: len(m) for n, m in held.items() if m}, {"Imported/Work": 40}, "a keyword that is BAD: messages")
            equal([c.line for c in server.from_bodies()], [], "a keyword that is BAD: commands out of bodies")
            equal(target.report()["totals"]["issues"].get("keyword.not-held"), 4, "a keyword that is BAD: keyword.not-held")
    finally:
        imap_fake.flags_of = plain
    say("a keyword that is BAD: 40 messages, 4 of them without it")


def main():
    try:
        first = Dovecot()
    except Unavailable as e:
        judge.skip(str(e))
    store, wanted = archive()
    more, also = headers()
    servers = [("Dovecot", named(first, "/"), "tls"), ("Dovecot '.'", named(Dovecot(separator=".", prefix="INBOX."), ".", "INBOX."), "tls")]
    servers += [("Dovecot sdbox, top", named(Dovecot(format="sdbox"), "/"), "plain")]
    server = cyrus()
    if server:
        servers += [("Cyrus '.'", named(cyrus(separator=".", prefix="INBOX."), ".", "INBOX."), "tls")] if LONG else []
        servers += [("Cyrus", named(server, "/"), "tls"), ("Cyrus, top", named(cyrus(), "/"), "tls")]
    for what, server, how in servers:
        top = what.endswith("top")
        check(what, server, [store, *more], wanted | also, below="" if top else "Imported", how=how)
        quiet(server)
        server.stop()
    for capability, separators in ((imap_fake.CAPABILITY, "/."), ("IMAP4rev1 LITERAL+ UIDPLUS", "./"), ("IMAP4rev1", "/.")):
        for separator in separators if LONG else separators[0]:
            server = FakeServer.trapping(capability=capability, separator=separator)
            what = f"FakeServer, {len(capability.split())} capabilities, '{separator}'"
            check(what, server, [store, *more], wanted | also, how="plain")
            trapped(what, server)
    check_bad_keyword()
    judge.finish()


main()
