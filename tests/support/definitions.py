"""The definitions that the trail rests on, written from the standards and not from the code: RFC 6962 section 2.1,
recursively; keys and notes of C2SP signed-note; Ed25519 by the program openssl; the ratchet of matchguard-trail(7).
"""
import base64
import hashlib
import hmac
import pathlib
import subprocess
import tempfile


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ------------------------------------------------------------------------------------------------------ keys

def run_openssl(arguments, **files):
    """Runs openssl with files by name in a folder of its own. Return: what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (pathlib.Path(folder) / name).write_bytes(data)
        return subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True).stdout


def private_der(seed):
    return bytes.fromhex("302e020100300506032b657004220420") + seed


def public_key(seed):
    return run_openssl(["pkey", "-inform", "DER", "-in", "key", "-pubout", "-outform", "DER"], key=private_der(seed))[-32:]


def sign(seed, text):
    return run_openssl(["pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", "key", "-in", "text"],
                       key=private_der(seed), text=text)


def verifies(key, text, signature):
    """Whether an Ed25519 signature is one."""
    der = bytes.fromhex("302a300506032b6570032100") + key
    try:
        run_openssl(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key", "-sigfile", "signature",
                     "-in", "text"], key=der, text=text, signature=signature)
    except subprocess.CalledProcessError:
        return False
    return True


def next_seed(seed):
    """The seed of the epoch behind that of `seed`."""
    return hmac.new(seed, b"matchguard/ratchet/v1", "sha256").digest()


def signing_seed(seed):
    """The Ed25519 seed of the epoch of `seed`."""
    return hmac.new(seed, b"sign", "sha256").digest()


def key_id(name, key):
    return sha256(name.encode(), b"\n\x01", key)[:4]


def vkey(name, key):
    return f"{name}+{key_id(name, key).hex()}+{base64.b64encode(bytes([1]) + key).decode()}"


# ------------------------------------------------------------------------------------- RFC 6962, section 2.1

def split(n):
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def tree_hash(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\0", leaves[0])
    k = split(len(leaves))
    return sha256(b"\1", tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def audit_path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return audit_path(m, leaves[:k]) + [tree_hash(leaves[k:])]
    return audit_path(m - k, leaves[k:]) + [tree_hash(leaves[:k])]


def consistency(m, leaves, whole=True):
    if m == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = split(len(leaves))
    if m <= k:
        return consistency(m, leaves[:k], whole) + [tree_hash(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [tree_hash(leaves[:k])]


# ---------------------------------------------------------------------------------------------- C2SP texts

def note(origin, size, root, signers):
    """A signed checkpoint; signers are names with Ed25519 seeds."""
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
    lines = b""
    for name, seed in signers:
        signature = key_id(name, public_key(seed)) + sign(seed, text)
        lines += f"\u2014 {name} {base64.b64encode(signature).decode()}\n".encode()
    return text + b"\n" + lines


def bundle(leaves):
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in leaves)
