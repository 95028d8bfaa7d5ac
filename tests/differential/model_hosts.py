"""What a policy says of hosts, written down without a thought for speed, from docs/policy_reference.md and docs/guide.md."""
import ipaddress
import re

# One spelling of each name that is not plain ASCII, by hand: the model knows no IDNA.
UNICODE_NAMES = {"münchen.example": "xn--mnchen-3ya.example", "MÜNCHEN.example": "xn--mnchen-3ya.example",
                 "api。example。com": "api.example.com"}
SPECIAL = [ipaddress.ip_network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8", "::/128", "::1/128")]
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
DEFAULT_PORT = {"http": 80, "https": 443}


def plain(address):
    """An IPv4 address that is written as an IPv6 one is that IPv4 address."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def is_public(address):
    if address.version == 6:
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in GLOBAL_UNICAST:
            return False
    return not any(address.version == network.version and address in network for network in SPECIAL)


def number(text):
    if re.fullmatch(r"0[xX][0-9a-fA-F]*", text):
        return int(text[2:] or "0", 16)
    if re.fullmatch(r"0[0-7]+", text):
        return int(text, 8)
    if re.fullmatch(r"[0-9]+", text) and not text.startswith("0") or text == "0":
        return int(text)
    return None


def ipv4(text):
    """(is it meant as a number, the address or None): the spellings of the WHATWG URL standard."""
    parts = text.split(".")
    last = parts[-1]
    if not (re.fullmatch(r"[0-9]+", last) or re.fullmatch(r"0[xX][0-9a-fA-F]*", last)):
        return False, None
    numbers = [number(part) for part in parts]
    if len(parts) > 4 or None in numbers or any(value > 255 for value in numbers[:-1]):
        return True, None
    if numbers[-1] >= 256 ** (5 - len(numbers)):
        return True, None
    value = numbers[-1] + sum(part * 256 ** (3 - place) for place, part in enumerate(numbers[:-1]))
    return True, ipaddress.IPv4Address(value)


def canonical_host(text):
    """A name, an address object, or None for what is no host."""
    if text.startswith("["):
        try:
            return plain(ipaddress.IPv6Address(text[1:-1])) if text.endswith("]") and "%" not in text else None
        except ValueError:
            return None
    text = UNICODE_NAMES.get(text, text)
    if not text.isascii():
        return None
    text = text.lower()
    text = text[:-1] if text.endswith(".") else text
    is_number, address = ipv4(text)
    if is_number:
        return address
    labels = text.split(".")
    good = all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", label) and len(label) <= 63 for label in labels)
    return text if good and len(text) <= 253 else None


def normal_path(text):
    """Dot segments removed after %2e is read as "."; other escapes of letters and digits are read as well."""
    text = re.sub(r"%([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)) if re.match(r"[A-Za-z0-9._~-]", chr(int(found[1], 16)))
                  else found[0].upper(), text or "/")
    done = []
    segments = text.split("/")[1:]
    for place, segment in enumerate(segments):
        is_last = place == len(segments) - 1
        if segment == "..":
            done = done[:-1]
        elif segment != ".":
            done.append(segment)
        if segment in (".", "..") and is_last:
            done.append("")
    return "/" + "/".join(done)


def may_be_read_otherwise(path):
    """Whether a server could find another path in it: by decoding once more, or by dropping parameters."""
    return "%2F" in path or "%25" in path or "%5C" in path or "%00" in path or ";" in path


def under(path, prefix):
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")


class HostRule:
    def __init__(self, rule):
        rule = rule if isinstance(rule, dict) else {"host": rule}
        text = rule["host"]
        self.methods = rule.get("methods", [])
        self.error = any(method != method.upper() for method in self.methods)
        self.scheme = None
        if "://" in text:
            self.scheme, text = text.split("://", 1)
        is_network = re.fullmatch(r"([0-9.]+|\[?[0-9a-f:]+\]?)/[0-9]+(:.*)?", text)
        self.prefix = ""
        if not is_network and "/" in text:
            text, path = text.split("/", 1)
            self.prefix = normal_path("/" + path).removesuffix("/") and normal_path("/" + path)  # "/" limits nothing
        self.ports = None
        found = re.fullmatch(r"(.*[^:\]]|\[[^\]]*\][^:]*):([0-9]+)(?:-([0-9]+))?", text)
        if found and not re.fullmatch(r"[0-9a-f:]*::?[0-9a-f:]*", text):
            text, self.ports = found[1], (int(found[2]), int(found[3] or found[2]))
        self.read_host(text)

    def read_host(self, text):
        self.kind = "name"
        if text == "*":
            self.kind = "any"
        elif text.startswith("*."):
            self.kind, self.host = "subdomains", canonical_host(text[2:])
            self.error = self.error or not isinstance(self.host, str)
        elif "/" in text:
            try:
                self.kind, self.host = "range", ipaddress.ip_network(text.replace("[", "").replace("]", ""))
            except ValueError:
                self.error = True
        else:
            host = canonical_host(text)
            if host is None:
                self.error = True
            elif isinstance(host, str):
                self.host = host
            else:
                self.kind, self.host = "range", ipaddress.ip_network(host)

    def covers_host(self, host):
        if self.kind == "range":
            return not isinstance(host, str) and host.version == self.host.version and host in self.host
        if self.kind == "any":
            if isinstance(host, str):
                return host != "localhost" and not host.endswith(".localhost")
            return is_public(host)
        if not isinstance(host, str):
            return False
        return host == self.host if self.kind == "name" else host.endswith("." + self.host)

    def opens(self, scheme, port):
        if self.scheme and self.scheme != scheme:
            return False
        low, high = self.ports or (DEFAULT_PORT[scheme],) * 2
        return low <= port <= high

    def allows(self, method, scheme, host, port, path):
        if not self.covers_host(host):
            return False
        if method == "CONNECT":  # a tunnel: what goes through it is out of sight
            return self.opens("https", port) and not self.prefix and (not self.methods or "CONNECT" in self.methods)
        if not self.opens(scheme, port):
            return False
        if self.prefix and (may_be_read_otherwise(path) or not under(path, self.prefix)):
            return False
        return method in self.methods if self.methods else method != "TRACE"


def target(method, text):
    """(scheme, host, port, path), or None for what is no URL that could be allowed."""
    if any(ord(character) < 33 or character in "\\\x7f" for character in text) or len(text.encode()) > 8192:
        return None
    if method == "CONNECT" and "://" not in text:
        text = "https://" + text
    found = re.fullmatch(r"(?i)(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", text)
    if not found or "@" in found[2]:
        return None
    scheme = found[1].lower()
    authority = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?", found[2])
    if not authority or not authority[1]:
        return None
    port = int(authority[2]) if authority[2] else DEFAULT_PORT[scheme]
    host = canonical_host(authority[1])
    if host is None or not 0 < port < 65536:
        return None
    return scheme, host, port, normal_path(found[3])


class HostLayer:
    def __init__(self, config):
        self.granted = "net_http" in config.get("capabilities", [])
        self.rules = [HostRule(rule) for rule in config.get("allowed_hosts", [])]
        self.errors = [f"allowed_hosts[{index}]" for index, rule in enumerate(self.rules) if rule.error]

    def allows(self, method, where):
        return self.granted and any(rule.allows(method, *where) for rule in self.rules)


def answer(layers, text):
    method, _, url = text.rpartition(" ")
    where = target(method or "GET", url)
    return where is not None and all(layer.allows(method or "GET", where) for layer in layers)
