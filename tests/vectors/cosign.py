#!/usr/bin/env python3
"""Witnesses a tlog-proof: verifies the log's line and appends cosignatures, with the library `cryptography` and no code of Varde.

    cosign.py PROOF LOG_VKEY SECONDS NAME:TYPE:SEED...

TYPE is 04 (Ed25519) or 06 (ML-DSA-44), SEED 32 bytes in hex. Prints one JSON document: the proof with the lines, each line, and a
policy that requires every one of them. Written from C2SP signed-note, tlog-cosignature, tlog-proof and tlog-policy.
"""
import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519


def raw(public):
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def vkey(name, kind, public):
    typed = bytes([kind]) + public
    return "%s+%s+%s" % (name, key_id(name, typed).hex(), base64.b64encode(typed).decode())


def key_id(name, typed):
    return hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]


def verify_log(text, lines, verifier):
    name, _, typed = verifier.split("+", 2)
    typed = base64.b64decode(typed)
    assert typed[0] == 1, "the log's key is of another type"
    for line in lines:
        dash, who, signed = line.split(" ")
        signed = base64.b64decode(signed)
        if (dash, who, signed[:4]) == ("\u2014", name, key_id(name, typed)):
            return ed25519.Ed25519PublicKey.from_public_bytes(typed[1:]).verify(signed[4:], text.encode())
    raise AssertionError("the log did not sign")


def cosign(text, seconds, name, kind, seed):
    """The line, and the cosigner's verifier key."""
    stamp = seconds.to_bytes(8, "big")
    if kind == 4:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        signature = key.sign(b"cosignature/v1\ntime %d\n" % seconds + text.encode())
    else:
        from cryptography.hazmat.primitives.asymmetric import mldsa

        origin, size, root = text.split("\n")[:3]
        key = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        who, log = name.encode(), origin.encode()
        message = b"subtree/v1\n\0" + bytes([len(who)]) + who + stamp + bytes([len(log)]) + log
        message += (0).to_bytes(8, "big") + int(size).to_bytes(8, "big") + base64.b64decode(root)
        signature = key.sign(message)
    public = raw(key.public_key())
    payload = key_id(name, bytes([kind]) + public) + stamp + signature
    return "\u2014 %s %s\n" % (name, base64.b64encode(payload).decode()), vkey(name, kind, public)


def main(path, log, seconds, *cosigners):
    with open(path, encoding="utf-8", newline="") as file:
        proof = file.read()
    head, note = proof.split("\n\n", 1)
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    verify_log(text, lines.rstrip("\n").split("\n"), log)
    made = [cosign(text, int(seconds), name, int(kind, 16), bytes.fromhex(seed))
            for name, kind, seed in (one.split(":") for one in cosigners)]
    policy = ["log " + log]
    policy += ["witness w%d %s" % (n, key) for n, (_, key) in enumerate(made)]
    names = " ".join("w%d" % n for n in range(len(made)))
    policy += ["group every all " + names, "quorum every", ""]
    print(json.dumps({
        "proof": proof + "".join(line for line, _ in made),
        "lines": [line for line, _ in made],
        "policy": "\n".join(policy),
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])
