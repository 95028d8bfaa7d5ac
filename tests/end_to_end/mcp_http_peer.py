"""`omnisandbox mcp --http` and clients of it that send whatever they are told to, right or wrong."""

import http.client
import json
import re
import socket
import subprocess
import threading
import warnings

import support

# Most requests here have a connection of their own, which ends with its answer.
warnings.simplefilter("ignore", ResourceWarning)

TOKEN = "0123456789abcdef-test-token"
BOTH = "application/json, text/event-stream"


class HttpServer:
    """A server at a free port of the loopback interface. Its token is TOKEN, unless `args` say otherwise."""

    def __init__(self, case, *args, address="127.0.0.1:0", token=TOKEN, **more):
        token_args = []
        if token:
            token_args = ["--token-file", case.write("token.txt", token + "\n")]
        self.process = subprocess.Popen([support.COMMAND, "mcp", "--http", address, *token_args, *args], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=case.folder, **more)
        case.addCleanup(support.end, self.process)
        self.said = [self.process.stderr.readline().decode()]
        found = re.search(r"serving at http://(\S+):(\d+)/mcp", self.said[0])
        if not found:
            raise AssertionError(self.said[0] + self.process.stderr.read().decode())
        self.port = int(found.group(2))
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.token = token
        self.session = None

    def read_errors(self):
        """What it says from now on, so that it never waits for a reader."""
        threading.Thread(target=lambda: self.said.append(self.process.stderr.read().decode()), daemon=True).start()

    def headers(self, **more):
        headers = {"Accept": BOTH, "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.session:
            headers["Mcp-Session-Id"] = self.session
        headers.update({name.replace("_", "-"): value for name, value in more.items()})
        return {name: value for name, value in headers.items() if value is not None}

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=support.HANG_SECONDS)

    def send(self, method, body=None, connection=None, path="/mcp", **headers):
        """One request; the answer, whose body is still to be read."""
        connection = connection or self.connection()
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, self.headers(**headers))
        return connection.getresponse()

    def ask(self, method, params=None, identity=1, **headers):
        """The answer to a request, whichever way it comes."""
        answer = self.send("POST", {"jsonrpc": "2.0", "id": identity, "method": method, "params": params or {}}, **headers)
        return answer_in(answer, identity)

    def initialize(self, revision="2025-11-25"):
        self.session = None
        answer = self.send("POST", {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}})
        self.session = answer.getheader("Mcp-Session-Id")
        result = json.loads(answer.read())["result"]
        self.send("POST", {"jsonrpc": "2.0", "method": "notifications/initialized"}).read()
        return result

    def call(self, tool, identity=1, **arguments):
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, identity)["result"]

    def raw(self, data=b""):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=support.HANG_SECONDS)
        connection.sendall(data)
        return connection


def events(answer):
    """The events of a stream as they come: (id, data)."""
    identity, data = None, []
    for line in answer:
        line = line.decode().rstrip("\n")
        if line.startswith("id: "):
            identity = line[4:]
        elif line.startswith("data: "):
            data.append(line[6:])
        elif line == "" and (identity is not None or data):
            yield identity, "\n".join(data)
            identity, data = None, []


def answer_in(answer, identity):
    if answer.getheader("Content-Type") == "application/json":
        return json.loads(answer.read())
    for _, data in events(answer):
        if data and json.loads(data).get("id") == identity:
            answer.read()
            return json.loads(data)
    raise AssertionError("the stream ended without an answer")


def read_all(connection):
    """Everything up to the end of the connection."""
    data = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


def status_of(data):
    found = re.match(rb"HTTP/1\.1 (\d+) ", data)
    return int(found.group(1)) if found else None
