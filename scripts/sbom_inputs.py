"""What goes into OmniSandbox, read from where it is decided: lock files, the built programs, and dpkg."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tomllib
import urllib.parse

# Programs and libraries of a build that are installed.
PRODUCTS = ("bin/omnisandbox", "bin/omnisandbox-*", "src/c_api/libomnisandbox.so", "python/**/*.so")


class Missing(Exception):
    """Something that has to be built or installed first."""


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def version_of_product(root):
    return re.search(r"project\(omnisandbox VERSION ([0-9.]+)", (root / "CMakeLists.txt").read_text(encoding="utf-8"))[1]


def licence_of_text(file):
    """The licence whose text a file is."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if "Apache License" in text:
        return "Apache-2.0 WITH LLVM-exception" if "LLVM Exceptions to the Apache 2.0 License" in text else "Apache-2.0"
    return "MIT" if "MIT License" in text else text.strip().splitlines()[0]


def licence_of_product(root):
    return licence_of_text(root / "LICENSE")


# --- The WebAssembly engine

CHANGED_CRATE = "wasmtime"


def changes_of_crate(root):
    """The texts of the patches that scripts/build_wasmtime.sh makes to CHANGED_CRATE."""
    return [file.read_text(encoding="utf-8") for file in sorted((root / "third_party" / "wasmtime" / "patches").glob("*.patch"))]


def crate_purl(crate):
    return f"pkg:cargo/{crate['name']}@{crate['version']}"


@functools.lru_cache(maxsize=None)
def cargo(root):
    """(crates, {purl: [purls that it needs]}); the edges of "" are what the product itself needs."""
    manifest = root / "third_party" / "wasmtime"
    program, compiler = (shutil.which(name) or os.path.expanduser(f"~/.cargo/bin/{name}") for name in ("cargo", "rustc"))
    host = re.search(r"^host: (\S+)", output_of(compiler, "-vV"), re.M)[1]
    found = json.loads(output_of(program, "metadata", "--locked", "--format-version", "1", "--manifest-path", str(manifest / "Cargo.toml"),
                                 "--filter-platform", host))
    lock = tomllib.loads((manifest / "Cargo.lock").read_text(encoding="utf-8"))
    checksums = {(package["name"], package["version"]): package.get("checksum", "") for package in lock["package"]}
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    own = found["resolve"]["root"]

    def needs(node, kinds):
        return [dependency["pkg"] for dependency in nodes[node]["deps"] if any(kind["kind"] in kinds for kind in dependency["dep_kinds"])]

    def reached(kinds, start):
        seen, left = set(), [start]
        while left:
            node = left.pop()
            if node not in seen:
                seen.add(node)
                left += needs(node, kinds)
        return seen

    linked = {node for node in reached((None,), own) if "proc-macro" not in packages[node]["targets"][0]["kind"]}
    crates = [{"name": packages[node]["name"], "version": packages[node]["version"], "license": packages[node]["license"],
               "linked": node in linked, "checksum": checksums.get((packages[node]["name"], packages[node]["version"]), "")}
              for node in sorted(reached((None, "build"), own) - {own})]
    edges = {"" if node == own else crate_purl(packages[node]): [crate_purl(packages[other]) for other in needs(node, (None, "build"))]
             for node in reached((None, "build"), own)}
    return crates, edges


# --- Debian

def debian_purl(package):
    return f"pkg:deb/debian/{package['name']}@{urllib.parse.quote(package['version'], safe='.~-')}?arch={package['architecture']}"


# src/egress/curl_library.cc loads it.
LOADED_WHEN_NEEDED = ("libcurl.so.4",)


def starts_as_a_program(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def built_files(build):
    found = sorted({path.resolve() for pattern in PRODUCTS for path in build.glob(pattern) if not path.name.endswith("_test")})
    found = [path for path in found if not re.search(r"_test$|_snippets$", path.name) and starts_as_a_program(path)]
    if not any(path.name == "omnisandbox" for path in found):
        raise Missing(f"{build}/bin/omnisandbox is not built; run `make build` first")
    return found


def shared_libraries(file):
    """What the dynamic loader would load for `file`; None where it is linked statically."""
    done = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False)
    if "not a dynamic executable" in done.stderr or "statically linked" in done.stdout:
        return None
    if missing := re.findall(r"(\S+) => not found", done.stdout):
        raise Missing(f"{file} needs {', '.join(missing)}, which is not installed")
    found = set(re.findall(r"(/\S+) \(0x", done.stdout))
    for library in loaded_when_needed(file):
        found |= {library, *(shared_libraries(library) or ())}
    return sorted(found)


def loaded_when_needed(file):
    """The libraries that `file` loads by name while it runs."""
    content = pathlib.Path(file).read_bytes()
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for name in LOADED_WHEN_NEEDED:
        if name.encode() + b"\0" in content and not pathlib.Path(file).name.startswith(name):
            place = re.search(rf"^\s*{re.escape(name)} \(.*\) => (/\S+)$", known, re.M)
            if place is None:
                raise Missing(f"{file} needs {name}, which is not installed")
            yield place[1]


def packages_of(files):
    """{file: the Debian package that owns it}, under any of the names that a merged /usr gives it."""
    names = {}
    for file in files:
        real = os.path.realpath(file)
        for name in (real, real.removeprefix("/usr"), file, f"/usr{file}"):
            names.setdefault(name, set()).add(file)
    # Names that no package has are said on standard error, and make the exit code 1.
    done = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        package, _, name = line.partition(": ")
        for file in names.get(name, ()):
            found[file] = package.split(",")[0].split(":")[0]
    return found


