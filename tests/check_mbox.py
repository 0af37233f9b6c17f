"""MBOX as it is found in the wild: octets against a splitter of few lines that knows only mboxrd; Google Takeout as it is
downloaded; random lines that mean something to mbox readers, written in every variant, read back and verified."""
import base64
import gzip
import io
import mailbox
import os
import random
import re
import tarfile
import zipfile

import judge
from judge import equal, items_of, run, same, say

FROM = b"From a@b Fri May 23 16:35:53 2025\n"
SEPARATOR = re.compile(rb"From \S+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n")
FIELD = re.compile(rb"[!-9;-~]+:")
BORDER = 65536
BAD_DISK = os.environ.get("BAD_DISK") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/bad_disk.so")


def split(octets):
    """The messages of an mboxrd file whose separators leave no doubt."""
    lines, found = octets.splitlines(True), []
    for i, line in enumerate(lines):
        blank = i == 0 or lines[i - 1] == b"\n"
        if blank and SEPARATOR.fullmatch(line) and i + 1 < len(lines) and FIELD.match(lines[i + 1]):
            found.append([])
        else:
            found[-1].append(line)
    for message in found:
        message.pop()  # the empty line is the separator's
        body = message.index(b"\n")
        yield b"".join(message[:body] + [re.sub(rb"^>(>*From )", rb"\1", line) for line in message[body:]])


def borders(rng):
    """Messages whose From_-like lines stand around the borders of every buffer."""
    bits = [b"From a\n", b">From x\n", b">>From y\n", b"\nFrom the start\nhello\n", b">", b"F", b">From", b"\n", b" From z\n", b"t\n"]
    out = bytearray()
    while len(out) < 3 << 20:
        out += FROM + b"Subject: %d\n>From h\n\n" % len(out)
        end = len(out) + rng.choice([0, 5000, 260000, 1100000])
        while len(out) < end:
            fill = BORDER - len(out) % BORDER - rng.randrange(40)
            out += b"y" * max(0, fill) + b"".join(rng.choices(bits, k=12))
        out += b"\n" if out.endswith(b"\n") else b"\n\n"
    return bytes(out)


def check_borders(root):
    for seed in range(3):
        octets = borders(random.Random(seed))
        source = judge.write(f"{root}/border{seed}/a.mbox", octets)
        run("convert", source, f"{root}/border{seed}/out.jsonl")
        got = [i["sha256"] for i in items_of(f"{root}/border{seed}/out.jsonl")]
        equal(got, [judge.sha256(m) for m in split(octets)], f"messages of seed {seed}")


def unreadable(octets, bad):
    """The file as it is read where the disk cannot read these octets, which are whole sectors."""
    octets = bytearray(octets)
    for a, b in bad:
        octets[a:b] = bytes(len(octets[a:b]))
    return bytes(octets)


