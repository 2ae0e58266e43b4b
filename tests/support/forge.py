"""Writes an export anew, as whoever has the machine and the log's key could: every file agrees with every other.

Shares no code with the programs: tiles and roots as RFC 6962 and c2sp.org/tlog-tiles say, signed by openssl(1).
"""
import base64
import hashlib
import json
import pathlib
import shutil
import subprocess
import tempfile

WIDTH = 256


def number_path(number):
    """1234067 as x001/x234/067."""
    text = f"{number % 1000:03}"
    while number >= 1000:
        number //= 1000
        text = f"x{number % 1000:03}/{text}"
    return text


def read(export):
    """The leaves of an export as objects, in their order."""
    size = int((export / "checkpoint").read_text().splitlines()[1])
    leaves = []
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        path = f"tile/entries/{number_path(number)}" + ("" if width == WIDTH else f".p/{width}")
        data = (export / path).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            leaves.append(json.loads(data[2:2 + length]))
            data = data[2 + length:]
    return leaves


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def merkle_root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return node(merkle_root(hashes[:half]), merkle_root(hashes[half:]))


def sign(seed, message):
    """Ed25519 by openssl(1)."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "key.der").write_bytes(bytes.fromhex("302e020100300506032b657004220420") + seed)
        (folder / "message").write_bytes(message)
        subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", folder / "key.der", "-keyform", "DER", "-in",
                        folder / "message", "-out", folder / "signature"], check=True)
        return (folder / "signature").read_bytes()


def write_tiles(export, hashes):
    level = 0
    while hashes:
        for start in range(0, len(hashes), WIDTH):
            part = hashes[start:start + WIDTH]
            put(export, f"tile/{level}", start // WIDTH, len(part), b"".join(part))
        hashes = [merkle_root(hashes[start:start + WIDTH]) for start in range(0, len(hashes) - WIDTH + 1, WIDTH)]
        level += 1


def put(export, folder, number, width, data):
    path = export / f"{folder}/{number_path(number)}{'' if width == WIDTH else f'.p/{width}'}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write(export, seed, leaves):
    """Puts other leaves in the place of those that an export holds, and signs them with the log's own key."""
    texts = [json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode() for leaf in leaves]
    hashes = [hashlib.sha256(b"\0" + text).digest() for text in texts]
    shutil.rmtree(export / "tile")
    for start in range(0, len(texts), WIDTH):
        part = texts[start:start + WIDTH]
        put(export, "tile/entries", start // WIDTH, len(part),
            b"".join(len(text).to_bytes(2, "big") + text for text in part))
    write_tiles(export, hashes)
    body, _, signatures = (export / "checkpoint").read_text().partition("\n\n")
    text = f"{body.splitlines()[0]}\n{len(texts)}\n{base64.b64encode(merkle_root(hashes)).decode()}\n"
    dash, name, old = signatures.splitlines()[0].split(" ")
    signature = base64.b64encode(base64.b64decode(old)[:4] + sign(seed, text.encode())).decode()
    (export / "checkpoint").write_text(f"{text}\n{dash} {name} {signature}\n")


def insert(leaves, at, leaf):
    """Puts a leaf in, with all indices and references behind it moved on."""
    for later in leaves[at:]:
        later["index"] += 1
        if later.get("of", -1) >= at:
            later["of"] += 1
    leaves.insert(at, {**leaf, "index": at})


def remove(leaves, at):
    """Takes a leaf out, likewise."""
    del leaves[at]
    for later in leaves[at:]:
        later["index"] -= 1
        if later.get("of", -1) > at:
            later["of"] -= 1
