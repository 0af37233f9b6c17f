"""The page of inspect --html in a headless Chromium, and its numbers against inspect --json and Python's mail parser.

Of generated and corpus sources: well-formed XML; nothing in the console, no request but the page's own; no wider than 1280 and 400
pixels; readable colours, light and dark; printed on A4 with nothing beyond the edge; every number that inspect --json has."""
import collections
import email
import email.policy
import email.utils
import glob
import json
import os
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET

import browser
import judge
from judge import equal, run, same, say

NS = {"h": "http://www.w3.org/1999/xhtml", "s": "http://www.w3.org/2000/svg"}
A4_WIDTH = 687  # CSS pixels between the margins of 14 mm
HEADINGS = {"Messages": "messages", "Failed": "failed", "Unread": "unseen", "Flagged": "flagged", "Size": "octets"}
AA = 4.5  # WCAG 2.1, 1.4.3

CONTRAST = """(() => {
  const rgb = z => { const m = z.match(/[\\d.]+/g).map(Number); return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
  const light = c => { const v = c.map(x => { x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
  const bad = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest('desc, title')) continue;
    const style = getComputedStyle(e), ink = rgb(e.closest('svg') ? style.fill : style.color);
    let b = e, paper = null;
    while (b && !(paper = rgb(getComputedStyle(b).backgroundColor))) b = b.parentElement;
    const x = light(ink), y = light(paper || [255, 255, 255]), ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    if (ratio < %s) bad.push(e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + ratio.toFixed(2));
  }
  return [...new Set(bad)];
})()""" % AA

# Elements that reach beyond the edge, those in a box of their own that scrolls left aside.
BEYOND = """(() => {
  const edge = document.documentElement.clientWidth + 1, bad = [];
  for (const e of document.body.querySelectorAll('*')) {
    const r = e.getBoundingClientRect();
    if (r.width && r.right > edge && !(%s && e.closest('.box, pre'))) bad.push(e.tagName + '.' + (e.getAttribute('class') || ''));
  }
  return [...new Set(bad)];
})()"""

# A row of a chart's bars that has no height, or lies outside of its picture.
BARS = """(() => [...document.querySelectorAll('.plot')].map(p => {
  const box = p.getBoundingClientRect(), bars = [...p.querySelectorAll('rect')].map(r => r.getBoundingClientRect());
  return [bars.length, bars.filter(b => b.height < 0.9 || b.width <= 0 || b.left < box.left - 1 || b.right > box.right + 1 ||
    b.top < box.top - 1 || b.bottom > box.bottom + 1).length];
}))()"""


# ── sources of our own ──

HOSTILE = [
    "<script>alert(1)</script>", "\"quotes\" & 'more'", "]]><!--", "שלום ‮evil‬", "👩‍🚀 Ünï", "tab\tand\nline", "bell\x07\x1b[31m",
    "&lt;already&gt;", "W" * 180, "名前" * 40, "--html", "a\\b",
]


def letter(n, sender, to, date, subject="x", octets=0):
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject} {n}", f"Message-ID: <{n}@harbour.example>"]
    if date:
        lines.append(f"Date: {email.utils.formatdate(date)}")
    return ("\n".join(lines) + "\n\n" + "y" * 70 + "\n").encode() + b"z" * octets + b"\n"


def hostile_tree(top):
    """EML files in folders whose names try everything, years of dates, addresses of all kinds."""
    count = 0
    for i, name in enumerate(HOSTILE):
        where = os.path.join(os.fsencode(top), name.encode(), f"deeper {i}".encode())
        os.makedirs(where)
        for j in range(i % 4 + 1):
            count += 1
            date = 946684800 + 86400 * 31 * (count * 7 % 200)
            sender = f'"{name[:20]!a}, the" <User{i}@Harbour.example>'.replace("\n", " ")
            to = f"ben@lighthouse.example, Cleo (c, d) <cleo{j}@harbour.example>,\n user{i}@harbour.example, BEN@lighthouse.example"
            with open(os.path.join(where, b"%d.eml" % count), "wb") as f:
                f.write(letter(count, sender, to, date, octets=4 ** (count % 9)))
    return top