def check_bad_sectors(root):
    """Octets that the disk cannot read (tests/bad_disk.c) cost the messages that they are in, which say so, and nothing else."""
    octets = b"".join(FROM + b"Subject: %d\n\n" % i + b"a line of %d\n" % i * 3000 + b"\n" for i in range(40))
    starts = [m.start() for m in re.finditer(re.escape(FROM), octets)]
    inside, border, end = starts[7] // 512 * 512 + 5120, starts[20] // 512 * 512, len(octets) // 512 * 512
    source = judge.write(f"{root}/bad/a.mbox", octets)
    for name, bad in (("inside", [(inside, inside + 1536)]), ("two", [(inside, inside + 512), (inside + 2048, inside + 2560)]),
                      ("border", [(border, border + 512)]), ("end", [(end, end + 512)])):
        touched = {max(i for i, s in enumerate(starts) if s <= a) for a, _ in bad}
        wanted = [judge.sha256(m) for m in split(unreadable(octets, bad))]
        out = f"{root}/bad/{name}"
        run("convert", "--to", "mbox", source, out, exits=(1,), env=judge.environment(
            LD_PRELOAD=BAD_DISK, BAD_OCTETS=f"{source}:" + ",".join(f"{a}-{b}" for a, b in bad),
            ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"))
        items = items_of(out)
        last = len(wanted) - (name == "end")  # whose last line end, which is not its own, nobody knows
        equal(([i["sha256"] for i in items][:last], len(items)), (wanted[:last], len(wanted)), f"bad sectors, {name}: messages")
        equal({n for n, i in enumerate(items) if "msg.octets-lost" in judge.issues_of(i)}, touched, f"bad sectors, {name}: those that say so")
        equal([n["issue"] for n in judge.report_of(out)["notices"]], ["source.unreadable"], f"bad sectors, {name}: notices")
    say("bad sectors: a message that they are in says so, the others are the same")


def labelled(number, labels):
    return (b"From %d@xxx Fri May 23 16:35:53 +0000 2025\nX-GM-THRID: %d\nX-Gmail-Labels: %s\nMessage-ID: <%d@x>\n\nx\n\n"
            % (number, number, labels, number))


def word(text):
    return b"=?UTF-8?B?" + base64.b64encode(text) + b"?="


def packed(root, entries):
    with zipfile.ZipFile(f"{root}/takeout-001.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for name, octets in entries.items():
            z.writestr(name, octets)
    for name, mode in (("takeout.tgz", "w:gz"), ("takeout.tar.xz", "w:xz"), ("takeout.tar", "w")):
        with tarfile.open(f"{root}/{name}", mode) as t:
            for path, octets in entries.items():
                info = tarfile.TarInfo(path)
                info.size = len(octets)
                t.addfile(info, io.BytesIO(octets))
    return ["takeout-001.zip", "takeout.tgz", "takeout.tar.xz", "takeout.tar"]


def check_takeout(root):
    cyrillic = "Важное,Входящие,Работа".encode()
    folded = b"=?UTF-8?Q?Posteingang,Ge=C3=B6ffnet,M=C3=BC?=\n =?UTF-8?Q?ller_&_S=C3=B6hne?="
    box = (labelled(1, b'Inbox,Important,Opened,"Taxes, 2019"') + labelled(2, folded)
           + labelled(3, word("受信トレイ,未読,仕事/税金".encode()))
           + labelled(4, word(cyrillic[:15]) + b"\n " + word(cyrillic[15:])) + labelled(5, b"Drafts,Starred,Unread"))
    flags = [["seen"], ["seen"], [], ["seen"], ["flagged", "draft"]]
    keywords = [["Inbox", "Important", "Taxes, 2019"], ["Posteingang", "Müller & Söhne"], ["受信トレイ", "仕事/税金"],
                ["Важное", "Входящие", "Работа"], []]
    folders = ["Taxes, 2019", "Müller & Söhne", "仕事/税金", "Работа", "Drafts"]
    entries = {"Takeout/archive_browser.html": b"<html>", "Takeout/Mail/User Settings/Signature.json": b"{}",
               "Takeout/Photos/a.jpg": b"\xff\xd8\xff\xe0" + bytes(500),
               "Takeout/Mail/All mail Including Spam and Trash.mbox": box}
    for name in packed(root, entries):
        for labels in ("keywords", "folders"):
            out = f"{root}/{name}.{labels}"
            run("convert", "--to", "mbox", "--labels", labels, f"{root}/{name}", out)
            items = items_of(out)
            equal([i["flags"] for i in items], flags, f"flags, {name}")
            if labels == "keywords":
                equal([i["keywords"] for i in items], keywords, f"keywords, {name}")
                equal({i["folder"] for i in items}, {"All mail Including Spam and Trash"}, f"folder, {name}")
            else:
                equal([i["folder"] for i in items], folders, f"folders, {name}")
            run("verify", "--labels", labels, out, f"{root}/{name}")


WORDS = [FROM, FROM, FROM, b"\n", b"\n", b"\n\n", b"S: 1\n", b"Status: RO\n", b"X-Mailhaul-Meta: 0; v=1; raw\n",
         b"X-Mailhaul-Meta: 1; v=1; nofinal\nStatus: O\n", b"X-Mailhaul-Meta: 0; v=1; quoted\n", b"Content-Length: 5\n\n",
         b"Content-Length: 40\n", b">From x\n", b">>From y\n", b"From z\n", b"From - \n", b"text\n", b"\r\n", b"\r", b"\0",
         b"X-Keywords: a =?UTF-8?Q?b=20c?=\n", b"X-Gmail-Labels: Inbox,Unread\n", b" more\n", b"\xff\n", b"no end"]


def check_random(root):
    rng = random.Random(7)
    for i in range(60):
        variant = rng.choice(["mboxrd", "mboxcl2", "mboxcl", "mboxo"])
        source = judge.write(f"{root}/r{i}/a.mbox", FROM + b"".join(rng.choices(WORDS, k=rng.randrange(1, 40))))
        out, back = f"{root}/r{i}/b.mbox", f"{root}/r{i}/c.jsonl"
        run("convert", "--mbox-variant", variant, source, out, exits=(0, 1))
        items = items_of(out)
        if any("mbox.quoting-lost" in judge.issues_of(item) for item in items):
            continue
        run("convert", "--from", "mbox", out, back, exits=(0, 1))
        what = [[(x["sha256"], x["flags"], sorted(x["keywords"])) for x in y] for y in (items, items_of(back))]
        equal(what[1], what[0], f"read back, {variant}, {source}")
        run("verify", out, source)


def check_layout(work):
    """A target goes on in the layout that it was begun in; another one is refused before anything is written."""
    source, target = os.path.join(work, "a.mbox"), os.path.join(work, "out")
    judge.write(source, judge.mbox_of([judge.message(i) for i in range(3)]))
    run("convert", "--to", "mbox", source, target)
    judge.write(source, judge.mbox_of([judge.message(i) for i in range(5)]))
    before = judge.snapshot(target, times=True)
    done = run("convert", "--to", "mbox", "--mbox-layout", "thunderbird", source, target, exits=(2,))
    same(b"begun with --mbox-layout tree" in done.stderr, f"another layout: {done.stderr}")
    equal(judge.snapshot(target, times=True), before, "another layout: what is there")
    run("convert", "--to", "mbox", "--mbox-layout", "tree", source, target)
    run("verify", target, source)


def check_merge(work):
    """To a file of somebody else's: nothing where it could not be read any more, no empty line more than is needed."""
    source, old = os.path.join(work, "a.mbox"), judge.mbox_of([judge.message(i) for i in range(3)])
    judge.write(source, judge.mbox_of([judge.message(9)]))
    for name, octets, exits in (("packed", gzip.compress(old), (4,)), ("mac", old.replace(b"\n", b"\r"), (4,)),
                                ("dos", old.replace(b"\n", b"\r\n"), (0,)), ("unix", old, (0,))):
        target = os.path.join(work, name + ".mbox")
        judge.write(target, octets)
        run("convert", "--merge", source, target, exits=exits)
        got = judge.read(target)
        same(got.startswith(octets), f"merge, {name}: what was there")
        same(got == octets or exits == (0,), f"merge, {name}: written to")
        if exits == (0,):
            same(got[len(octets):].startswith(b"From "), f"merge, {name}: {got[len(octets):][:20]}")
            equal(len(mailbox.mbox(target)), 4, f"merge, {name}: messages")


def main():
    for name, check in (("layout", check_layout), ("merge", check_merge), ("borders", check_borders), ("bad sectors", check_bad_sectors), ("takeout", check_takeout), ("random", check_random)):
        say(name)
        check(judge.temporary(memory=True))
    judge.finish()


main()
