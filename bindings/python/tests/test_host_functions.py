import http.server
import pathlib
import pickle
import threading

import pytest

from omnisandbox import Config, DeniedError, HostFunctions, Sandbox, errors


def test_files_are_read_written_listed_and_removed(box: Sandbox, data: pathlib.Path):
    folder = data / "open"
    assert box.fs_read(folder / "note.txt") == b"a note"
    assert box.fs_read(folder / "note.txt", offset=2, length=3) == b"not"
    box.fs_write(folder / "new.bin", b"\0\xff", mode="create_new", synced=True)
    assert (folder / "new.bin").read_bytes() == b"\0\xff"
    with pytest.raises(FileExistsError):
        box.fs_write(folder / "new.bin", "x", mode="create_new")
    box.fs_write(folder / "new.bin", "more", mode="append")
    assert box.fs_stat(folder / "new.bin").size == 6
    box.fs_make_directory(folder / "sub")
    assert [(entry.name, entry.type) for entry in box.fs_list(folder)] == [
        ("new.bin", "file"),
        ("note.txt", "file"),
        ("sub", "directory"),
    ]
    box.fs_delete(folder / "new.bin")
    assert not (folder / "new.bin").exists()
    with pytest.raises(FileNotFoundError):
        box.fs_read(folder / "new.bin")


def test_a_denial_is_an_exception_with_fields(box: Sandbox, data: pathlib.Path):
    secret = data / "closed" / "secret.txt"
    with pytest.raises(PermissionError) as caught:
        box.fs_write(secret, "changed")
    error = caught.value
    assert isinstance(error, DeniedError) and error.kind == "denied"
    assert error.capability == "fs_write" and error.resource == str(secret)
    assert error.reason and "allowed_paths" in error.remedy and str(secret) in str(error)
    assert secret.read_text() == "a secret"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DeniedError and again.denial == error.denial and str(again) == str(error)


def test_a_path_with_a_nul_is_refused(box: Sandbox, data: pathlib.Path):
    with pytest.raises((errors.Error, ValueError)):
        box.fs_read(str(data / "open" / "note.txt") + "\0.png")


def test_one_run_keeps_its_quotas_and_denials(data: pathlib.Path):
    policy = Config(capabilities=["fs_read"], allowed_paths=[data / "open"], max_host_calls=3)
    run = HostFunctions(policy)
    with pytest.raises(DeniedError):
        run.fs_read(data / "closed" / "secret.txt")
    assert run.denial_count == 1 and run.denials[0].capability == "fs_read"
    with pytest.raises(errors.LimitError):
        for _ in range(10):
            run.fs_read(data / "open" / "note.txt")
    run.cancel()
    with pytest.raises(errors.CancelledError):
        run.fs_read(data / "open" / "note.txt")
    box = Sandbox(policy)  # where each call is a run of its own
    for _ in range(10):
        box.fs_read(data / "open" / "note.txt")


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"x" * 100_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Said", self.headers.get("X-Asked", ""))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def test_http_is_fetched_streamed_and_refused(server: str):
    box = Sandbox(Config(capabilities=["net_http"], allowed_hosts=[f"http://{server}"]))
    answer = box.http_fetch(f"http://{server}/", headers={"X-Asked": "yes"})
    assert answer.status == 200 and len(answer.content) == 100_000 and answer.header("x-said") == "yes"

    pieces: list[bytes] = []
    answer = box.http_fetch(f"http://{server}/", on_body=pieces.append)
    assert sum(map(len, pieces)) == 100_000 and answer.content == b""
    with pytest.raises(errors.CancelledError):
        box.http_fetch(f"http://{server}/", on_body=lambda piece: False)
    with pytest.raises(ZeroDivisionError):
        box.http_fetch(f"http://{server}/", on_body=lambda piece: 1 / 0)
    with pytest.raises(DeniedError) as caught:
        box.http_fetch("http://169.254.169.254/")
    assert caught.value.capability == "net_http"


def test_exec_run(commands: Sandbox, data: pathlib.Path):
    assert commands.exec_run("cat", stdin="hello").stdout == "hello"
    assert commands.exec_run("cat", data / "open" / "note.txt").check().stdout == "a note"
    with pytest.raises(DeniedError):
        commands.exec_run("id")
