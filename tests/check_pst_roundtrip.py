"""Mail of the corpus, and the demo mailbox, into an Outlook store and out of it again: MBOX, EML and Maildir to a store and back to each of
the three. What comes back is held against the same mail converted without a store: as many messages, in the same folders, with the same message
id, received time, flags and keywords; the header fields that Python reads of each are the same; with --keep-original, the octets are. Stores
of the corpus to a store of ours: items of every kind, in their folders, and of the same octets as messages, but where an issue says that a
text is broken. `mailhaul check` finds nothing in any of them."""
import collections
import os

import check_outlook
import check_roundtrip as ways
import judge
import outlook
from judge import equal, run, same, say

ONLY = os.environ.get("HAUL_STORE", "")


def store_of(srcs, path, *options):
    run("convert", "--progress", "none", *options, *srcs, path, exits=(0, 1))
    same(judge.adds_up(judge.report_of(path)), f"{path}: totals do not add up")
    done = run("check", path, exits=(0, 1))
    same(done.returncode == 0 and b"clean" in done.stdout, f"check: {done.stdout.decode()[-600:]}")
    return path


def fact(item, *more):
    return (item["folder"], item.get("message_id"), ways.seconds(item), *(tuple(sorted(ways.words(item.get(k)))) for k in ("flags", "keywords")),
            *(item.get(k) for k in more))


def alike(before, after, what, *more):
    """The same messages, however often each is there."""
    one, two = (collections.Counter(fact(i, *more) for i in items) for items in (before, after))
    gone, new = list((one - two).elements()), list((two - one).elements())
    same(not gone and not new, f"{what}: {len(gone)} of {len(before)} are others: {gone[:3]} became {new[:3]}")


def messages(target):
    """What Python reads of the files of a target, by what tells messages apart, and in order."""
    paths, found = judge.by_name(target), collections.defaultdict(list)
    for item in ways.stored(target):
        found[fact(item)].append(check_outlook.parse(judge.read(paths[os.path.basename(item["stored_as"])][0])))
    return found


def headers(before, target, what):
    after = messages(target)
    for key, list_ in before.items():
        for was, now in zip(list_, after.get(key, [])):
            check_outlook.check_header(was, now, f"{what}: {key[:3]}")


def group(name, srcs, work):
    plain = os.path.join(work, f"{name}.eml")
    first = ways.convert(srcs, plain, "eml")
    read = messages(plain)
    for options in ((), ("--keep-original",)):
        store = store_of(srcs, os.path.join(work, f"{name}{len(options)}.pst"), *options)
        for fmt in ways.FORMATS:
            target = os.path.join(work, f"{name}{len(options)}.{fmt}")
            back = ways.convert([store], target, fmt)
            what = f"{name} → store{''.join(options)} → {fmt}"
            equal(len(back), len(first), f"{what}: messages")
            alike(first, back, what, *(("sha256",) if options else ()))
            if fmt == "eml":
                headers(read, target, what)
    say(f"{name}: {len(first)} messages to two stores, and from each to three formats; {check_outlook.Seen.pop('fields')} fields compared")


def stores(work):
    kinds = collections.Counter()
    for path in outlook.stores():
        name = os.path.basename(path)
        if ONLY not in name:
            continue
        one, two, store = (os.path.join(work, f"{name}.{end}") for end in ("one", "two", "pst"))
        run("convert", "--to", "eml", "--progress", "none", path, one, exits=(0, 1, 3))
        if not os.path.exists(judge.state_of(one)) or not ways.stored(one):
            continue
        store_of([path], store)
        run("convert", "--to", "eml", "--progress", "none", store, two, exits=(0, 1))
        before, after = ways.stored(one), ways.stored(two)
        equal(len(after), len(before), f"{name} → store: items")
        alike(before, after, f"{name} → store", "kind")
        broken = {i["id"] for i in ways.stored(store) if "outlook.encoding-broken" in judge.issues_of(i)}
        gone = collections.Counter(i["sha256"] for i in before if i["id"] not in broken) - collections.Counter(i["sha256"] for i in after)
        same(not gone and len(broken) <= len(before) // 2 + 1, f"{name} → store: {sum(gone.values())} messages are others, {len(broken)} broken")
        kinds["with broken texts"] += len(broken)
        kinds.update(i["kind"] for i in before)
    say("stores to stores: " + ", ".join(f"{n} {k}" for k, n in sorted(kinds.items())))


def main():
    work = judge.temporary(memory=True)
    for name, srcs in ways.sources().items():
        if ONLY in name:
            group(name, srcs, work)
    if judge.CORPUS:
        stores(work)
    judge.finish()


main()
