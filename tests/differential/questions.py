"""Random file systems, policies and questions. Few names, so that rules and questions meet often; many of the forms that an
attacker would try."""

FILES = ["work/a.txt", "work/sub/b.txt", "work/sub/deep/c", "work/key.pem", "work/.env", "work/.ssh/id", "work/.git/config",
         "work/.git/HEAD", "work/.git/hooks/x", "work-evil/a.txt", "other/d", "other/.aws/credentials", "other/private/e"]
FOLDERS = ["work/empty", "other/open"]
LINK_NAMES = ["work/link", "work/sub/up", "other/in", "work/to_other", "alias", "other/deep_link", "work/dangling", "work/chain"]
LINK_TARGETS = ["a.txt", "sub", "..", "../other", "$TMP/other/d", "$TMP/work", "/", "$TMP", "absent", "../work/absent/x", ".ssh",
                ".git/config", "sub/../key.pem", "../work-evil", "$TMP/other/private", "link", "chain", "work", "../../alias",
                "/proc/self/environ", "$TMP/alias/a.txt", "dangling/x"]
TAILS = ["", "/", "/a.txt", "/sub", "/sub/b.txt", "/new", "/absent/x", "/../other/d", "/sub/../a.txt", "/..", "/./a.txt", "//a.txt",
         "/.env", "/.ssh/id", "/.git/HEAD", "/.git/config", "/key.pem", "/private/e", "/link", "/link/d", "/up/a.txt", "/to_other/d",
         "/in/a.txt", "/dangling", "/dangling/x", "/chain", "/deep_link/x", "/sub/up/key.pem", "/.git/hooks/x", "/d", "/work/a.txt",
         "/a.txt/", "/a.txt/b", "/other/.aws/credentials", "/alias/a.txt", "/../alias/d", "/sub/deep/c", "/\\x", "/é"]
HEADS = ["", "/work", "/work", "/work", "/work/sub", "/other", "/other", "/work-evil", "/alias", "/wor", "/work/../work"]
HOSTS = ["a.example", "b.example", "x.a.example", "y.x.a.example", "A.Example", "a.example.", "aa.example", "a.example.evil.test",
         "localhost", "LOCALHOST", "x.localhost", "api.example.com", "münchen.example", "MÜNCHEN.example", "xn--mnchen-3ya.example",
         "api。example。com", "a..example", ".a.example", "a_b.example", "-a.example", "", "a.example%2eevil.test"]
ADDRESSES = ["127.0.0.1", "10.1.2.3", "8.8.8.8", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1", "1.1.1.1",
             "255.255.255.255", "172.16.0.1", "203.0.113.9"]
ADDRESSES_6 = ["[::1]", "[::]", "[2606:4700::1111]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]",
               "[64:ff9b::7f00:1]", "[ff02::1]", "[2001:db8::1]", "[::1", "[fe80::1%25eth0]", "[0:0:0:0:0:0:0:1]"]
RULE_HOSTS = ["a.example", "A.EXAMPLE.", "*.a.example", "*.example", "*", "b.example", "localhost", "127.0.0.1", "10.0.0.0/8",
              "8.8.8.8", "[::1]", "0.0.0.0/0", "münchen.example", "api.example.com", "[::ffff:127.0.0.1]", "fc00::/7"]
WRONG_HOSTS = ["a.*.example", "10.1.2.3/8", "a..example", "1.2.3.4.5", "[::1"]
URL_PATHS = ["", "/", "/public", "/public/", "/public/x", "/publicity", "/public/../private", "/public/%2e%2e/private", "/private",
             "/public/..%2fprivate", "/public/%252e%252e/private", "/public/x/../y", "/%70ublic/x", "/public/..;x/private",
             "/./public/x", "//public/x", "/public/.", "/x/..", "/../public/", "/public?x=/private", "/private#/public/", "/PUBLIC/x"]
PREFIXES = ["", "", "", "/public/", "/public", "/"]
METHODS = ["", "", "GET ", "POST ", "HEAD ", "CONNECT ", "TRACE ", "PROPFIND "]
PORTS = ["", "", "", ":443", ":80", ":8080", ":8443", ":0", ":65536", ":08080", ":x", ":"]
COMMANDS = ["ls", "cat", "env", "head", "/usr/bin/ls", "/bin/ls", "/usr/bin/env", "/usr/bin/cat", "./ls", "../ls", "/tmp/ls", "no-such-tool",
            "LS", "/usr/bin/../bin/ls", "/usr//bin/ls", "ls\0", "", "/", "sh", "/usr/bin/head", "$TMP/work/a.txt", "ls;id", "."]
LISTED = ["ls", "cat", "env", "head", "/usr/bin/env", "/usr/bin/ls", "/bin/cat", "*", "no-such-tool", "sh"]
ARGUMENTS = ["a", "b", "-x", "-xy", "/tmp/1", "/etc/passwd", "a.txt", "12", "$(id)", "--all"]
GLOBS = ["*", "/tmp/*", "-?", "[ab]", "*.txt", "-[x-z]*", "a?txt"]
REGEXES = ["[ab]", ".*", "-[a-z]+", "[0-9]{1,2}", "/tmp/.", "a|b"]
CAPABILITIES = ["fs_read", "fs_write", "net_http", "exec_run"]


