"""What a policy says of paths, written down without a thought for speed.

A path is a tuple of names beneath "/"; the file system is a dictionary that the questions were made from. The meaning is that
of docs/policy_reference.md, docs/guide.md and docs/decisions/0003: links and ".." are followed inside what is open, what they
lead to is judged, and the longest rule that covers it decides.
"""
import fnmatch

READ, WRITE = "fs_read", "fs_write"
MOST_LINKS = 40
# Of the built-in secrets, those that the questions use: pattern and what is left of the access.
SECRETS = [("**/.ssh", 0), ("**/.env", 0), ("**/.aws", 0), ("**/.git/hooks", 0), ("**/.git/config", 1),
           ("/proc/*/environ", 0)]
LEVEL = {"none": 0, "read": 1, "read_write": 2, "automatic": 2}


def names_of(text):
    return tuple(name for name in text.split("/") if name not in ("", "."))


class Tree:
    """Folders, files and links: {path: "folder" | "file" | link's target as text}."""

    def __init__(self, nodes):
        self.nodes = nodes

    def link_at(self, path):
        kind = self.nodes.get(path)
        return None if kind in (None, "folder", "file") else kind[len("link:"):]

    def real(self, path):
        """The path without links, as the kernel walks it; None where it does not exist."""
        done, left, links = (), list(path), 0
        while left:
            name = left.pop(0)
            if name == "..":
                done = done[:-1]
                continue
            target = self.link_at(done + (name,))
            if target is not None:
                links += 1
                if links > MOST_LINKS:
                    return None
                if target.startswith("/"):
                    done = ()
                left = list(names_of(target)) + left
            elif done + (name,) not in self.nodes or (left and self.nodes[done + (name,)] == "file"):
                return None
            else:
                done += (name,)
        return done


def wildcard(name, pattern):
    return fnmatch.fnmatchcase(name, pattern)


def pattern_ends_at(path, end, pattern):
    """Whether "**/a/b", or "/a/b", matches so that its last name is path[end - 1]."""
    wanted = pattern.removeprefix("**")[1:].split("/")
    first = end - len(wanted)
    return first >= 0 and (first == 0 or pattern.startswith("**")) and all(wildcard(path[first + i], wanted[i]) for i in range(len(wanted)))


class PathLayer:
    """One Config's allowed_paths."""

    def __init__(self, config, tree):
        self.capabilities = set(config.get("capabilities", []))
        self.tree = tree
        self.errors = []
        self.rules = []     # (path, level, is_file, index)
        self.patterns = []  # text
        self.spellings = []  # (as written, real)
        for index, rule in enumerate(config.get("allowed_paths", [])):
            self.add(rule if isinstance(rule, dict) else {"path": rule}, index)
        self.secrets = [] if config.get("allow_secrets") else SECRETS

    def add(self, rule, index):
        text, access = rule["path"], rule.get("access", "automatic")
        if text.startswith("**/"):
            if access == "none":
                self.patterns.append(text)
            else:
                self.errors.append(f"allowed_paths[{index}]")
            return
        if text == "*":
            text = "/"
        if not text.startswith("/"):
            self.errors.append(f"allowed_paths[{index}]")
            return
        written = names_of(text)
        path = self.tree.real(written)
        if path is None:
            if access != "none":
                self.errors.append(f"allowed_paths[{index}]")
                return
            path = written  # what is not there yet is taken away under the name that was written
        elif path != written:
            self.spellings.append((written, path))
        self.rules.append((path, LEVEL[access], self.tree.nodes.get(path) == "file", index))

    def judge(self, path):
        """(what is open: 0, 1 or 2; the deciding rule's index or None)."""
        covering = [rule for rule in self.rules if path[:len(rule[0])] == rule[0]]
        if not covering:
            return 0, None
        longest = max(len(rule[0]) for rule in covering)
        deciding = [rule for rule in covering if len(rule[0]) == longest]
        # Of two rules for one path, the stricter one; a single file opens itself and nothing beneath.
        level = min(0 if rule[2] and path != rule[0] else rule[1] for rule in deciding)
        for pattern in self.patterns:
            # Only a longer rule wins over a user's own "none".
            if any(pattern_ends_at(path, end, pattern) for end in range(max(longest, 1), len(path) + 1)):
                level = 0
        for pattern, left in self.secrets:
            # A rule that names a secret, or something inside it, opens it.
            if any(pattern_ends_at(path, end, pattern) for end in range(longest + 1, len(path) + 1)):
                level, deciding = min(level, left), []
        return level, deciding[0][3] if len(deciding) == 1 else None

    def allows(self, capability, path):
        level, _ = self.judge(path)
        return capability in self.capabilities and level >= (2 if capability == WRITE else 1)


def is_open(layers, path):
    """Whether the policy lets somebody read or write it: only there anything is looked at."""
    return any(all(layer.allows(use, path) for layer in layers) for use in (READ, WRITE))


def is_above_a_root(layers, path):
    """On the way to something that a rule of one of the layers opens, whatever its capabilities make of it."""
    return any(path == rule[0][:len(path)] and path != rule[0] and rule[1] > 0
               for layer in layers for rule in layer.rules)


def spelled(layers, path):
    """The path with the beginning that a rule was written with replaced by where that leads; None where no rule begins so."""
    found = [pair for pair in layers[-1].spellings if path[:len(pair[0])] == pair[0]]
    if not found:
        return None
    written, real = max(found, key=lambda pair: len(pair[0]))
    return real + path[len(written):]


def resolve(layers, tree, path):
    """(where `path` leads, whether its last name is a dangling link); None where the way leaves what is open, and "loop"."""
    done, left, links = (), list(path), 0
    last_was_link = False
    while left:
        name = left.pop(0)
        if name == "..":
            done = done[:-1]
            if not is_open(layers, done) and not is_above_a_root(layers, done):
                return None, False
            continue
        here = done + (name,)
        if not is_open(layers, here):
            if is_above_a_root(layers, here):
                done = here
                continue
            up_to = left.index("..") if ".." in left else len(left)
            real = spelled(layers, here + tuple(left[:up_to]))
            links += 1
            if real is None or links > MOST_LINKS:
                return ("loop" if real else None), False
            done, left = (), list(real) + left[up_to:]
            continue
        target = tree.link_at(here)
        if target is None:
            done = here
            continue
        links += 1
        if links > MOST_LINKS:
            return "loop", False
        last_was_link = last_was_link or not left
        done = () if target.startswith("/") else done
        left = list(names_of(target)) + left
    return done, last_was_link and done not in tree.nodes


def answer(layers, tree, capability, text):
    """(allowed, index of the innermost layer's deciding rule, where that is certain)."""
    if not text.startswith("/") or "\0" in text or len(text) > 4095:
        return False, None
    path = names_of(text)
    if any(len(name) > 255 for name in path):
        return False, None
    if any(capability not in layer.capabilities for layer in layers):
        return False, None
    leads_to, dangling = resolve(layers, tree, path)
    if leads_to == "loop":
        return None, None  # nothing can be opened there; what is said of it is not defined
    if leads_to is None:
        return False, None
    if dangling and capability == WRITE:
        return False, None
    return all(layer.allows(capability, leads_to) for layer in layers), layers[-1].judge(leads_to)[1]
