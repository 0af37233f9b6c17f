"""Faults for check_pst_check.py in what a good store of its has in heaps, properties, tables, messages and queues: each a
function that spoils an Editor and returns {offset, node, block} that the finding has to have."""
MESSAGE, TRASH, STORE, NAMES, ROOT, TOP = 0x200024, 0x8062, 0x21, 0x61, 0x122, 0x8022
KEYWORDS = 0x8000  # a multi-value of the first message
FAULTS, LARGE = [], []


def fault(finding, where=None):
    def keep(function):
        (FAULTS if where is None else where).append((finding, function))
        return function
    return keep


def value_of(s, nid, prop):
    """Block id, offset and size of a value in the heap."""
    _, record = s.record(nid, prop)
    return s.allocation(nid, s.get(record + 4, "I"))


def put_value(finding, name, nid, prop, offset, fmt, value):
    def spoil(s):
        bid, at, _ = value_of(s, nid, prop)
        s.put(at + offset, fmt, value)
        s.seal_block(bid)
        return {"node": nid}
    spoil.__name__ = name
    FAULTS.append((finding, spoil))


def put_record(finding, name, nid, prop, offset, fmt, value):
    def spoil(s):
        bid, at = s.record(nid, prop)
        s.put(at + offset, fmt, value)
        s.seal_block(bid)
        return {"node": nid}
    spoil.__name__ = name
    FAULTS.append((finding, spoil))


def put_entry(finding, name, nid, offset, fmt, value):
    """A field of a node's entry."""
    def spoil(s):
        return {"offset": s.entry(0x81, nid, offset, fmt, value), "node": nid}
    spoil.__name__ = name
    FAULTS.append((finding, spoil))


# ── header and maps ──

for place, title in ((14, "bPlatformCreate"), (15, "bPlatformAccess"), (252, "dwAlign"), (300, "rgbFM"), (390, "rgbFP"), (514, "rgbReserved")):
    def field(s, place=place):
        s.put(place, "B", 7)
        s.seal_header()
        return {"offset": place}
    field.__name__ = title
    FAULTS.append(("header-field", field))