def long_mbox(path):
    """Twenty-two years, one message of 1971, two without a date that can be read; addresses of 64 octets and more."""
    messages = [letter(i, f"p{i % 70}@{'long.' * 12}example", "all@harbour.example", 852076800 + i * 86400 * 9, octets=i * 3)
                for i in range(890)]
    start = 852076800
    out = []
    for i, m in enumerate(messages):
        when = start + i * 86400 * 9 if i != 5 else 40000000
        out.append(b"From x@y " + time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(when)).encode() + b"\n" + m + b"\n")
    return judge.write(path, b"".join(out))


def corpus():
    """Some stores of every kind, when the corpus is there; none so large that it takes long."""
    wanted = ("pst/*enron.pst", "pst/*contacts.pst", "pst/*pstextractortest@outlook.com.ost", "pst/*32-bit.pst", "pst/*Empty.pst", "eml", "mbox",
              "maildir")
    return [p for w in wanted for p in sorted(glob.glob(os.path.join(judge.CORPUS, w)))] if judge.CORPUS else []


# ── the page as data ──

def text_of(e):
    return "".join(e.itertext()).strip()


def value_of(cell):
    data, date = cell.find("h:data", NS), cell.find("h:time", NS)
    if data is not None:
        return int(data.get("value"))
    return date.get("datetime") if date is not None else None


def table(root, css):
    return next((t for t in root.iterfind(".//h:table", NS) if css in t.get("class").split()), None)


def rows(t, part="tbody"):
    heads = [text_of(h) for h in t.find("h:thead", NS).iter() if h.tag.endswith(("}th", "}td"))]
    for row in t.iterfind(f"h:{part}/h:tr", NS):
        if row.get("class") != "group":
            cells = list(row)
            yield cells[0], {h: value_of(c) for h, c in zip(heads[1:], cells[1:]) if h}


def sum_line(root):
    terms = root.findall(".//h:p[@class='sum']/h:span", NS)
    return [(text_of(t.find("h:span[@class='of']", NS)), value_of(t.find("h:strong", NS))) for t in terms]


