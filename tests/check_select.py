"""--party and --term against an implementation of few lines that knows what was written into the mail: folded subjects, bodies
in every transfer encoding, HTML whose words are cut by tags, names of attachments, texts that cross the borders of every
buffer; German, Greek, Turkish, Cyrillic, Japanese and Thai. Counts add up, in first and later runs, dry runs and verify."""
import base64
import html
import quopri
import random
import unicodedata

import judge
from judge import equal, items_of, report_of, run, same, say, write

WORDS = ("Steuer STEUERN Straße STRASSE Größe groesse Übergabe übergabe geheim Geheimnis annual report Annual REPORT tax Taxes syntax "
         "ΣΟΦΟΣ σοφος οδός ΟΔΟΣ İSTANBUL istanbul ISTANBUL ışık IŞIK договор ДОГОВОРЫ Договора café cafe\u0301 cafe CAFÉ naïve naive "
         "契約 契約書 購買契約 がか かか データ สัญญา ทำสัญญาและ O'Neil O’Neil C++ § 14 #7 x-ray xray con\u00adfidential confidential "
         "e\u200bmail ﬁnal final ½ tax2 a_b 한국어 Ⅷ ⅷ").split(" ")
LATIN = [w for w in WORDS if all(ord(c) < 256 for c in w)]
TERMS = ["Steuer*", "strasse", "größe", "ÜBERGABE", "geheim", "geheim*", "annual report", "annual  report*", "tax", "tax*", "σοφοσ",
         "οδός", "οδος", "istanbul", "i̇stanbul", "ışık", "işik", "договор*", "café", "cafe", "CAFE*", "naïve", "契約", "契", "か",
         "データ", "สัญญา", "neil", "o'neil", "c++", "§ 14", "\\#7", "xray", "ray", "confidential", "email", "final", "½", "한국어", "ⅷ",
         "b", "anhang*", "no such word", "Zahlung"]
NAMES = ["Anhang.pdf", "Übergabe-Größe.txt", "Zahlung_2.doc", "契約書.pdf", "report.final.xls", "x" * 90 + " tax.txt"]
ALONE = [(0x0e00, 0x0fff), (0x1000, 0x109f), (0x1780, 0x17ff), (0x19e0, 0x1aaf), (0x2e80, 0x2fdf), (0x3005, 0x3007), (0x3021, 0x302f),
         (0x3040, 0x312f), (0x31a0, 0x31bf), (0x31f0, 0x31ff), (0x3400, 0x4dbf), (0x4e00, 0xa4cf), (0xf900, 0xfaff), (0xff66, 0xff9f), (0x1b000, 0x1b16f),
         (0x20000, 0x3ffff)]


# ── the other implementation ──

def kind(c):
    category = unicodedata.category(c)
    if category[0] == "M":
        return "mark"
    if category[0] == "L" or category in ("Nd", "Nl", "No"):
        return "alone" if any(a <= ord(c) <= b for a, b in ALONE) else "word"
    return "none"


def fold(text):
    out = []
    for c in text:
        category = unicodedata.category(c)
        if category == "Cf":
            continue
        if category in ("Cc", "Zs", "Zl", "Zp"):
            out.append(" ")
            continue
        for f in c.casefold():
            out.append(f if "\uac00" <= f <= "\ud7a3" else unicodedata.normalize("NFD", f))
    return " ".join(p for p in "".join(out).split(" ") if p)


def boundary(text, at):
    """Whether a word may begin or end at text[at]."""
    if at >= len(text):
        return True
    if kind(text[at]) == "mark":
        return False
    before = at - 1
    while before >= 0 and kind(text[before]) == "mark":
        before -= 1
    return before < 0 or not (kind(text[before]) == "word" and kind(text[at]) == "word")


def count(term, text):
    """Hits of one term in a folded text."""
    prefix = term.endswith("*")
    wanted = fold(term.removeprefix("\\").removesuffix("*"))
    hits, at = 0, text.find(wanted)
    while at >= 0:
        hits += boundary(text, at) and (prefix or boundary(text, at + len(wanted)))
        at = text.find(wanted, at + 1)
    return hits


def expected(texts_by_mail, terms):
    """[(items, hits)] by term, and the numbers of the mails with any."""
    totals, taken = [[0, 0] for _ in terms], set()
    for number, texts in enumerate(texts_by_mail):
        folded = [fold(t) for t in texts]
        for i, term in enumerate(terms):
            hits = sum(count(term, t) for t in folded)
            totals[i][0] += hits > 0
            totals[i][1] += hits
            if hits:
                taken.add(number)
    return totals, taken


# ── mail ──

