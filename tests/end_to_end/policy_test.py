"""`omnisandbox policy`: check, lint, explain, schema."""

import json
import os

import support
from support import Case


class Check(Case):
    def test_a_valid_policy_is_summed_up(self):
        policy = self.policy(capabilities=["fs_read", "exec_run"], allowed_paths=[str(self.folder)],
                             allowed_commands=["true", "no-such-command-here"], timeout="5s")
        done = self.command("policy", "check", policy)
        self.assertEqual(done.code, 0, str(done))
        text = done.out.decode()
        for part in ("valid", str(self.folder), "not granted", "time 5 s", "no-such-command-here is absent"):
            self.assertIn(part, text)
        done = self.command("policy", "check", "--json", policy)
        answer = self.one_object(done)
        self.assertEqual((done.code, answer["status"], answer["capabilities"]), (0, "ok", ["fs_read", "exec_run"]))
        self.assertEqual(answer["warnings"][0]["where"], "allowed_commands[1]")
        self.assertEqual(answer["allowed"]["fs_write"], [])

    def test_errors_have_file_line_and_column(self):
        cases = {
            "version: 1\nallowed_path: []\n": "bad.yaml:2:1",
            "version: 1\ncapabilities:\n  - fs_read\n  - fs_raed\n": "bad.yaml:4:5",
            "version: 1\ntimeout: -1\n": "bad.yaml:2:10",
            "version: 1\ntimeout: 1s\ntimeout: 2s\n": "bad.yaml:3:1",
            "version: 2\n": "bad.yaml:1:10",
            "version: 1\na: [\n": "bad.yaml:",
            "": "bad.yaml:",
            "version: 1\nallowed_paths: [relative/path]\ncapabilities: [fs_read]\n": "bad.yaml:2:",
            "version: 1\nallowed_paths: [/, /no/such/folder/at/all]\ncapabilities: [fs_read]\n": "bad.yaml:2:",
            "version: 1\nallowed_hosts: ['exa mple']\ncapabilities: [net_http]\n": "bad.yaml:2:",
        }
        for text, position in cases.items():
            self.write("bad.yaml", text)
            self.assert_ends(self.command("policy", "check", "bad.yaml"), 2, position)
            done = self.command("policy", "check", "--json", "bad.yaml")
            answer = self.one_object(done)
            self.assertEqual((done.code, answer["status"]), (2, "failed"), text)
            self.assertIn(position, answer["error"]["message"])
            self.assertEqual(self.command("run", "--policy", "bad.yaml", "a.wasm").code, 2, text)

    def test_a_home_folder_is_spelled_out(self):
        self.write("home.yaml", "version: 1\ncapabilities: [fs_read]\nallowed_paths: [~/docs]\n")
        done = self.command("policy", "check", "home.yaml")
        self.assert_ends(done, 2, "home.yaml:3:17", "~")

    def test_what_is_no_policy_file(self):
        os.mkfifo(self.folder / "fifo")
        for path in ("absent.yaml", "fifo", ".", "/dev/zero", "/dev/null"):
            self.assert_ends(self.command("policy", "check", path), 2, path)

    def test_nothing_granted_is_valid(self):
        done = self.command("policy", "check", self.write("none.yaml", "version: 1\n"))
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(done.out.count(b"not granted"), 4)


class Lint(Case):
    def test_findings_are_1_and_none_is_0(self):
        narrow = self.policy(capabilities=["fs_read"], allowed_paths=[{"path": str(self.folder), "access": "read"}],
                             timeout="10s")
        done = self.command("policy", "lint", narrow)
        self.assertEqual(done.code, 0, str(done))
        wide = self.policy(capabilities=["fs_read", "fs_write", "net_http", "exec_run"], allowed_paths=["/"], allowed_hosts=["*"],
                           allowed_commands=["*"])
        done = self.command("policy", "lint", wide)
        self.assertEqual(done.code, 1, str(done))
        self.assertIn(b"policy.yaml:1:", done.out)
        done = self.command("policy", "lint", "--json", wide)
        answer = self.one_object(done)
        self.assertEqual((done.code, answer["status"]), (1, "findings"))
        for finding in answer["findings"]:
            self.assertLessEqual({"where", "message", "advice"}, set(finding))


class Explain(Case):
    def explain(self, *args, **more):
        return self.command("policy", "explain", "--policy", self.allowed, *args, **more)

    def setUp(self):
        super().setUp()
        (self.folder / "open").mkdir()
        self.allowed = self.policy(capabilities=["fs_read", "net_http", "exec_run"], allowed_paths=[str(self.folder / "open")],
                                   allowed_hosts=["api.example.com", {"host": "read.example.com", "methods": ["GET"]}],
                                   allowed_commands=["true", {"command": "cat", "args": ["-n"]}])

    def test_allowed_is_0(self):
        for request in (["fs_read", str(self.folder / "open/a")], ["net_http", "https://api.example.com/x"],
                        ["net_http", "POST https://api.example.com/x"], ["net_http", "CONNECT api.example.com:443"], ["exec_run", "true"], ["exec_run", "cat -n x"],
                        ["exec_run", "--", "cat", "-n", "x"]):
            done = self.explain(*request)
            self.assertEqual(done.code, 0, f"{request} {done}")
            self.assertIn(b"allowed", done.out)
            self.assertIn(b"rule    allowed_", done.out)

    def test_denied_is_126_with_reason_and_remedy(self):
        for request in (["fs_read", "/etc/passwd"], ["fs_write", str(self.folder / "open/a")], ["net_http", "https://example.com/"],
                        ["net_http", "POST https://read.example.com/"], ["net_http", "https://api.example.com:8443/"],
                        ["net_http", "CONNECT example.com:443"], ["exec_run", "id"], ["exec_run", "cat x"]):
            done = self.explain(*request)
            self.assertEqual(done.code, 126, f"{request} {done}")
            for part in (b"denied", b"reason ", b"remedy "):
                self.assertIn(part, done.out, request)
            done = self.explain("--json", *request)
            answer = self.one_object(done)
            self.assertEqual((done.code, answer["allowed"], answer["resource"]), (126, False, request[1]))
            self.assertTrue(answer["reason"] and answer["remedy"], request)

    def test_relative_paths_belong_to_the_working_folder(self):
        self.assertEqual(self.explain("fs_read", "a", cwd=self.folder / "open").code, 0)
        self.assertEqual(self.explain("fs_read", "a").code, 126)

    def test_has_no_effect(self):
        self.explain("exec_run", "true")
        self.explain("fs_write", str(self.folder / "open/a"))
        self.assertEqual(os.listdir(self.folder / "open"), [])

    def test_wrong_capability(self):
        self.assert_ends(self.explain("fs_raed", "/x"), 2, "did you mean fs_read?")
        self.assert_ends(self.explain("fs_read", "/a", "/b"), 2, "one path")

    def test_without_a_policy(self):
        done = self.command("policy", "explain", "fs_read", "/x")
        self.assertEqual(done.code, 126)
        self.assertIn(b"--policy", done.out)


class Schema(Case):
    def test_is_a_json_schema(self):
        done = self.command("policy", "schema")
        schema = json.loads(done.out)
        self.assertEqual(done.code, 0)
        self.assertIn("2020-12", schema["$schema"])
        self.assertIn("allowed_paths", schema["properties"])


if __name__ == "__main__":
    support.main()
