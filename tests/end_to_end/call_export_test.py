"""`omnisandbox call-export`, and components under `run`."""

import support
from support import Case

MODULE = """(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "fail") unreachable)
  (func (export "spin") (loop $again (br $again))))"""

COMPONENT = """(component
  (core module $m (func (export "add") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" u64) (param "b" u64) (result u64) (canon lift (core func $i "add"))))"""


class CallExport(Case):
    def test_lists_and_calls_a_module(self):
        path = self.write("m.wat", MODULE)
        done = self.command("call-export", path)
        self.assertEqual((done.code, done.out), (0, b"add: func(i32, i32) -> i32\nfail: func()\nspin: func()\n"))
        done = self.command("call-export", path, "add", "2", "-40")
        self.assertEqual((done.code, done.out), (0, b"-38\n"))
        done, result = self.run_json("call-export", "--json", path, "add", "2", "40")
        self.assertEqual((result["status"], result["value"], result["stdout"]), ("ok", "42", ""))

    def test_lists_and_calls_a_component(self):
        path = self.write("c.wat", COMPONENT)
        self.assertEqual(self.command("call-export", path).out, b"add: func(a: u64, b: u64) -> u64\n")
        self.assertEqual(self.command("call-export", path, "add", "18446744073709551614", "1").out, b"18446744073709551615\n")
        self.assert_ends(self.command("call-export", path, "add", "-1", "1"), 125, "the argument a must be u64")

    def test_ends(self):
        path = self.write("m.wat", MODULE)
        self.assert_ends(self.command("call-export", path, "fail"), 134, "unreachable")
        self.assert_ends(self.command("call-export", "--timeout", "300ms", path, "spin"), 124)
        self.assert_ends(self.command("call-export", path, "absent"), 127, "absent")
        self.assert_ends(self.command("call-export", path, "add", "1"), 125, "takes 2 arguments")
        self.assert_ends(self.command("call-export", path, "add", "1", "one"), 125, "must be i32")
        self.assert_ends(self.command("call-export", "absent.wasm", "add"), 127)
        self.assert_ends(self.command("call-export"), 2)


if __name__ == "__main__":
    support.main()