def encoded_words(rng, text):
    """A Subject: RFC 2047 words of a few characters each, B or Q, folded."""
    words = []
    while text:
        n = rng.randrange(3, 12)
        piece, text = text[:n].encode(), text[n:]
        if rng.random() < .5:
            words.append("=?utf-8?B?%s?=" % base64.b64encode(piece).decode())
        else:
            words.append("=?UTF-8?Q?%s?=" % "".join("=%02X" % b for b in piece))
    return rng.choice([" ", "\n ", "\n\t"]).join(words)


def body(rng, text, charset):
    octets = text.encode(charset)
    how = rng.choice(["quoted-printable", "base64", "8bit"])
    if how == "quoted-printable":
        coded = quopri.encodestring(octets)
    elif how == "base64":
        coded = base64.encodebytes(octets)
    else:
        coded = octets
    return how, coded if coded.endswith(b"\n") else coded + b"\n"


def part(rng, text, charset, subtype="plain", disposition=""):
    how, coded = body(rng, text, charset)
    return (f"Content-Type: text/{subtype}; charset={charset}\n{disposition}Content-Transfer-Encoding: {how}\n\n").encode() + coded


def as_html(rng, words):
    """The words with tags within and between them, as entities, with soft hyphens; the text is the same."""
    out = []
    for word in words:
        if len(word) > 4 and rng.random() < .4:
            at = rng.randrange(1, len(word) - 1)
            while unicodedata.combining(word[at]):
                at += 1
            word = html.escape(word[:at]) + rng.choice(["<b>%s</b>", "<span style='color:red'>%s</span>", "&shy;%s"]) % html.escape(word[at:])
        elif rng.random() < .3:
            word = "".join(f"&#{ord(c)};" for c in word)
        else:
            word = html.escape(word)
        out.append(word)
        out.append(rng.choice([" ", "\n", "<br>", "</p><p>", "&nbsp;"]))
    return "<html><head><title></title><style>.tax{}</style><script>var geheim;</script></head><body><p>%s</p></body></html>" % "".join(out)


def attached(rng, name, text):
    if rng.random() < .5:
        coded = "filename*=UTF-8''" + "".join(c if c.isascii() and c.isalnum() else "".join("%%%02X" % b for b in c.encode()) for c in name)
    else:
        coded = 'filename="=?UTF-8?B?%s?="' % base64.b64encode(name.encode()).decode()
    # its content holds a term, and is not looked into
    return (f"Content-Type: application/octet-stream\nContent-Disposition: attachment;\n {coded}\nContent-Transfer-Encoding: base64\n\n"
            f"{base64.b64encode(text.encode()).decode()}\n").encode()


def make(rng, number):
    """One mail, and the texts that are searched."""
    subject = " ".join(rng.choices(WORDS, k=rng.randrange(0, 5)))
    charset = rng.choice(["utf-8", "iso-8859-1"])
    words = rng.choices(WORDS if charset == "utf-8" else LATIN, k=rng.randrange(0, 12))
    texts = [subject]
    head = (f"From: a{number}@harbour.example\nTo: ben@lighthouse.example\nSubject: {encoded_words(rng, subject)}\n"
            f"Date: Mon, 4 Mar 2019 09:15:20 +0100\nMessage-ID: <{number}@harbour.example>\nMIME-Version: 1.0\n").encode()
    shape = rng.choice(["plain", "html", "both", "attached", "attached"])
    plain = rng.choice([" ", "\n", ", ", "; ", " -- "]).join(words)
    texts.append(plain)
    if shape == "plain":
        return head + part(rng, plain, charset), texts
    if shape == "html":
        texts[-1] = " ".join(words)
        return head + part(rng, as_html(rng, words), charset, "html"), texts
    parts = [part(rng, plain, charset)]
    if shape == "both":
        texts[-1] = plain if plain else "Zahlung"  # the first alternative that is not blank
        parts.append(part(rng, "<p>Zahlung</p>", charset, "html"))
    for name in rng.sample(NAMES, rng.randrange(1, 3)) if shape == "attached" else []:
        parts.append(attached(rng, name, "Zahlung geheim"))
        texts.append(name)
    kind_of = "alternative" if shape == "both" else "mixed"
    head += f'Content-Type: multipart/{kind_of}; boundary="=b{number}"\n\n'.encode()
    return head + b"".join(b"--=b%d\n" % number + p for p in parts) + b"--=b%d--\n" % number, texts