class Source:
    """`random` decides everything: the same seed asks the same."""

    def __init__(self, random, folder):
        self.random = random
        self.folder = folder

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def tree(self):
        """{name beneath the folder: "folder" | "file" | "link:TARGET"}"""
        nodes = {}
        for name in FILES + FOLDERS:
            if self.chance(90):
                parts = name.split("/")
                for length in range(1, len(parts)):
                    nodes.setdefault("/".join(parts[:length]), "folder")
                nodes[name] = "file" if name in FILES else "folder"
        for name in LINK_NAMES:
            parent = name.rpartition("/")[0]
            if self.chance(60) and name not in nodes and (not parent or nodes.get(parent) == "folder"):
                nodes[name] = "link:" + self.random.choice(LINK_TARGETS).replace("$TMP", self.folder)
        return nodes

    def config(self, paths):
        """A policy as data. `paths` are names beneath the folder that rules may use."""
        some = self.random.randrange
        config = {"version": 1, "capabilities": [name for name in CAPABILITIES if self.chance(92)]}
        config["allowed_paths"] = [self.path_rule(paths) for _ in range(1 + some(5))]
        config["allowed_hosts"] = [self.host_rule() for _ in range(some(7))]
        config["allowed_commands"] = [self.command_rule() for _ in range(some(6))]
        if self.chance(15):
            config["allow_secrets"] = True
        for name, most in (("timeout", 60_000), ("max_output_bytes", 4_000_000), ("max_write_bytes", 10**9), ("max_processes", 100),
                           ("max_files_created", 20_000), ("max_open_files", 500), ("max_concurrent_runs", 100),
                           ("max_host_calls", 2_000_000), ("memory_limit_mb", 1000), ("cpu_time_limit", 60_000),
                           ("fuel_limit", 10**6), ("max_file_bytes", 4_000_000), ("max_response_bytes", 4_000_000)):
            if self.chance(15):
                config[name] = 1 + some(most)
        return config

    def path_rule(self, paths):
        pick = self.random.choice
        if self.chance(15):
            return {"path": pick(["**/.git", "**/*.pem", "**/sub", "**/a.txt", "**/sub/*", "**/private", "**/c?", "**/.env"]),
                    "access": "none"}
        if self.chance(2):
            return pick([{"path": "**/sub", "access": "read"}, "relative", "", "~/x"])
        if self.chance(10):
            path = pick(["*", "/"])
        else:
            path = self.folder + ("/" + pick(paths) if self.chance(93) else "")
        access = pick(["automatic", "automatic", "read", "read_write", "none"])
        return {"path": path, "access": access} if access != "automatic" or self.chance(20) else path

    def host_rule(self):
        pick = self.random.choice
        host = pick(WRONG_HOSTS) if self.chance(2) else pick(RULE_HOSTS)
        text = host
        if "/" not in host:
            colons = host.count(":") > 0 and not host.startswith("[")
            text = pick(["", "", "https://", "http://"]) + host
            text += "" if colons else pick(["", "", "", ":8080", ":8000-9000", ":443"])
            text += pick(PREFIXES)
        elif ":" not in host:
            text += pick(["", ":8000-9000"])
        if not self.chance(30):
            return text
        return {"host": text, "methods": pick([["GET"], ["POST", "GET"], ["CONNECT"], ["HEAD"], ["get"] if self.chance(5) else ["PUT"]])}

    def command_rule(self):
        pick, some = self.random.choice, self.random.randrange
        rule = {"command": pick(["./x", "/usr/../bin/ls"]) if self.chance(2) else pick(LISTED)}
        if self.chance(40):
            rule["args"] = [pick(ARGUMENTS) for _ in range(1 + some(2))]
        if self.chance(25):
            rule["arg_globs"] = [pick(GLOBS) for _ in range(1 + some(2))]
        if self.chance(20):
            rule["arg_regexes"] = [pick(REGEXES)]
        return rule if len(rule) > 1 or self.chance(30) else rule["command"]

    def question(self):
        kind = self.random.randrange(4)
        if kind < 2:
            return CAPABILITIES[kind], self.path()
        return ("net_http", self.url()) if kind == 2 else ("exec_run", self.command())

    def path(self):
        pick = self.random.choice
        if self.chance(3):
            return pick(["/etc/passwd", "/", "/proc/self/environ", "/usr", "relative", "", "*", "/\0", self.folder + "/work/\0/a",
                         "/" + "x" * 300, self.folder + "/work/" + "y/" * 2500, "//", self.folder + "/../" * 20 + "etc/passwd"])
        return self.folder + pick(HEADS) + pick(TAILS)

    def url(self):
        pick = self.random.choice
        host = pick(HOSTS[:8] if self.chance(50) else HOSTS) if self.chance(70) else \
            pick(ADDRESSES_6) if self.chance(25) else self.spelling(pick(ADDRESSES))
        scheme = pick(["https://", "https://", "http://"]) if self.chance(90) else pick(["HTTPS://", "ftp://", "https:/", "//", ""])
        user = "" if self.chance(95) else pick(["user@", "a.example@", "a.example\\@", ":@"])
        port = "" if self.chance(50) else pick(PORTS)
        return (pick(METHODS) if self.chance(60) else "") + scheme + user + host + port + pick(URL_PATHS)

    def spelling(self, address):
        """One of the ways in which an IPv4 address can be written."""
        parts = [int(part) for part in address.split(".")]
        count = self.random.choice([4, 4, 3, 2, 1])
        last = 0
        for part in parts[count - 1:]:
            last = last * 256 + part
        numbers = parts[:count - 1] + [last]
        return ".".join(self.random.choice([str, str, hex, lambda value: "0" + oct(value)[2:]])(value) for value in numbers)

    def command(self):
        pick = self.random.choice
        words = [pick(COMMANDS[:6] if self.chance(50) else COMMANDS).replace("$TMP", self.folder)] + [pick(ARGUMENTS) for _ in range(pick([0, 0, 1, 1, 2, 3]))]
        return " ".join(words)