def shown(name):
    """A text as the page shows it in an attribute: controls and marks of direction by name."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]",
                  lambda m: "U+%04X" % ord(m.group(0)), name)


def check_folders(root, inventory, name):
    wanted = collections.Counter()
    for source in inventory["sources"]:
        for f in source["folders"]:
            wanted[shown(f["path"]), f["messages"], f["octets"], f["oldest"], f["newest"], f["unseen"] if f["flags_known"] else None] += 1
    got = collections.Counter()
    t = table(root, "tree")
    for first, cells in rows(t) if t is not None else ():
        if first.get("title") is not None:
            got[first.get("title"), cells.get("Messages"), cells.get("Size"), cells.get("Oldest"), cells.get("Newest"), cells.get("Unread")] += 1
    if not any(k[5] for k in wanted):  # a column of zeros is left out
        wanted = collections.Counter({k[:5]: n for k, n in wanted.items()})
        got = collections.Counter({k[:5]: n for k, n in got.items()})
    equal(got, wanted, f"{name}: folders")
    if t is not None:
        total = list(rows(t, "tfoot"))[-1][1]
        for heading, key in HEADINGS.items():
            if heading in total:
                equal(total[heading], inventory["totals"][key], f"{name}: total of the column {heading}")


def check_numbers(root, inventory, name):
    totals = inventory["totals"]
    equal(sum_line(root), [("found", totals["messages"] + totals["failed"]), ("can be read", totals["messages"]),
                           ("cannot be read", totals["failed"])], f"{name}: totals")
    check_folders(root, inventory, name)
    t = table(root, "bars")
    kinds = {text_of(first): cells["Items"] for first, cells in rows(t) if cells["Items"]} if t is not None else {}
    equal(kinds, totals["kinds"], f"{name}: kinds")
    issues = collections.Counter()
    for source in inventory["sources"]:
        issues.update(source["issues"])
    t = table(root, "issues")
    got = {text_of(r.find("h:th/h:code", NS)): value_of(r[-1]) for r in t.iterfind("h:tbody/h:tr", NS)} if t is not None else {}
    equal(got, dict(issues), f"{name}: issues")
    check_stats(root, inventory["stats"], totals, name)


def check_stats(root, stats, totals, name):
    equal(sum(m["items"] for m in stats["months"]) + stats["undated"], totals["messages"], f"{name}: items by month")
    equal([sum(s["items"] for s in stats["sizes"]), sum(s["octets"] for s in stats["sizes"])], [totals["messages"], totals["octets"]],
          f"{name}: items by size")
    t = table(root, "years")
    months = {}
    for first, cells in rows(t) if t is not None else ():
        for i, month in enumerate(list(cells)[:12]):
            if cells[month]:
                months["%s-%02d" % (text_of(first), i + 1)] = cells[month]
    equal(months, {m["month"]: m["items"] for m in stats["months"]}, f"{name}: the table of months")
    titles = [text_of(e) for e in root.iterfind(".//s:svg[@class='plot']/s:rect/s:title", NS)]
    charted = dict(z.replace(",", "").split(": ") for z in titles)
    same(all(int(n) == months[m] for m, n in charted.items()), f"{name}: bars that are not in the table")
    t = table(root, "people")
    people = [(text_of(first), c["Sent"], c["Received"]) for first, c in rows(t)] if t is not None else []
    equal(people, [(shown(p["address"]), p["sent"], p["received"]) for p in stats["correspondents"]], f"{name}: correspondents")


def check_people(stats, paths, name):
    """Python's parser over the same messages."""
    sent, received, months = collections.Counter(), collections.Counter(), collections.Counter()
    for path in paths:
        m = email.message_from_bytes(judge.read(path), policy=email.policy.compat32)
        for to, fields in ((sent, ("from", "sender")), (received, ("to", "cc", "bcc"))):
            values = [str(v) for f in fields for v in m.get_all(f, [])]
            to.update({a.lower() for _, a in email.utils.getaddresses(values) if a})
        months[time.strftime("%Y-%m", time.gmtime(email.utils.parsedate_to_datetime(m["date"]).timestamp()))] += 1
    everyone = sorted(set(sent) | set(received), key=lambda a: (-sent[a] - received[a], a))
    equal([(p["address"], p["sent"], p["received"]) for p in stats["correspondents"]], [(a, sent[a], received[a]) for a in everyone[:50]],
          f"{name}: correspondents against Python")
    equal(stats["addresses"], len(everyone), f"{name}: addresses against Python")
    equal({m["month"]: m["items"] for m in stats["months"]}, dict(months), f"{name}: months against Python")


# ── the page as a page ──

def check_screen(b, path, name):
    for width in (1280, 400):
        for scheme in ("light", "dark"):
            page = b.open(path, width, scheme)
            equal(page.errors, [], f"{name}: what the console shows")
            equal(page.requests, ["file://" + path], f"{name}: what is asked for")
            wide = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
            same(wide <= width, f"{name}: {wide} pixels wide at {width}")
            equal(page.evaluate(BEYOND % "true"), [], f"{name}: beyond the edge at {width}")
            equal(page.evaluate(CONTRAST), [], f"{name}: hard to read in {scheme} colours")
            for bars, bad in page.evaluate(BARS):
                same(bars and not bad, f"{name}: {bad} of {bars} bars have no size or lie outside")
            page.close()


def pdf_text(octets, work):
    path = judge.write(os.path.join(work, "print.pdf"), octets)
    return subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True).stdout.decode()