def long_mail(rng):
    """Terms on both sides of, and across, the borders of every buffer."""
    text, octets = [], 0
    while octets < 2 << 20:
        fill = 4096 - octets % 4096 - rng.randrange(30)
        piece = "y" * max(fill - 1, 1) + " " + " ".join(rng.choices(WORDS, k=3)) + rng.choice(["\n", " \n", "\n\n"])
        text.append(piece)
        octets += len(piece.encode())
    whole = "".join(text)
    head = b"From: long@harbour.example\nSubject: long\nMessage-ID: <long@harbour.example>\nMIME-Version: 1.0\n"
    return head + b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(whole.encode()), ["long", whole]


RARE = ["confidential", "ⅷ", "annual report", "naïve", "x*"]


def check_terms(root):
    rng = random.Random(5)
    mails = [make(rng, n) for n in range(300)] + [long_mail(rng)]
    source = write(f"{root}/terms.mbox", judge.mbox_of([m for m, _ in mails]))
    for name, terms in (("many", TERMS), ("few", RARE)):
        check_list(root, name, terms, mails, source)


def check_list(root, name, wanted_terms, mails, source):
    terms = write(f"{root}/{name}.txt", ("# what we look for\n\n" + "\r\n".join(wanted_terms)).encode())
    totals, taken = expected([t for _, t in mails], wanted_terms)
    same(name == "many" or 50 < len(taken) < 250, f"the mails tell something: {len(taken)} of {len(mails)} are taken")
    target = f"{root}/{name}-out"
    for which, stored in (("first", len(taken)), ("second", 0)):
        run("convert", "--to", "maildir", "--term", terms, source, target)
        report = report_of(target)
        got = {t["term"]: (t["items"], t["hits"]) for t in report["terms"]}
        for term, (items, hits) in zip(wanted_terms, totals):
            equal(got.get(term.removeprefix("\\")), (items, hits), f"{name}, {which} run: items and hits of {term}")
        equal(report["totals"]["stored"], stored, f"{name}, {which} run: stored")
        equal(report["totals"]["filtered"], len(mails) - len(taken), f"{name}, {which} run: filtered")
        same(judge.adds_up(report), f"{name}, {which} run: the counts add up")
        left = {i["message_id"] for i in items_of(target) if i.get("reason") == "term"}
        wanted = {f"<{n}@harbour.example>" for n in range(300) if n not in taken}
        equal(sorted(left), sorted(wanted), f"{name}, {which} run: which were left out")
    dry = run("convert", "--to", "maildir", "--json", "--dry-run", "--term", terms, source, f"{root}/dry")
    equal(judge.json.loads(dry.stdout)["terms"], report["terms"], f"{name}: a dry run counts the same")
    run("verify", "--term", terms, target, source)
    run("verify", target, source, exits=(1,))
    say(f"  {name}: {len(taken)} of {len(mails)} mails, {sum(h for _, h in totals)} hits of {len(wanted_terms)} terms")


