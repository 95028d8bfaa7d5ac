"""The module cache, as users and scripts see it."""

import os
import stat

import support
from support import Case


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
