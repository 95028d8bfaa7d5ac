"""docs/omnisandbox.1 names every command and every exit status that the command line has."""

import pathlib
import re

import support
from support import Case

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "omnisandbox.1").read_text(encoding="utf-8").replace("\\-", "-")


def names(text):
    """The words of a page's bold entries."""
    return set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\.BR? (.*)$", text, re.M))))


class Manual(Case):
    def test_every_command_is_in_it(self):
        listed = self.command("--help").out.decode().split("Subcommands:")[1].split("\n\n")[0]
        commands = re.findall(r"^  (\S+) ", listed, re.M)
        self.assertIn("run", commands)
        self.assertEqual(set(commands) - names(PAGE), set())

    def test_every_exit_status_is_in_it(self):
        told = set(re.findall(r"\b1\d\d\b", self.command("--help").out.decode()))
        self.assertIn("126", told)
        self.assertEqual(told - names(PAGE), set())


if __name__ == "__main__":
    support.main()