def check_case(root):
    """Every character that has case, or falls into others, in all its forms; and one of each kind of mark, blank and script."""
    chars = [chr(c) for c in range(0xa0, 0x1e944) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    cased = [c for c in chars if c.casefold() != c or c.upper() != c or unicodedata.normalize("NFD", c) != c]
    cased = [c for c in cased if not "\uac00" <= c <= "\ud7a3" and kind(c) != "mark" and len(fold("x" + c + "x")) >= 3]
    few = random.Random(1).sample([c for c in chars if c not in cased], 1500)
    words = {}
    for c in cased + few:
        words.setdefault(fold(f"q{c}q"), f"q{c}q")
    terms = [w for f, w in words.items() if f and "*" not in w and not w.startswith("#") and w.strip() == w][:9000]
    text = "\n".join(f"{w} {w.upper()} {w.lower()} {w}q {unicodedata.normalize('NFD', w)}" for w in terms)
    mail = b"Message-ID: <c@x>\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(text.encode())
    source = write(f"{root}/case.mbox", judge.mbox_of([mail]))
    listed = write(f"{root}/case.txt", "\n".join(terms).encode())
    done = run("convert", "--to", "maildir", "--dry-run", "--json", "--term", listed, source, f"{root}/case-out")
    got = [t["hits"] for t in judge.json.loads(done.stdout)["terms"]]
    folded = fold(text)
    wanted = [count(t, folded) for t in terms]
    equal(len(got), len(wanted), "terms that are one")
    for t, a, b in zip(terms, got, wanted):
        if a != b:
            same(False, f"{t!r} {[hex(ord(c)) for c in t]}: {a}, not {b}")
    same(min(wanted) >= 2 and len(terms) > 3000, f"{len(terms)} characters, each found")
    say(f"  {len(terms)} characters in all their forms")


# ── people ──

PEOPLE = [("From: Ada <ada@x.org>", "ada@x.org"), ("Sender: ADA@X.ORG", "ada@x.org"), ("To: b@c.example, \"x, y\" <ada@x.org>", "ada@x.org"),
          ("Cc: undisclosed:;, =?utf-8?Q?=C3=84da?= <ada@X.org>", "ada@x.org"), ("Bcc: ada@x.org", "ada@x.org"),
          ("Resent-To: ada@x.org", "ada@x.org"), ("Resent-From: <ada@x.org>", "ada@x.org"), ("Resent-Cc: team: ada@x.org, z@z.example;", "ada@x.org"),
          ("Resent-Sender: ada@x.org", "ada@x.org"), ("Resent-Bcc: ada@x.org", "ada@x.org"),
          ("To: eve@mail.x.org", "eve@mail.x.org"), ("To: eve@xx.org", "eve@xx.org"), ("To:\n folded\n <eve@x.org>", "eve@x.org"),
          ("Reply-To: ada@x.org", None), ("X-To: ada@x.org", None), ("Subject: ada@x.org", None), ("To: \"ada@x.org\" <q@q.example>", "q@q.example"),
          ("To: ada@x.org.example", "ada@x.org.example"), ("Comments: none", None)]
ASKED = [(["ada@x.org"], lambda a: a == "ada@x.org"), (["X.ORG"], lambda a: a.split("@")[1] == "x.org" or a.endswith(".x.org")),
         (["@mail.x.org"], lambda a: a.endswith("@mail.x.org")), (["q.example", "eve@xx.org"], lambda a: a.endswith("@q.example") or a == "eve@xx.org"),
         (["nobody@x.org"], lambda a: False)]


def check_people(root):
    mails = [f"{field}\nMessage-ID: <{n}@p>\n\nada@x.org wrote this: tax\n".encode() for n, (field, _) in enumerate(PEOPLE)]
    source = write(f"{root}/people.mbox", judge.mbox_of(mails).replace(b"From ada@harbour.example ", b"From MAILER-DAEMON "))
    for n, (who, fits) in enumerate(ASKED):
        target = f"{root}/people-out{n}"
        run("convert", "--to", "maildir", *(a for w in who for a in ("--party", w)), source, target)
        got = {i["message_id"] for i in items_of(target) if i["status"] == "stored"}
        wanted = {f"<{k}@p>" for k, (_, addr) in enumerate(PEOPLE) if addr and fits(addr)}
        equal(sorted(got), sorted(wanted), f"--party {' '.join(who)}")
        reasons = {i.get("reason") for i in items_of(target) if i["status"] == "filtered"}
        equal(reasons, {"party"}, f"--party {' '.join(who)}: reasons")
        same(judge.adds_up(report_of(target)) and "terms" not in report_of(target), "the counts add up, and there are no terms")
    terms = write(f"{root}/tax.txt", b"tax\n")
    run("convert", "--to", "maildir", "--party", "mail.x.org", "--term", terms, source, f"{root}/both")
    equal(report_of(f"{root}/both")["terms"], [{"term": "tax", "items": 1, "hits": 1}], "key words are counted in what the others let through")


def check_unsearched(root):
    armored = (b"From: a@b.example\nMessage-ID: <e@p>\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";"
               b" boundary=q\n\n--q\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--q\nContent-Type: application/octet-stream\n\n"
               b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n\n--q--\n")
    source = write(f"{root}/enc.mbox", judge.mbox_of([armored, judge.message(1)]))
    terms = write(f"{root}/tax2.txt", b"tax\n")
    run("convert", "--to", "maildir", "--term", terms, source, f"{root}/enc")
    got = {i["message_id"]: (i["status"], "select.unsearched" in judge.issues_of(i)) for i in items_of(f"{root}/enc")}
    equal(got, {"<e@p>": ("filtered", True), "<1.a.message@harbour.example>": ("filtered", False)}, "what could not be looked into is named")


def check_usage(root):
    source = write(f"{root}/u.mbox", judge.mbox_of([judge.message(1)]))
    bad = write(f"{root}/bad.txt", b"one\n*two*\n")
    for args, says in ((("--party", "nobody"), "neither an address nor a domain"), (("--term", bad), "bad.txt: line 2"),
                       (("--term", f"{root}/absent"), "absent")):
        done = run("convert", "--to", "maildir", *args, source, f"{root}/u", exits=(2,))
        same(says in done.text, f"{' '.join(args)}: {done.text.strip()}")


def main():
    root = judge.temporary()
    check_usage(root)
    check_terms(root)
    check_case(root)
    check_people(root)
    check_unsearched(root)
    judge.finish()


main()