@fault("pmap-free")
def page_in_use(s):
    at = min(at for at, _ in s.blocks.values())
    page = (at - 0x4400) // 512
    s.put(0x4600 + page // 8, "B", 0xff ^ 0x80 >> page % 8)
    s.seal_page(0x4600)
    return {"offset": 0x4400 + page * 512}


# ── heaps ──

def fill(name, offset, value):
    def spoil(s):
        bid, at = s.data_at(TRASH)
        s.put(at + offset, "B", value)
        s.seal_block(bid)
        return {"node": TRASH}
    spoil.__name__ = name
    FAULTS.append(("heap-fill", spoil))


fill("fill level", 8, 1)
fill("fill level of no page", 9, 0x50)


def bitmap_page(s):
    """Block id and offset of page 8 of the heap of recipients, and how many pages it has."""
    table = s.subnode(MESSAGE, 0x692)
    pages = s.leaf_ids(table[0])
    assert len(pages) > 9
    return pages[8], s.blocks[pages[8]][0], len(pages)


@fault("heap-fill", LARGE)
def level_in_a_later_map(s):
    bid, at, _ = bitmap_page(s)
    s.put(at + 2, "B", s.get(at + 2, "B") ^ 1)
    s.seal_block(bid)
    return {"node": MESSAGE}


@fault("heap-fill", LARGE)
def level_of_no_page_in_a_later_map(s):
    bid, at, n = bitmap_page(s)
    s.put(at + 2 + (n - 8) // 2 + 1, "B", 0x20)
    s.seal_block(bid)
    return {"node": MESSAGE}


# ── properties ──

put_value("prop-multi", "first offset of a multi-value", MESSAGE, KEYWORDS, 4, "I", 5)
put_value("prop-multi", "offset beyond a multi-value", MESSAGE, KEYWORDS, 8, "I", 999)
put_value("prop-multi", "values of a multi-value not in order", MESSAGE, KEYWORDS, 8, "I", 10)
put_value("prop-multi", "half a character in a multi-value", MESSAGE, KEYWORDS, 8, "I", 13)
put_value("prop-multi", "number of values of a multi-value", MESSAGE, KEYWORDS, 0, "I", 0x40000001)
for owner, prop in ((STORE, 0x0ff9), (STORE, 0x35e3), (TRASH, 0x3603), (MESSAGE, 0x0e08), (MESSAGE, 0x300b)):
    put_record("prop-missing", f"no property {prop:#x} of {owner:#x}", owner, prop, 0, "H", prop + 1)
put_record("prop-missing", "a property of another type", TRASH, 0x3602, 2, "H", 0x0b)


@fault("prop-missing")
def of_an_attachment(s):
    data, _ = next(v for k, v in sorted(s.subnodes_of(MESSAGE).items()) if k & 31 == 5)
    at = s.blocks[data][0]
    record = s.heap_at(at, s.get(s.heap_at(at, s.get(at + 4, "I"))[0] + 4, "I"))
    places = [p for p in range(record[0], record[0] + record[1], 8) if s.get(p, "H") == 0x370b]
    s.put(places[0], "H", 0x370c)
    s.seal_block(data)
    return {"node": MESSAGE}


# ── tables ──

@fault("column-missing")
def column_of_a_template(s):
    bid, at, n = s.allocation(0x60d, 0x40)
    place = [p for p in range(at + 22, at + n, 8) if s.get(p, "I") == 0x66360003]
    s.put(place[0], "I", 0x66370003)
    s.seal_block(bid)
    return {"node": 0x60d}


@fault("template-rows")
def row_of_a_template(s):
    bid, at, _ = s.allocation(0x60d, 0x20)  # the header of the row index is taken for a row
    s.put(at + 4, "I", 0x20)
    s.seal_block(bid)
    return {"node": 0x60d}


def row_of(s, nid):
    bid, info, _ = s.allocation(nid, 0x40)
    _, at, _ = s.allocation(nid, s.get(info + 14, "I"))
    return bid, at, s.get(info + 8, "H"), s.get(info + 6, "H")


@fault("table-cell")
def spare_bit(s):
    bid, at, end, _ = row_of(s, 0x802d)
    s.put(at + end - 1, "B", s.get(at + end - 1, "B") | 1)
    s.seal_block(bid)
    return {"node": 0x802d}


@fault("table-cell")
def absent_cell(s):
    bid, at, _, bits = row_of(s, 0x802d)
    assert not s.get(at + bits, "B") & 2  # PidTagReplItemid, bit 6, at 20
    s.put(at + 20, "I", 0x60)
    s.seal_block(bid)
    return {"node": 0x802d}


@fault("prop-size")
def text_in_a_cell(s):
    """Half a character: the allocation is a row's display name, and the next one begins an octet later."""
    bid, at, _, _ = row_of(s, 0x802d)
    hid = s.get(at + 8, "I")  # PidTagDisplayName
    block = s.blocks[bid][0]
    ends = block + s.get(block, "H") + 4 + 2 * (hid >> 5)
    s.put(ends, "H", s.get(ends, "H") - 1)
    s.seal_block(bid)
    return {"node": 0x802d}


# ── messages ──

def rename(finding, name, old, new):
    """Another id for a subnode of the first message."""
    def spoil(s):
        bid, at = s.subnode_entry(MESSAGE, old)
        s.put(at, "Q", new)
        s.seal_block(bid)
        return {"node": MESSAGE}
    spoil.__name__ = name
    FAULTS.append((finding, spoil))


rename("recipients", "no table of recipients", 0x692, 0x693)
rename("attachments", "no table of attachments", 0x671, 0x672)
put_record("attachments", "mfHasAttach", MESSAGE, 0x0e07, 4, "I", 1)


@fault("attachments")
def attachment_that_is_not_listed(s):
    nid = min(k for k in s.subnodes_of(MESSAGE) if k & 31 == 5)
    bid, at = s.subnode_entry(MESSAGE, nid)
    s.put(at, "Q", nid + 1)
    s.seal_block(bid)
    return {"node": MESSAGE}


# ── the store ──

put_value("entry-id", "flags of an entry id", STORE, 0x35e0, 0, "I", 1)
put_value("entry-id", "entry id of another store", STORE, 0x35e3, 4, "I", 0x12345678)
put_value("entry-id", "entry id of no folder", STORE, 0x35e7, 20, "I", 0x9fe2)
put_value("entry-id", "entry id of a search folder", STORE, 0x35e7, 20, "I", 0x2223)


@fault("top")
def wastebasket_elsewhere(s):
    return {"offset": s.entry(0x81, TRASH, 24, "I", ROOT), "node": STORE}


@fault("top")
def no_search_folder(s):
    s.remove_node(0x2223)
    return {"node": STORE}


# ── queues ──

put_entry("queue", "head of a queue", 0x1e1, 24, "I", 20)
put_entry("queue", "head of the queue of a search folder", 0x2226, 24, "I", 20)


@fault("queue")
def part_of_an_item(s):
    return {"offset": s.entry(0x81, 0x1e1, 8, "Q", s.nodes[0x201][0]), "node": 0x1e1}


@fault("queue")
def part_of_a_node_id(s):
    bid = s.nodes[0x201][0]
    s.entry(0x80, bid, 16, "H", 3)
    return {"node": 0x201}


@fault("queue")
def item_of_no_type(s):
    bid = s.nodes[0x201][0]
    at, _ = s.blocks[bid]
    s.entry(0x80, bid, 16, "H", 20)
    s.blocks[bid] = (at, 20)
    s.put(s.trailer(bid), "H", 20)
    s.put(at, "I", 0)
    s.seal_block(bid)
    return {"offset": s.entry(0x81, 0x1e1, 8, "Q", bid), "node": 0x1e1}


@fault("queue-node")
def list_of_searches(s):
    bid = s.nodes[0x201][0]
    s.put(s.blocks[bid][0], "I", 0x9fe3)
    s.seal_block(bid)
    return {"node": 0x201}


@fault("queue-node")
def domain_of_searches(s):
    bid = s.nodes[0x201][0]
    s.put(s.blocks[bid][0], "I", 0x9fe0)
    s.seal_block(bid)
    s.entry(0x81, 0x261, 8, "Q", bid)
    return {"node": 0x261}


# ── names ──

put_value("names", "GUID of a name", NAMES, 3, 4, "H", 0x7fff)
put_value("names", "string of a name", NAMES, 3, 0, "I", 0xfff0)
put_value("names", "length of a string", NAMES, 4, 0, "I", 0xfff0)
put_record("names", "no hash buckets", NAMES, 1, 4, "I", 0)


@fault("names")
def id_twice(s):
    bid, at, size = value_of(s, NAMES, 3)
    assert size >= 16
    s.put(at + 14, "H", s.get(at + 6, "H"))
    s.seal_block(bid)
    return {"node": NAMES}


@fault("names-hash")
def bucket(s):
    bid, at, n = s.records(NAMES)
    prop = max(s.get(at + 8 * i, "H") for i in range(n))
    bid, at, _ = value_of(s, NAMES, prop)
    s.put(at, "I", s.get(at, "I") ^ 1)
    s.seal_block(bid)
    return {"node": NAMES}
