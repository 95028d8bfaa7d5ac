"""The component's export: runs snippets of Python. Everything imported here is part of the memory image that each
evaluation starts from, so what is imported often costs nothing at run time."""

import archive

archive.load_common_modules()
archive.pack_other_modules()

import event_loop
import host_module
import snippets
from wit_world import Outcome, Snippet
from wit_world import WitWorld as World

event_loop.install()
host_module.install()
snippets.prepare()


class WitWorld(World):
    def evaluate(self, snippet: Snippet) -> Outcome:
        try:
            return snippets.evaluate(snippet)
        except BaseException:  # the snippet broke what its end is told with
            return snippets.failed
