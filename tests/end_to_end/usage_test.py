"""What the command line says to whoever uses it wrongly, and what it shows on a terminal."""

import os
import pty
import resource
import subprocess

import slow_modules
import support
from support import Case


class Suggestions(Case):
    def test_commands(self):
        for written, meant in (("rnu", "run"), ("evla", "eval"), ("doctro", "doctor"), ("polcy", "policy"), ("mpc", "mcp")):
            self.assert_ends(self.command(written), 2, f'unknown command "{written}"; did you mean {meant}?; the commands are run, ')

    def test_nested_commands(self):
        for parent, written, meant in (("policy", "explian", "explain"), ("policy", "chekc", "check"), ("call", "fs_raed", "fs_read"),
                                       ("call", "htpt_fetch", "http_fetch"), ("cache", "claer", "clear"), ("audit", "qurey", "query")):
            self.assert_ends(self.command(parent, written), 2, f'unknown command "{parent} {written}"; did you mean {meant}?')

    def test_options(self):
        for args, name, meant in ((["run", "--polcy=p.yaml", "x"], "--polcy", "--policy"), (["eval", "--lnag", "x"], "--lnag", "--lang"),
                                  (["policy", "explain", "--polici", "p"], "--polici", "--policy"), (["mcp", "--htpt", "x"], "--htpt", "--http"),
                                  (["mcp", "--tolls", "x"], "--tolls", "--tools"), (["cache", "ls", "--jsno"], "--jsno", "--json"),
                                  (["call", "fs_read", "--tiemout", "1s", "/x"], "--tiemout", "--timeout")):
            self.assert_ends(self.command(*args), 2, f"unknown option {name} of ", f"did you mean {meant}?", "--help")

    def test_nothing_near_is_no_suggestion(self):
        for args in (["zzzzzz"], ["policy", "zzzzzz"], ["run", "--zzzzzz"]):
            done = self.command(*args)
            self.assertEqual(done.code, 2)
            self.assertNotIn("did you mean", done.err)

    def test_as_json(self):
        result = self.one_object(self.command("run", "--json", "--polcy", "x"))
        self.assertIn("did you mean --policy?", result["error"]["message"])

    def test_control_characters_are_not_repeated(self):
        for args in (["\x1b[2J"], ["run", "--\x1b[2J"], ["policy", "a\nb"]):
            done = self.command(*args)
            self.assertEqual((done.code, done.err.count("\n")), (2, 1), str(done))
            self.assertNotIn("\x1b", done.err)


class Terminal(Case):
    """A module that takes its time to compile."""

    # More than what goes by without a word, and less than what takes patience.
    SECONDS = 0.55
    functions = 100  # that take so long, found by the first test
    is_measured = False

    def setUp(self):
        super().setUp()
        # On one processor no compiling takes less than its processor time, whatever else the machine does.
        processors = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(processors)})
        self.addCleanup(os.sched_setaffinity, 0, processors)
        while not Terminal.is_measured:
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            done = self.command("compile", self.module(), "-o", "out.wasm", env=self.environment())
            took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            self.assertEqual(done.code, 0, str(done))
            if took > self.SECONDS:
                Terminal.is_measured = True
            else:
                Terminal.functions = int(Terminal.functions * min(8, 1.2 * self.SECONDS / took + 0.1))

    def module(self):
        return self.write("slow.wasm", slow_modules.module(Terminal.functions, steps=300))

    def environment(self, **more):
        return {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), "TERM": "xterm", **more}

    def on_terminal(self, *args, **more):
        """What comes out of a terminal that is standard error."""
        ours, theirs = pty.openpty()
        with open(theirs, "wb", buffering=0) as terminal:
            process = subprocess.Popen([support.COMMAND, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal,
                                       cwd=self.folder, env=self.environment(**more))
        self.addCleanup(support.end, process)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # nobody has the other end any more
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
        self.assertEqual(process.wait(timeout=support.HANG_SECONDS), 0, shown)
        return shown.decode()

    def test_compiling_is_shown_on_a_terminal_and_taken_away(self):
        ways = ((["run"], []), (["compile"], ["-o", "out.wasm"]), (["call-export"], ["f1"]))
        for before, after in ways if support.THOROUGH else ways[:1]:
            shown = self.on_terminal(*before, self.module(), *after)
            self.assertIn("omnisandbox: compiling ", shown, before)
            self.assertTrue(shown.endswith("\r\x1b[K"), shown[-80:])

    def test_nowhere_else(self):
        self.assertEqual(self.on_terminal("run", self.module(), TERM="dumb"), "")
        done = self.command("run", self.module(), env=self.environment())
        self.assertEqual((done.code, done.err), (0, ""))


if __name__ == "__main__":
    support.main()
