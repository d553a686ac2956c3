#!/usr/bin/env python3
"""Recomputes the golden values of Varde from their inputs. Python's standard library, and nothing of Varde.

    python3 check.py [FOLDER]

Written from docs/protocol.md; it checks whatever is bytes or hashes, and no Ed25519 signature. Ends with 0 where all agree,
with 1 and a line on stderr for each value that differs.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import sys

hx, unhex = bytes.hex, bytes.fromhex


def b64(data):
    return base64.b64encode(data).decode()


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u(width, number):
    return int(number).to_bytes(width, "big")


# --- keys and names

SPKI = unhex("302a300506032b6570032100")


def key_id(name, kind, key):
    return sha(name.encode(), b"\n", bytes([kind]), key)[:4]


def vkey(name, kind, key):
    return "%s+%s+%s" % (name, hx(key_id(name, kind, key)), b64(bytes([kind]) + key))


def names(i, o):
    kind = i["kind"]
    if kind == "origin":
        text = "%s/%s/%d" % (i["network"], i["country"].lower(), i["generation"])
    elif kind == "id":
        text = i["bytes"]
    elif kind == "time":
        import datetime

        at = datetime.datetime.fromtimestamp(i["ms"] // 1000, datetime.timezone.utc)
        ms = i["ms"] % 1000
        text = at.strftime("%Y-%m-%dT%H:%M:%S") + (".%03d" % ms if ms else "") + "Z"
    else:
        form = {"year": "%d", "half": "%d-H%d", "quarter": "%d-Q%d", "month": "%d-%02d"}[i["period"]]
        text = form % ((i["year"], i["number"])[: form.count("%")])
    return {"text": text}


def key(i, o):
    public, name = unhex(o["public_key"]), i["name"]
    return {
        "fingerprint": hx(sha(public)),
        "spki": hx(SPKI + public),
        "tls_pin": hx(sha(SPKI + public)),
        "key_id": hx(key_id(name, 1, public)),
        "vkey": vkey(name, 1, public),
        "cosigner_key_id": hx(key_id(name, 4, public)),
        "cosigner_vkey": vkey(name, 4, public),
    }


def possession(i, o):
    return {"text": "varde/possession/v1\n%s\n%s\n%s\n" % (i["origin"], i["role"], i["id_key"])}


# --- envelope, leaf, channel


def pae(kind, payload):
    kind = kind.encode()
    return b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(payload), payload])


def envelope(i, o):
    signed = pae(i["type"], unhex(i["payload"]))
    return {"pae": hx(signed), "digest": hx(sha(signed))}


def event(i, o):
    peer, body = i["peer"].encode(), unhex(i["body"])
    parts = [b"vardelg\x01", u(1, i["kind"]), u(8, i["time_ms"]), u(1, len(peer)), peer, u(1, i["direction"])]
    parts += [u(1, i["class"]), u(8, i["seq"])]
    parts += [unhex(i[field]) for field in ("object", "chain", "restricted", "agreement")]
    return {"event": hx(b"".join(parts + [u(2, len(body)), body]))}


def leaf_hash(entry):
    return sha(b"\x00", entry)


def leaf(i, o):
    r, opened = unhex(i["r"]), unhex(i["event"])
    commitment = hmac.new(r, opened, hashlib.sha256).digest()
    entry = b"\x01" + commitment
    return {
        "commitment": hx(commitment),
        "entry": hx(entry),
        "leaf_hash": hx(leaf_hash(entry)),
        "opening": hx(r + opened),
    }


def commitment(i, o):
    salt, details = unhex(i["salt"]), unhex(i["details"])
    return {
        "restricted": hx(hmac.new(salt, details, hashlib.sha256).digest()),
        "decision": hx(sha(b"varde/decision/v1\n", salt, details)),
    }


def chain(i, o):
    x = sha(("varde/chan/v1\n%s\n%s\n%d\n" % (i["from"], i["to"], i["class"])).encode())
    found = [hx(x)]
    for n, item in enumerate(i["objects"], 1):
        x = sha(b"\x02", x, u(8, n), unhex(item))
        found.append(hx(x))
    return {"accumulators": found}


def body(i, o):
    if i["kind"] == "entangle":
        parts = [u(1, len(h["origin"])) + h["origin"].encode() + u(8, h["size"]) + unhex(h["root"]) for h in i["heads"]]
    else:
        parts = [u(8, i[field]) for field in ("backup_ms", "backup_size", "size")] + [u(2, len(i["missing"]))]
        parts += [u(8, end) for part in i["missing"] for end in part]
    return {"body": hx(b"".join(parts))}


# --- tree (RFC 6962, section 2.1) and files


def split(count):
    return 1 << ((count - 1).bit_length() - 1)


def root(leaves):
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha(b"\x01", root(leaves[:k]), root(leaves[k:]))


def inclusion(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return inclusion(m, leaves[:k]) + [root(leaves[k:])]
    return inclusion(m - k, leaves[k:]) + [root(leaves[:k])]


def consistency(m, leaves, whole=True):
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return consistency(m, leaves[:k], whole) + [root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [root(leaves[:k])]


def tree(i, o):
    leaves = [leaf_hash(unhex(entry)) for entry in i["entries"]]
    count = len(leaves)
    return {
        "leaf_hashes": [hx(one) for one in leaves],
        "roots": [hx(root(leaves[:n])) for n in range(count + 1)],
        "inclusion": [[hx(h) for h in inclusion(n, leaves)] for n in range(count)],
        "consistency": [[hx(h) for h in consistency(n, leaves)] for n in range(1, count + 1)],
    }


def tile_path(level, number, width):
    groups = []
    while True:
        number, last = divmod(number, 1000)
        groups.insert(0, "x%03d" % last)
        if not number:
            break
    groups[-1] = groups[-1][1:]
    partial = "" if width == 256 else ".p/%d" % width
    return "tile/%s/%s%s" % ("entries" if level == 255 else level, "/".join(groups), partial)


def tile(i, o):
    return {"path": tile_path(i["level"], int(i["number"]), i["width"])}


def layout(i, o):
    paths, size = [], int(i["size"])
    for level, hashes in [(n, size >> (8 * n)) for n in range(8)] + [(255, size)]:
        paths += [tile_path(level, n, 256) for n in range(hashes // 256)]
        paths += [tile_path(level, hashes // 256, hashes % 256)] * bool(hashes % 256)
    ends = [path for n, path in enumerate(paths) if n < 4 or n + 8 > len(paths)]
    return {"count": len(paths), "first_four_and_last_eight": ends}


def bundle(i, o):
    return {"file": "".join(hx(u(2, len(thing) // 2)) + thing for thing in i["things"])}


# --- signed texts


def checkpoint_text(i):
    return "%s\n%s\n%s\n" % (i["origin"], i["size"], b64(unhex(i["root"])))


def line(name, kind, key, rest):
    """What a signature line must be, given the bytes after its key id."""
    return "\u2014 %s %s\n" % (name, b64(key_id(name, kind, key) + rest))


def key_of(verifier):
    return base64.b64decode(verifier.split("+", 2)[2])[1:]


def after_id(text, count):
    """The last `count` bytes of the payload of the last signature line."""
    return base64.b64decode(text.rstrip("\n").rsplit(" ", 1)[1])[-count:]


def checkpoint(i, o):
    text, public = checkpoint_text(i), key_of(o["vkey"])
    signed = line(i["origin"], 1, public, after_id(o["note"], 64))
    return {"text": text, "note": text + "\n" + signed, "vkey": vkey(i["origin"], 1, public)}


def cosignature(i, o):
    public = key_of(o["vkey"])
    rest = u(8, i["seconds"]) + after_id(o["line"], 64)
    return {
        "message": "cosignature/v1\ntime %s\n%s" % (i["seconds"], checkpoint_text(i)),
        "line": line(i["name"], 4, public, rest),
        "vkey": vkey(i["name"], 4, public),
    }


def cosignature_ml_dsa(i, o):
    public, name, origin = key_of(o["vkey"]), i["name"].encode(), i["origin"].encode()
    message = b"subtree/v1\n\0" + u(1, len(name)) + name + u(8, i["seconds"]) + u(1, len(origin)) + origin
    message += u(8, 0) + u(8, i["size"]) + unhex(i["root"])
    rest = u(8, i["seconds"]) + after_id(o["line"], 2420)
    assert len(public) == 1312, "not a key of ML-DSA-44"
    return {"message": hx(message), "line": line(i["name"], 6, public, rest), "vkey": vkey(i["name"], 6, public)}


def hashes(listed):
    return "".join(b64(unhex(one)) + "\n" for one in listed)


def proof(i, o):
    extra = "extra %s\n" % b64(unhex(i["extra"])) if i["extra"] else ""
    index, path = int(i["index"]), [unhex(one) for one in i["path"]]
    _, size, signed = i["checkpoint"].split("\n")[:3]
    verify_inclusion(index, int(size), unhex(i["leaf_hash"]), path, base64.b64decode(signed))
    text = "c2sp.org/tlog-proof@v1\n%sindex %d\n%s\n%s" % (extra, index, hashes(i["path"]), i["checkpoint"])
    return {"proof": text}


def verify_inclusion(index, size, found, path, wanted):
    """RFC 9162, section 2.1.3.2."""
    assert index < size, "the leaf is not in the tree"
    node, last = index, size - 1
    for sibling in path:
        assert last, "too many hashes"
        if node & 1 or node == last:
            found = sha(b"\x01", sibling, found)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = sha(b"\x01", found, sibling)
        node, last = node >> 1, last >> 1
    assert not last and found == wanted, "the path leads elsewhere"


def is_consistent(old, new, old_root, new_root, path):
    """RFC 9162, section 2.1.4.2, and what tlog-witness says of an empty old tree."""
    if old == 0:
        return not path
    if old == new:
        return not path and old_root == new_root
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for one in path[1:]:
        if not last:
            return False
        if node & 1 or node == last:
            first, second = sha(b"\x01", one, first), sha(b"\x01", one, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = sha(b"\x01", second, one)
        node, last = node >> 1, last >> 1
    return not last and (first, second) == (old_root, new_root)


def add_checkpoint(i, o):
    body = "old %s\n%s\n%s" % (i["old"], hashes(i["hashes"]), i["note"])
    _, size, signed = i["note"].split("\n")[:3]
    old, new, latest = int(i["old"]), int(size), int(i["latest_size"])
    path, new_root = [unhex(one) for one in i["hashes"]], base64.b64decode(signed)
    if not i["known"]:
        status = 404
    elif o["status"] == 403:  # a signature: not this program's
        status = 403
    elif old > new:
        status = 400
    elif old != latest:
        status = 409
    elif new == 0 and new_root != sha():
        status = 422
    else:
        status = 200 if is_consistent(old, new, unhex(i["latest_root"]), new_root, path) else 422
    found = {"body": body, "status": status, "grpc": {200: 0, 400: 3, 403: 7, 404: 5, 409: 10, 422: 9}[status]}
    if status == 409:
        found.update(answer="%d\n" % latest, content_type="text/x.tlog.size")
    if status == 200:
        rest = base64.b64decode(o["answer"].rstrip("\n").rsplit(" ", 1)[1])
        assert rest[4:12] == u(8, i["seconds"]) and len(rest) == 76, "not a cosignature of that time"
        found["answer"] = "\u2014 %s %s\n" % (i["name"], b64(rest))
    return found


# --- documents and summaries


def document(i, o):
    payload = unhex(o["payload"])
    head, *lines, end = o["file"].rstrip("\n").split("\n")
    statement = "KEY STATEMENT"
    label = {"descriptor": "NODE DESCRIPTOR", "key-rotate": statement, "key-revoke": statement}.get(i["what"], i["what"].upper())
    assert (head, end) == ("-----BEGIN VARDE %s-----" % label, "-----END VARDE %s-----" % label), "another label"
    assert all(len(one) == 64 for one in lines[:-1]), "lines of 64"
    assert payload in base64.b64decode("".join(lines)), "another payload"
    kind = "application/vnd.varde.%s.v1+protobuf" % i["what"]
    return {"type": kind, "digest": hx(sha(pae(kind, payload)))}


def manifest(i, o):
    lines = ["varde/bundle/v1"] + [str(i[field]) for field in ("origin", "size", "scope", "from", "to", "files", "list")]
    text, public = "".join(one + "\n" for one in lines), key_of(o["vkey"])
    network, country, _ = i["origin"].split("/")
    name = "%s/message/%s" % (network, country)
    note = text + "\n" + line(name, 1, public, after_id(o["note"], 64))
    return {"text": text, "note": note, "vkey": vkey(name, 1, public)}


def files(i, o):
    listed = sorted((path.encode(), unhex(content)) for path, content in i["files"].items())
    text = b"".join(b"%s %d %s\n" % (hx(sha(content)).encode(), len(content), path) for path, content in listed)
    return {"files": text.decode(), "sha256": hx(sha(text))}


def release(i, o):
    return {"digest": hx(sha(b"varde/release/v1\n", unhex(i["release"])))}


def display(i, o):
    states = {"reported": 1, "below-noise": 2, "remainder": 3, "total": 4}
    shown = [i["total"]]
    for table in i["tables"]:
        shown += table["figures"] + [table["remainder"]]
    parts = [b"varde/display/first/1\n"]
    for one in shown:
        parts.append(bytes([states[one["state"]]]))
        parts += [one[field].to_bytes(8, "big", signed=True) for field in ("estimate", "low", "high")]
    return {"digest": hx(sha(*parts))}


CHECKS = {
    "names": names, "key": key, "possession": possession, "envelope": envelope, "event": event, "leaf": leaf,
    "commitment": commitment, "chain": chain, "body": body, "cosignature-ml-dsa": cosignature_ml_dsa, "tree": tree, "tile": tile, "layout": layout, "bundle": bundle,
    "checkpoint": checkpoint, "cosignature": cosignature, "proof": proof, "add-checkpoint": add_checkpoint,
    "document": document, "manifest": manifest, "files": files, "release": release, "display": display,
}
# Verdicts on signatures, and the values of an older program.
NOT_MINE = {"policy", "policy-form", "log"}


def main(folder):
    wrong, values = 0, 0
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        if path.stem in NOT_MINE:
            continue
        cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
        for number, case in enumerate(cases):
            try:
                found = CHECKS[path.stem](case["in"], case["out"])
            except (AssertionError, KeyError, ValueError, IndexError) as error:
                found = {}
                wrong += 1
                print("%s, case %d: %r" % (path.stem, number, error), file=sys.stderr)
            for field, value in found.items():
                values += 1
                if case["out"].get(field) != value:
                    wrong += 1
                    print("%s, case %d, %s: not %s" % (path.stem, number, field, value), file=sys.stderr)
        print("%s: %d cases" % (path.stem, len(cases)))
    print("%d values recomputed, %d differ" % (values, wrong))
    return 1 if wrong or not values else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent))
