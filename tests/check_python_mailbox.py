"""Python's mailbox module, which nobody here wrote, reads what mailhaul writes: MBOX in each variant that it can
read, and Maildir in both layouts. Count, octets (line ends aside), flags and received times must be those of the source,
which Python's mailbox wrote, too."""
import collections
import mailbox
import os
import re

import judge
from judge import equal, run, same, say

FLAGS = ["", "S", "RS", "FS", "DS", "ST", "FRST", "P", "PS", "F"]
# Maildir letter → letter in Status + X-Status; P has none there.
TO_MBOX = {"S": "R", "R": "A", "F": "F", "D": "T", "T": "D"}

BODIES = [
    b"Plain.\n",
    b"From the harbour\n>From the sea\n>>From afar\n\nFrom \nFrom: no\n",
    "Größe: 5 €\n日本語\n".encode(),
    b"caf\xe9 in Latin-1\n",
    b"ends in blank lines\n\n\n",
    b"tabs\tand \x00 NUL and \x1b escape\n",
    b"x" * 3000 + b"\n",
    b"",
    b"\nFrom me@here Mon Mar  4 09:15:20 2019\nSubject: looks like a separator\n\nbut is not one\n",
    b"Content-Length: 3\n\nFrom a@b Mon Mar  4 09:15:20 2019\n",
]
EXTRA = [b"", b"Status: RO\nX-Status: AF\n", b"Content-Length: 7\n", b"X-Keywords: Old New\n"]


def source(root):
    """A Maildir with two more folders, made by Python. Returns {folder: [(octets, flags, time)]}."""
    truth = {}
    top = mailbox.Maildir(root, create=True)
    number = 0
    for folder in ("", "Work", "Work.Äpfel".encode("utf-7").decode().replace("+", "&")):
        box = top if not folder else top.add_folder(folder)
        truth[folder] = []
        for i, flags in enumerate(FLAGS):
            for eol in (b"\n", b"\r\n"):
                octets = judge.message(number, body=BODIES[(number + i) % len(BODIES)], extra=EXTRA[number % len(EXTRA)])
                octets = octets.replace(b"\n", eol)
                # The name is ours, so that the octets are not parsed and flattened by the email package.
                when = 1500000000 + 86400 * number
                name = f"{when}.M{number}P7.harbour" + (f":2,{flags}" if flags or number % 2 else ":2,")
                judge.write(os.path.join(box._path, "cur", name), octets, when)
                truth[folder].append((octets, flags, when))
                number += 1
        equal(len(box), len(truth[folder]), "Python's own count of the source")
    return truth


def contents(messages):
    return sorted(collections.Counter(messages).items())


def check_mbox(src, truth, work, variant):
    target = os.path.join(work, "mbox-" + variant)
    run("convert", "--to", "mbox", "--mbox-variant", variant, src, target)
    lossy = variant != "mboxrd"
    wanted, got = [], []
    for messages in truth.values():
        wanted.append(contents((digest(m, lossy), mbox_flags(f), t) for m, f, t in messages))
    for name in judge.mboxes(target):
        box = mailbox.mbox(os.path.join(target, name), create=False)
        one = []
        for key in box.iterkeys():
            octets = unquoted(judge.without_meta(box.get_bytes(key)), lossy)
            m = box.get_message(key)
            one.append((digest(octets, lossy), "".join(sorted(set(m.get_flags()) - {"O"})), from_time(m.get_from())))
        got.append(contents(one))
    say(f"mbox, {variant}: {sum(len(v) for v in truth.values())} messages in {len(wanted)} files")
    compare([g for g in got if g], wanted, variant)


def compare(got, wanted, what):
    equal([sum(n for _, n in one) for one in sorted(got)], [sum(n for _, n in one) for one in sorted(wanted)], f"{what}: counts")
    for one in wanted:
        same(one in got, f"{what}: no folder with these {sum(n for _, n in one)} messages; nearest misses "
             + judge.short([x for x in one if not any(x in other for other in got)][:4])
             + " finding " + judge.short([x for other in got for x in other if not any(x in w for w in wanted)][:4]))


def unquoted(octets, lossy):
    """mboxrd takes one '>' off; mboxo and mboxcl cannot be undone, so they are compared with all of them off."""
    return octets if lossy else re.sub(rb"(?m)^>(>*From )", rb"\1", octets)


def digest(octets, lossy):
    octets = octets.replace(b"\r\n", b"\n")
    return judge.sha256(re.sub(rb"(?m)^>+From ", b"From ", octets) if lossy else octets)[:16]


def mbox_flags(flags):
    return "".join(sorted(TO_MBOX[f] for f in flags if f in TO_MBOX))


def from_time(line):
    import calendar
    import time
    m = re.search(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", line)
    return calendar.timegm(time.strptime(m.group(0), "%a %b %d %H:%M:%S %Y")) if m else line


def check_maildir(src, truth, work, layout):
    target = os.path.join(work, "maildir-" + layout.strip("+"))
    run("convert", "--to", "maildir", "--maildir-layout", layout, src, target)
    wanted = [contents((digest(m, False), "".join(sorted(f)), t) for m, f, t in messages) for messages in truth.values()]
    got = []
    for name in judge.maildirs(target):
        box = mailbox.Maildir(os.path.join(target, name), create=False)
        one = []
        for key in box.iterkeys():
            m = box.get_message(key)
            flags = "".join(f for f in m.get_flags() if f.isupper())  # small letters are keywords
            one.append((digest(box.get_bytes(key), False), flags, int(m.get_date())))
        equal(os.listdir(os.path.join(target, name, "tmp")), [], f"tmp of {name}")
        got.append(contents(one))
    if layout == "maildir++":
        top = mailbox.Maildir(target, create=False)
        # The state directory .mailhaul looks like a folder to whoever takes every dot directory for one.
        equal(sorted(set(top.list_folders()) - {"mailhaul"}), sorted(f for f in truth if f), "folders that Python lists in Maildir++")
        for folder in truth:
            same(not folder or folder in top.list_folders(), f"Python does not list {folder}: {top.list_folders()}")
    say(f"Maildir, {layout}: {sum(len(v) for v in truth.values())} messages in {len(wanted)} folders")
    compare([g for g in got if g], wanted, layout)


def choices(option):
    """The values an option of a format takes, as the program's own help names them."""
    text = run("convert", "--help").text
    m = re.search(rf"--{option}[ =]\S*([^\n]*(?:\n(?!\s*--)[^\n]*)*)", text)
    return m.group(0) if m else ""


def main():
    work = judge.temporary()
    src = os.path.join(work, "source")
    truth = source(src)
    # mboxcl2 quotes nothing, so Python's mailbox, which looks at From_ lines only, cannot read it.
    for variant in ("mboxrd", "mboxo", "mboxcl"):
        if variant in choices("mbox-variant"):
            check_mbox(src, truth, work, variant)
        else:
            same(variant == "mboxcl", f"--mbox-variant {variant} is not offered")
    for layout in ("maildir++", "fs"):
        check_maildir(src, truth, work, layout)
    judge.finish()


main()
