"""Modules, in binary form, that take as long to compile as a test needs. No two are the same, so that no cache has them."""

import os

# local 0 is an i64: local.get 0, i64.const 37, i64.mul, local.get 1, i64.xor, local.set 0, and another like it.
STEP = b"\x20\x00\x42\x25\x7e\x20\x01\x85\x21\x00" + b"\x20\x01\x42\x0b\x7c\x20\x00\x83\x21\x01"


def leb(number):
    """As the format writes numbers (LEB128)."""
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*groups, number))


def vector(items):
    return leb(len(items)) + b"".join(items)


def section(kind, content):
    return bytes((kind,)) + leb(len(content)) + content


def name(text):
    return leb(len(text)) + text.encode()


def module(functions, steps):
    """`functions` functions without arguments, each of `steps` steps; the first is `_start`, the second `f1`."""
    body = b"\x01\x02\x7e" + STEP * steps + b"\x0b"
    exports = [name(exported) + b"\0" + leb(index) for index, exported in enumerate(("_start", "f1"))]
    return (b"\0asm\1\0\0\0" + section(0, name("nonce") + os.urandom(16)) + section(1, vector([b"\x60\0\0"])) +
            section(3, vector([b"\0"] * functions)) + section(7, vector(exports)) +
            section(10, vector([leb(len(body)) + body] * functions)))


def endless():
    """About 40 MB whose compiling takes far longer than any deadline of a test."""
    return module(functions=48, steps=40_000)
