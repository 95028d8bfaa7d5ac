"""The module cache, as users and scripts see it."""

import hashlib
import os
import pathlib
import stat
import time

import support
from support import Case


def exits_with(code):
    """A module in binary form whose _start calls proc_exit."""
    def section(number, content):
        return bytes([number, len(content)]) + content

    def name(text):
        return bytes([len(text)]) + text
    return (b"\0asm\1\0\0\0" + section(1, b"\2\x60\1\x7f\0\x60\0\0")
            + section(2, b"\1" + name(b"wasi_snapshot_preview1") + name(b"proc_exit") + b"\0\0") + section(3, b"\1\1")
            + section(5, b"\1\0\1") + section(7, b"\1" + name(b"_start") + b"\0\1")
            + section(10, b"\1\6\0\x41" + bytes([code]) + b"\x10\0\x0b"))


class ModuleCache(Case):
    def setUp(self):
        super().setUp()
        self.env = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "caches"), "HOME": str(self.folder / "home")}
        self.cache = self.folder / "caches" / "omnisandbox"

    def run_module(self, *args, env=None):
        _, result = self.run_json("run", "--json", *args, env=env or self.env)
        return result

    def test_the_second_run_is_a_hit(self):
        module = self.write("a.wat", support.printer(b"once"))
        self.assertEqual([self.run_module(module)["module_cache"] for _ in range(3)], ["miss", "hit", "hit"])
        self.assertEqual(self.run_module(module)["stdout"], "once")
        self.assertEqual(stat.S_IMODE(self.cache.stat().st_mode), 0o700)
        other = self.write("b.wat", support.printer(b"other"))
        self.assertEqual(self.run_module(other)["stdout"], "other")

    def test_ls_and_clear(self):
        self.assertEqual(self.one_object(self.command("cache", "ls", "--json", env=self.env)), {"modules": [], "total_bytes": 0})
        self.run_module(self.write("a.wat", support.EMPTY))
        self.run_module(self.write("b.wat", support.TRAP))
        listed = self.one_object(self.command("cache", "ls", "--json", env=self.env))
        self.assertEqual(len(listed["modules"]), 2)
        self.assertEqual(listed["total_bytes"], sum(module["size_bytes"] for module in listed["modules"]))
        self.assertIn(b"2 modules", self.command("cache", "ls", env=self.env).out)
        self.assertEqual(self.one_object(self.command("cache", "clear", "--json", env=self.env)), {"removed": 2})
        self.assertEqual(self.one_object(self.command("cache", "ls", "--json", env=self.env))["modules"], [])
        self.assertEqual(self.run_module(str(self.folder / "a.wat"))["module_cache"], "miss")

    def test_a_forged_entry_is_compiled_again(self):
        module = self.write("a.wat", support.printer(b"genuine"))
        self.run_module(module)
        entry = next(path for path in self.cache.iterdir() if path.suffix == ".compiled")
        content = bytearray(entry.read_bytes())
        content[-50] ^= 1
        entry.write_bytes(content)
        result = self.run_module(module)
        self.assertEqual((result["module_cache"], result["stdout"]), ("miss", "genuine"))
        self.assertEqual(self.run_module(module)["module_cache"], "hit")

    def test_a_file_that_was_changed_is_never_taken_for_what_it_was(self):
        seven, eight = (self.write(name, exits_with(code)) for name, code in (("seven.wasm", 7), ("eight.wasm", 8)))
        module = self.write("a.wasm", pathlib.Path(seven).read_bytes())
        self.assertEqual(self.run_module(module)["module_cache"], "miss")
        time.sleep(2.1)  # until a change of the file is sure to have another time
        known = {}
        for _ in range(3):
            result = self.run_module(module)
            self.assertEqual((result["module_cache"], result["exit_code"]), ("hit", 7))
            records = {path.name: path.stat().st_ino for path in self.cache.iterdir() if path.suffix == ".checked" or "module-" in path.name}
            self.assertEqual(records, known or records)
            known = records
        before = os.stat(module)
        with open(module, "r+b") as file:
            file.write(pathlib.Path(eight).read_bytes())
        os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(self.run_module(module)["exit_code"], 8)
        digest = hashlib.sha256(pathlib.Path(seven).read_bytes()).hexdigest()
        self.assert_ends(self.command("run", f"{module}@sha256:{digest}", env=self.env), 125, "is pinned")

    def test_a_folder_that_others_can_write_is_not_used(self):
        module = self.write("a.wat", support.EMPTY)
        self.run_module(module)
        self.cache.chmod(0o777)
        self.assertEqual(self.run_module(module)["module_cache"], "none")
        self.assert_ends(self.command("cache", "ls", env=self.env), 125, "belong to this user")

    def test_a_place_is_needed_only_for_the_cache(self):
        env = {name: value for name, value in self.env.items() if name not in ("XDG_CACHE_HOME", "HOME")}
        self.assertEqual(self.run_module(self.write("a.wat", support.EMPTY), env=env)["module_cache"], "none")
        self.assert_ends(self.command("cache", "ls", env=env), 125, "XDG_CACHE_HOME")
        env["XDG_CACHE_HOME"] = "relative"
        env["HOME"] = str(self.folder / "home")
        self.assertEqual(self.run_module(str(self.folder / "a.wat"), env=env)["module_cache"], "miss")
        self.assertTrue((self.folder / "home" / ".cache" / "omnisandbox").is_dir())

    def test_compile_makes_a_file_that_runs_here_and_nowhere_else(self):
        module = self.write("a.wat", support.printer(b"compiled"))
        output = self.folder / "a.compiled.wasm"
        self.assert_ends(self.command("compile", module, env=self.env), 2, "--output")
        self.assertEqual(self.command("compile", module, "-o", output, env=self.env).code, 0)
        self.assertEqual(self.run_module(str(output))["stdout"], "compiled")
        other = {**self.env, "XDG_CACHE_HOME": str(self.folder / "another")}
        self.assert_ends(self.command("run", output, env=other), 125, "made under another key")
        forged = bytearray(output.read_bytes())
        forged[-10] ^= 1
        self.assert_ends(self.command("run", self.write("forged.wasm", bytes(forged)), env=self.env), 125, "was changed")
        self.assert_ends(self.command("compile", self.write("bad.wasm", b"\0asm"), "-o", output, env=self.env), 125)
        self.assertEqual(self.run_module(str(output))["stdout"], "compiled")
        self.assert_ends(self.command("compile", "absent.wasm", "-o", output, env=self.env), 127, "absent.wasm")


if __name__ == "__main__":
    support.main()
