"""`omnisandbox completion SHELL`: scripts that the shells themselves accept, with the commands and options in them."""

import shutil
import subprocess

import support
from support import Case


class Completion(Case):
    def script(self, shell):
        done = self.command("completion", shell)
        self.assertEqual(done.code, 0, done.err)
        return done.out.decode()

    def test_bash_completes_commands_and_options(self):
        script = self.write("completion.bash", self.script("bash"))
        def completions(*words):
            typed = " ".join(f"'{word}'" for word in words)
            ask = f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; $(complete -p omnisandbox | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' \"${{COMPREPLY[@]}}\""
            return subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=support.HANG_SECONDS, check=True).stdout.split()
        self.assertIn("policy", completions("omnisandbox", "po"))
        self.assertEqual(completions("omnisandbox", "policy", "exp"), ["explain"])
        self.assertIn("--policy", completions("omnisandbox", "run", "--pol"))

    def test_every_shell_has_one_with_all_commands(self):
        for shell in ("bash", "zsh", "fish"):
            with self.subTest(shell=shell):
                script = self.script(shell)
                for word in ("explain", "doctor", "--timeout"):
                    self.assertIn(word, script)
                if shutil.which(shell):
                    path = self.write(f"completion.{shell}", script)
                    checked = subprocess.run([shell, "-n", path], capture_output=True, text=True, timeout=support.HANG_SECONDS)
                    self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_fish_asks_for_each_word_of_a_command(self):
        self.assertIn("'__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from explain'", self.script("fish"))

    def test_another_shell_is_a_wrong_use(self):
        done = self.command("completion", "tcsh")
        self.assertEqual(done.code, 2)
        self.assertIn("bash, zsh and fish", done.err)


if __name__ == "__main__":
    support.main()