def check_print(b, path, root, name, work):
    page = b.open(path, A4_WIDTH, "dark")
    page.media("print", "dark")
    equal(page.evaluate(BEYOND % "false"), [], f"{name}: cut on paper")
    equal(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"), "rgb(255, 255, 255)", f"{name}: paper is white")
    text = pdf_text(page.pdf("dark"), work)
    for word, n in sum_line(root):
        same(re.search(rf"{n:,}\s+{word}", text), f"{name}: '{n:,} {word}' is not in print")
    for heading in root.iterfind(".//h:h2", NS):
        same(text_of(heading) in text, f"{name}: '{text_of(heading)}' is not in print")
    page.close()


def check_sight(b, work):
    """The judge sees what it looks for."""
    page = b.open(judge.write(os.path.join(work, "bad.html"), b"""<!DOCTYPE html><title>bad</title><body><p style="color:#999">x</p>
        <div style="width:2000px">wide</div><img src="none.png"><script>console.error("seen"); nowhere();</script>"""), 400)
    same(any("seen" in e for e in page.errors), f"a console error is not seen: {page.errors}")
    same(any("Uncaught" in e for e in page.errors), f"an exception is not seen: {page.errors}")
    same(any("none.png" in r for r in page.requests), f"a request is not seen: {page.requests}")
    same(page.evaluate("document.documentElement.scrollWidth") > 400, "a wide page is not seen")
    same(page.evaluate(BEYOND % "true"), "an element beyond the edge is not seen")
    same(page.evaluate(CONTRAST), "bad contrast is not seen")
    page.close()
    page = b.open(judge.write(os.path.join(work, "policy.html"), b"""<!DOCTYPE html><meta http-equiv="Content-Security-Policy"
        content="default-src 'none'"><title>x</title><body><script>alert(1)</script>"""), 400)
    same(any("Content Security Policy" in e for e in page.errors), f"a breach of the policy is not seen: {page.errors}")
    page.close()


def check_source(b, source, work, name, plain=True):
    path = os.path.join(work, "page.html")
    inventory = json.loads(run("inspect", "--json", "-q", "--html", path, source, exits=(0, 1, 3)).stdout)
    octets = judge.read(path)
    root = ET.fromstring(octets)
    same(b"<script" not in octets and b"http-equiv=\"refresh" not in octets, f"{name}: a script or a refresh")
    run("inspect", "-q", "--html", path, source, exits=(0, 1, 3), env=judge.environment(TZ="Asia/Kolkata", LC_ALL="de_DE.UTF-8"))
    same(judge.read(path) == octets, f"{name}: another page the second time")
    check_numbers(root, inventory, name)
    if plain:
        without = json.loads(run("inspect", "--json", "-q", source, exits=(0, 1, 3)).stdout)
        equal({k: v for k, v in inventory.items() if k != "stats"}, without, f"{name}: inspect --json without --html")
    if b:
        check_screen(b, path, name)
        check_print(b, path, root, name, work)
    return inventory


def facts_of_a_package():
    """A package whose every text tries something, with more exceptions than are shown."""
    at = lambda i: HOSTILE[i % len(HOSTILE)]
    folders = [{"source": s, "path": p.replace("\\", "\\\\").replace("/", "\\/"), "role": "inbox" if i == 0 else None, "found": 10 + i, "stored": 5,
                "filtered": 2, "duplicate": 1, "failed": 1, "already_stored": 1 + i, "octets": 10 ** (i % 12),
                "oldest": "2001-02-03T04:05:06Z", "newest": None if i % 3 else "2019-12-31T23:59:59Z"}
               for s in ("a.pst", "b.mbox") for i, p in enumerate(HOSTILE)]
    total = {k: sum(f[k] for f in folders) for k in ("found", "stored", "filtered", "duplicate", "failed", "already_stored")}
    return {
        "title": "Matter M-17: " + at(0), "subtitle": "Legal hold of " + at(4) + " " + at(8), "program": "mailhaul 0.1.0",
        "generated": "2026-11-27T03:00:00Z",
        "facts": [["Matter", at(1)], ["Custodian", at(3)], ["Description", "word " * 60], ["Organization", at(8)]],
        "totals": [[k.replace("_", " "), n] for k, n in total.items()],
        "folders": folders,
        "sources": [{"path": "/evidence/" + at(i), "format": "pst+eml", "size": 10 ** (i + 3), "sha256": "%064x" % (i + 7 ** 70),
                     "custodian": at(i + 3), "error": "cut off at octet 5" if i == 2 else None} for i in range(6)],
        "terms": [{"term": at(i), "items": i * 1000, "hits": i * 123456} for i in range(12)],
        "exceptions": [{"docid": "ABC%08d" % i if i % 3 else "", "item_id": "%032x" % i if i % 5 else "", "custodian": at(i), "source": at(i + 1),
                        "folder": at(i + 2), "place": at(i + 3), "kind": "damaged", "issue": "msg.read-failed", "detail": at(i + 4) * 3,
                        "disposition": "native kept, octets as they are"} for i in range(250)],
        "exceptions_total": 1250, "exceptions_kinds": {"damaged": 1000, "encrypted": 250},
        "issues": {"msg.read-failed": 1000, "time.guessed": 3, "pst.recovered": 12, "target.flags-not-held": 1, "msg.repaired": 4},
        "digests": [["manifest-sha256.txt", "%064x" % 3 ** 150], [at(8), "%064x" % 5 ** 100]],
        "verify": ["# nothing of it was changed", "mailhaul verify CASE-DIR", "sha256sum --quiet -c manifest-sha256.txt " + "x" * 200],
        "stats": {"months": [{"month": "20%02d-%02d" % (y, m), "items": (y * m * 37) % 5000 + 1, "octets": 5} for y in range(24)
                             for m in range(1, 13)], "undated": 3, "kinds": {"mail": 1200000, "task": 1},
                  "sizes": [{"label": at(i), "to": None, "items": i * 999, "octets": 10 ** i} for i in range(9)],
                  "correspondents": [{"address": at(i) + "@" + "x" * 200, "sent": i, "received": 9 * i} for i in range(50)], "addresses": 99999},
    }


def check_package(b, work):
    name, path = "a package", os.path.join(work, "package.html")
    made = os.environ.get("PAGE_OF_FACTS") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/page_of_facts")
    facts = facts_of_a_package()
    judge.write(os.path.join(work, "facts.json"), json.dumps(facts).encode())
    subprocess.run([made, os.path.join(work, "facts.json"), path], check=True)
    root = ET.fromstring(judge.read(path))
    equal(sum_line(root), [tuple(t) for t in facts["totals"]], f"{name}: totals")
    same("do not add up" not in text_of(root), f"{name}: the totals add up")
    total = list(rows(table(root, "tree"), "tfoot"))[-1][1]
    equal([total[h] for h in ("Found", "Stored", "Already stored")], [facts["totals"][i][1] for i in (0, 1, 5)], f"{name}: the folders add up")
    shown_exceptions = root.findall(".//h:section[@id='exceptions']//h:tbody/h:tr", NS)
    more = root.find(".//h:section[@id='exceptions']/h:p[@class='more']", NS)
    equal(len(shown_exceptions) + value_of(more), 1250, f"{name}: exceptions")
    same("exceptions.csv" in text_of(more), f"{name}: where the other exceptions are")
    equal([text_of(r[0]) for r in table(root, "words").iterfind("h:tbody/h:tr", NS)], [shown(t["term"]) for t in facts["terms"]],
          f"{name}: key words")
    check_screen(b, path, name)
    check_print(b, path, root, name, work)


def main():
    if not browser.program() or not shutil.which("pdftotext"):
        judge.skip("no Chromium or no pdftotext: scripts/setup test")
    work = judge.temporary()
    tree, mbox = hostile_tree(os.path.join(work, "tree")), long_mbox(os.path.join(work, "mail.mbox"))
    with browser.Browser() as b:
        check_sight(b, work)
        check_package(b, work)
        inventory = check_source(b, tree, work, "hostile names")
        letters = [os.path.join(d, f) for d, _, files in os.walk(tree) for f in files]
        check_people(inventory["stats"], letters, "hostile names")
        check_source(b, mbox, work, "a long mbox")
        check_source(b, judge.write(os.path.join(work, "empty.mbox"), b""), work, "an empty mbox")
        for source in corpus():
            check_source(b, source, work, os.path.basename(source), plain=False)
            say("  read " + os.path.basename(source))
    judge.finish()


if __name__ == "__main__":
    main()
