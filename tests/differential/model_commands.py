"""What a policy says of commands, written down without a thought for speed, from docs/policy_reference.md and docs/guide.md."""
import functools
import os
import re

SEARCH_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")


def glob_matches(glob, argument):
    """"*" any characters, "/" as well; "?" one; "[a-z]" one of a set."""
    expression = ""
    place = 0
    while place < len(glob):
        if glob[place] == "*":
            expression += ".*"
        elif glob[place] == "?":
            expression += "."
        elif glob[place] == "[":
            end = glob.index("]", place)
            expression += glob[place:end + 1]
            place = end
        else:
            expression += re.escape(glob[place])
        place += 1
    return re.fullmatch(expression, argument, re.DOTALL) is not None


@functools.lru_cache(maxsize=None)
def spellings_of(name):
    """Every absolute path that names the file which the bare name means; empty where there is none."""
    for folder in SEARCH_PATH:
        found = f"{folder}/{name}"
        if os.path.exists(found):
            return {f"{other}/{name}" for other in SEARCH_PATH
                    if os.path.exists(f"{other}/{name}") and os.path.realpath(f"{other}/{name}") == os.path.realpath(found)}
    return set()


def is_name(command):
    """A bare name, or an absolute path without ".", ".." and "//"."""
    if "\0" in command or command in ("", ".", ".."):
        return False
    if "/" not in command:
        return len(command) <= 255
    return command.startswith("/") and all(part not in ("", ".", "..") for part in command[1:].split("/")) and len(command) < 4096


class CommandLayer:
    def __init__(self, config, paths):
        """`paths`: of this layer and of those that it narrows."""
        self.granted = "exec_run" in config.get("capabilities", [])
        self.paths = paths
        self.rules = [rule if isinstance(rule, dict) else {"command": rule} for rule in config.get("allowed_commands", [])]
        self.errors = [f"allowed_commands[{index}]" for index, rule in enumerate(self.rules)
                       if rule["command"] != "*" and not is_name(rule["command"])]

    def is_writable(self, path):
        """Whether this policy or one that it narrows can write the file: running it would be running what was written."""
        names = tuple(name for name in path.split("/") if name)
        return any("fs_write" in paths.capabilities and paths.judge(names[:length])[0] == 2
                   for paths in self.paths for length in range(len(names) + 1))

    def spellings(self, listed):
        """Every name under which a rule's command may be asked for; empty where there is no such file."""
        if "/" not in listed:
            found = spellings_of(listed)
            return found | {listed} if found else set()
        if not os.path.exists(listed):
            return set()
        base = os.path.basename(listed)
        others = spellings_of(base)
        same = others if any(os.path.realpath(other) == os.path.realpath(listed) for other in others) else set()
        return same | {listed, base}

    def is_trusted(self, spellings):
        """It is a program, nobody else can write the file or a folder above it, and neither can the policy."""
        real = os.path.realpath(next(name for name in spellings if name.startswith("/")))
        if not os.path.isfile(real) or not os.stat(real).st_mode & 0o111:
            return False
        above = [real[:place] or "/" for place, character in enumerate(real) if character == "/"]
        return not any(os.stat(path).st_mode & 0o022 for path in [real, *above]) and not self.is_writable(real)

    def takes(self, rule, arguments):
        first = rule.get("args", [])
        globs, regexes = rule.get("arg_globs", []), rule.get("arg_regexes", [])
        if arguments[:len(first)] != first:
            return False
        if not globs and not regexes:
            return True
        return all(any(glob_matches(glob, argument) for glob in globs) or any(re.fullmatch(regex, argument) for regex in regexes)
                   for argument in arguments[len(first):])

    def allows(self, command, arguments):
        """"listed" where a rule that names the command allows it, "star" where only "*" does, else None."""
        if not self.granted or not is_name(command):
            return None
        for rule in self.rules:
            spellings = self.spellings(rule["command"]) if rule["command"] != "*" else set()
            if command in spellings and self.is_trusted(spellings) and self.takes(rule, arguments):
                return "listed"
        return "star" if any(rule["command"] == "*" and self.takes(rule, arguments) for rule in self.rules) else None


def answer(layers, text):
    command, *arguments = [word for word in text.split(" ") if word] or [""]
    for layer in layers:
        allowed = layer.allows(command, arguments)
        spellings = layer.spellings(command)
        # "*" means trusted commands: what the policy could have written is none of them.
        if allowed is None or (allowed == "star" and spellings and not layer.is_trusted(spellings)):
            return False
    return True
