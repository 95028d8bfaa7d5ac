"""A client of the MCP server that sends whatever it is told to, right or wrong: one process of `omnisandbox mcp` over its standard streams."""

import json
import queue
import random
import subprocess
import threading

import support

MODERN_META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


class Peer:
    def __init__(self, case, *args):
        self.process = subprocess.Popen([support.COMMAND, "mcp", *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, cwd=case.folder)
        case.addCleanup(support.end, self.process)
        self.received = queue.Queue()
        self.kept = []
        self.errors = b""
        self.threads = [threading.Thread(target=self.read_output, daemon=True), threading.Thread(target=self.read_errors, daemon=True)]
        for thread in self.threads:
            thread.start()

    def read_output(self):
        for line in self.process.stdout:
            self.received.put(json.loads(line))
        self.received.put(None)

    def read_errors(self):
        self.errors = self.process.stderr.read()

    def send_bytes(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def next(self):
        """The next message; None at the end of the server's output."""
        return self.received.get(timeout=support.HANG_SECONDS)

    def answer(self, wanted):
        """The answer with this id. What comes before it is kept in `kept`."""
        while True:
            message = self.next()
            if message is None:
                raise AssertionError(f"the server ended without an answer to {wanted}: {self.errors}")
            if message.get("id") == wanted and "method" not in message:
                return message
            self.kept.append(message)

    def ask(self, method, params=None, identity="1", **meta):
        self.request(method, params, identity, **meta)
        return self.answer(identity)

    def request(self, method, params=None, identity="1", **meta):
        params = dict(params or {})
        if meta:
            params["_meta"] = meta
        self.send({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})

    def initialize(self, revision="2025-11-25"):
        answer = self.ask("initialize", {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer["result"]

    def call(self, tool, identity="1", **arguments):
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, identity)["result"]

    def close(self):
        """Ends the input, as a client does; the exit code, with all that still came in `kept`."""
        self.process.stdin.close()
        code = self.process.wait(timeout=support.HANG_SECONDS)
        for thread in self.threads:
            thread.join()
        while not self.received.empty():
            message = self.received.get()
            if message is not None:
                self.kept.append(message)
        return code


SEEDS = [
    {"jsonrpc": "2.0", "id": 1, "method": "ping"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    {"jsonrpc": "2.0", "id": "three", "method": "tools/call",
     "params": {"name": "explain_policy", "arguments": {"capability": "fs_read", "resource": "/etc/passwd"}, "_meta": {"progressToken": 7}}},
    {"jsonrpc": "2.0", "id": 4, "method": "resources/read", "params": {"uri": "omnisandbox://policy"}},
    {"jsonrpc": "2.0", "id": 5, "method": "logging/setLevel", "params": {"level": "debug"}},
    {"jsonrpc": "2.0", "id": 6, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}}},
    {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": MODERN_META}},
    {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "read_file", "arguments": {"path": "/etc/passwd"}}},
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4}},
]
STRANGE = [None, True, 0, -1, 1e300, "", "x" * 2000, [], {}, [[[[]]]], {"a": {"b": {}}}, "\u0000", "\ud83d\ude00", 2**63, 1.5]


def strange(generator):
    return json.loads(json.dumps(generator.choice(STRANGE)))


def mutated(seed, generator):
    """A message with something wrong or strange in it: in its structure, or in its bytes."""
    message = json.loads(json.dumps(generator.choice(SEEDS)))
    for _ in range(generator.randint(1, 3)):
        node = message
        while isinstance(node, dict) and node:
            key = generator.choice(list(node))
            if isinstance(node[key], dict) and generator.random() < 0.6:
                node = node[key]
                continue
            action = generator.randrange(4)
            if action == 0:
                del node[key]
            elif action == 1:
                node[key] = strange(generator)
            elif action == 2:
                node[key + generator.choice(["x", "", " "])] = strange(generator)
            else:
                node[generator.choice(["id", "method", "params", "result", "name", "arguments", "_meta"])] = strange(generator)
            break
    if isinstance(message.get("id"), (int, str)) and generator.random() < 0.9:
        message["id"] = f"m{seed}"
    data = bytearray(json.dumps(message).encode())
    if generator.random() < 0.3 and data:
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(data))
            if generator.random() < 0.5:
                data[place] = generator.choice(b'{}[]",:\\\x00\xff019aetrunlf.-')
            else:
                del data[place:place + generator.randint(1, 9)]
            if not data:
                data = bytearray(b"{")
    return bytes(data).replace(b"\n", b" ").replace(b"\r", b" ")


def mutated_messages(count, seed=20251125):
    generator = random.Random(seed)
    return [mutated(number, generator) for number in range(count)]


def must_be_answered(data):
    """The id under which JSON-RPC demands an answer to `data`; None where it demands none."""
    try:
        message = json.loads(data.decode(), parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))
        json.dumps(message, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    identity = message.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str) or len(identity.encode()) > 1024:
        return None
    if "method" not in message and ("result" in message or "error" in message):
        return None
    return identity
