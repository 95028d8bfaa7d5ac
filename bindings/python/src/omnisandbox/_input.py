"""How arguments are turned into what the extension takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TypeAlias

#: Bytes, or text that is sent as UTF-8.
Data: TypeAlias = bytes | bytearray | memoryview | str
Path: TypeAlias = str | bytes | os.PathLike[str]


def data(value: Data) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else bytes(value)


def arguments(values: Iterable[str | os.PathLike[str]]) -> list[str]:
    if isinstance(values, str):
        raise TypeError("args is a sequence of arguments, not one string")
    return [os.fspath(value) for value in values]


def environment(values: Mapping[str, str] | None) -> dict[str, str]:
    return dict(values) if values else {}


def timeout(seconds: float | None) -> float | None:
    if seconds is not None and not seconds >= 0:
        raise ValueError(f"timeout is a number of seconds, not {seconds!r}")
    return seconds


def module(value: bytes | bytearray | memoryview | str | os.PathLike[str]) -> tuple[str, bytes]:
    """The name and the bytes of a module: bytes in either form, or the path of a file."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "module.wasm", bytes(value)
    path = os.fspath(value)
    with open(path, "rb") as file:
        return os.path.basename(path), file.read()