def static_libraries():
    """What a statically linked program has in it: the C and C++ libraries of the compiler."""
    return [output_of("g++", f"-print-file-name={name}").strip() for name in ("libc.a", "libstdc++.a", "libgcc.a")]


@functools.lru_cache(maxsize=None)
def linked_packages(build):
    """{package: files of it that our programs load}; files of no package are an error, unless they are our own."""
    files = built_files(build)
    own = {path.name for path in files}
    used = {}  # library → one of our programs that loads it
    for file in files:
        libraries = shared_libraries(file)
        for library in static_libraries() if libraries is None else libraries:
            if os.path.basename(os.path.realpath(library)) not in own and not library.startswith(f"{build.resolve()}/"):
                used[library] = file
    owners = packages_of(used)
    found = {}
    for library, file in used.items():
        if library not in owners:
            raise Missing(f"{file} loads {library}, which belongs to no Debian package")
        found.setdefault(owners[library], set()).add(library)
    return found


def listed_packages(root):
    """{package: the comment over it} of scripts/install_dependencies.sh."""
    text = (root / "scripts" / "install_dependencies.sh").read_text(encoding="utf-8")
    found, comment = {}, ""
    for line in re.search(r"packages=\((.*?)\n\)", text, re.S)[1].splitlines():
        if line.strip().startswith("#"):
            comment = line.strip("# ")
        else:
            found.update(dict.fromkeys(line.split(), comment))
    return found


def licences_of_debian(package):
    path = pathlib.Path("/usr/share/doc") / package / "copyright"
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    names = {" ".join(name.split()) for name in re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.M)}
    return sorted(names) if names else [f"as in {path}"]


def debian_packages(root, build):
    linked = linked_packages(build)
    listed = listed_packages(root)
    # Of what we compile with, libraries without a shared object of their own are in the product, too.
    headers = {name for name, comment in listed.items() if comment == "Building" and name.endswith("-dev") and name != "python3-dev"}
    names = sorted({*linked, *listed})
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\n", *names], capture_output=True, text=True,
                          check=False)
    installed = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if len(line.split()) == 3}
    for name in names:
        if name not in installed:
            raise Missing(f"the Debian package {name} is not installed; run scripts/install_dependencies.sh")
        version, architecture = installed[name]
        role = "loaded by our programs" if name in linked else "compiled in" if name in headers else listed[name].lower()
        yield {"name": name, "version": version, "architecture": architecture, "licences": licences_of_debian(name),
               "linked": name in linked or name in headers, "role": role}


# --- npm, PyPI, Go

def npm_packages(root):
    lock = json.loads((root / "guests/interpreters/javascript/package-lock.json").read_text(encoding="utf-8"))
    direct = lock["packages"][""].get("dependencies", {})
    for place, package in lock["packages"].items():
        if place:
            name = place.rpartition("node_modules/")[2]
            manifest = root / "build/interpreter-tools" / place / "package.json"
            licence = package.get("license")
            if licence is None and manifest.exists():
                text = manifest.parent / "LICENSE"
                licence = json.loads(manifest.read_text(encoding="utf-8")).get("license") or (licence_of_text(text) if text.exists() else None)
            yield {"name": name, "version": package["version"], "integrity": package.get("integrity", ""), "direct": name in direct,
                   "licences": [licence] if isinstance(licence, str) else []}


def pypi_locks(root):
    """(lock file, what it is for, whether its packages are in the product)."""
    yield root / "guests/interpreters/python/requirements.txt", "makes the Python interpreter, and is in it", True
    yield root / "bindings/python/requirements-dev.txt", "tests the Python package", False
    for file in sorted((root / "tests/end_to_end/mcp_clients").glob("*.txt")):
        yield file, "tests the MCP server", False


def licences_of_pypi(root):
    """{name in lower case: licences} of what is installed beneath build/."""
    found = {}
    for folder in ("interpreter-tools", "python-tools", "mcp-clients"):
        for file in (root / "build" / folder).glob("**/*.dist-info/METADATA"):
            head = file.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
            name = re.search(r"^Name: (.*)$", head, re.M)[1].lower().replace("_", "-")
            expression = re.search(r"^License-Expression: (.*)$", head, re.M)
            short = re.search(r"^License: (\S.{0,60})$", head, re.M)
            classifiers = re.findall(r"^Classifier: License :: (?:OSI Approved :: )?(.*)$", head, re.M)
            texts = sorted({licence_of_text(text) for text in file.parent.glob("licenses/LICENSE*")})
            found[name] = [expression[1]] if expression else [short[1]] if short else classifiers or texts
    return found


def pypi_packages(root):
    known = licences_of_pypi(root)
    for file, role, shipped in pypi_locks(root):
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
        for name, version, rest in re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;]+)(.*)$", text, re.M):
            name = name.lower().replace("_", "-")
            yield {"name": name, "version": version, "hashes": re.findall(r"--hash=sha256:([0-9a-f]{64})", rest), "role": role,
                   "shipped": shipped, "licences": known.get(name, [])}


def go_modules(root):
    for line in (root / "bench/wazero/go.sum").read_text(encoding="utf-8").splitlines():
        name, version, _ = line.split()
        if not version.endswith("/go.mod"):
            yield name, version
