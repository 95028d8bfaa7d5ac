#!/usr/bin/env python3
"""Writes what OmniSandbox is made of, as a CycloneDX 1.5 document in JSON.

    scripts/make_sbom.py [BUILD] [-o FILE]        BUILD: default build/release; FILE: default standard output

It is made from what really goes in: the crates that cargo resolves from third_party/wasmtime/Cargo.lock for this platform, the
Debian packages of the shared libraries that the built programs load (ldd, dpkg), those of scripts/install_dependencies.sh, and
the locks of npm, PyPI and Go. What is part of the product has the scope "required"; what builds or tests it has "excluded".
The same inputs give the same document.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

import sbom_inputs as inputs

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCT = "omnisandbox"


def licences(names, spdx):
    """CycloneDX's list: one SPDX expression, or names as they were found."""
    if spdx and len(names) == 1 and re.fullmatch(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*|.*\(.*(?:AND|OR).*\).*", names[0]):
        return [{"expression": names[0]}]
    return [{"license": {"name": name}} for name in names]


def component(kind, name, version, purl, names, scope, hashes=(), role=""):
    entry = {"type": kind, "bom-ref": purl, "name": name, "version": version, "scope": scope, "purl": purl}
    if names:
        entry["licenses"] = licences(names, not purl.startswith("pkg:deb/"))  # Debian has names of its own
    if hashes:
        entry["hashes"] = [{"alg": algorithm, "content": content} for algorithm, content in hashes]
    if role:
        entry["properties"] = [{"name": "omnisandbox:role", "value": role}]
    return entry


def crates(packages, changes):
    for crate in packages:
        names = [crate["license"].replace("/", " OR ")] if crate["license"] else []
        entry = component("library", crate["name"], crate["version"], inputs.crate_purl(crate), names,
                          "required" if crate["linked"] else "excluded", [("SHA-256", crate["checksum"])] if crate["checksum"] else [],
                          "the WebAssembly engine" if crate["linked"] else "builds the WebAssembly engine")
        if crate["name"] == inputs.CHANGED_CRATE:
            entry["pedigree"] = {"patches": [{"type": "unofficial", "diff": {"text": {"content": change}}} for change in changes]}
        yield entry


def debian(packages):
    for package in packages:
        yield component("library" if package["linked"] else "application", package["name"], package["version"], inputs.debian_purl(package),
                        package["licences"], "required" if package["linked"] else "excluded", role=package["role"])


def npm(root):
    for package in inputs.npm_packages(root):
        algorithm, _, digest = package["integrity"].partition("-")
        hashes = [(algorithm.upper().replace("SHA", "SHA-"), base64.b64decode(digest).hex())] if digest else []
        yield component("library", package["name"], package["version"], f"pkg:npm/{package['name'].replace('@', '%40')}@{package['version']}",
                        package["licences"], "required" if package["direct"] else "excluded", hashes,
                        "makes the JavaScript interpreter, and is in it" if package["direct"] else "builds the JavaScript interpreter")


def pypi(root):
    for package in inputs.pypi_packages(root):
        yield component("library", package["name"], package["version"], f"pkg:pypi/{package['name']}@{package['version']}", package["licences"],
                        "required" if package["shipped"] else "excluded", [("SHA-256", digest) for digest in package["hashes"]],
                        package["role"])


def go(root):
    for name, version in inputs.go_modules(root):
        yield component("library", name, version, f"pkg:golang/{name}@{version}", [], "excluded", role="a peer in benchmarks")


def document(root, build):
    packages, edges = inputs.cargo(root)
    edges = dict(edges)
    components = [*crates(packages, inputs.changes_of_crate(root)), *debian(inputs.debian_packages(root, build)), *npm(root), *pypi(root), *go(root)]
    by_reference = {entry["bom-ref"]: entry for entry in components}
    components = sorted(by_reference.values(), key=lambda entry: entry["bom-ref"])
    version = inputs.version_of_product(root)
    product = f"pkg:generic/{PRODUCT}@{version}"
    direct = [entry["bom-ref"] for entry in components if entry["scope"] == "required" and not entry["purl"].startswith("pkg:cargo/")]
    direct += edges.pop("", [])
    dependencies = [{"ref": product, "dependsOn": sorted(set(direct))}]
    dependencies += [{"ref": name, "dependsOn": sorted(set(others))} for name, others in sorted(edges.items())]
    text = json.dumps(components, sort_keys=True)
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}", "version": 1,
            "metadata": {"component": {"type": "application", "bom-ref": product, "name": PRODUCT, "version": version, "purl": product,
                                       "licenses": licences([inputs.licence_of_product(root)], True)}},
            "components": components, "dependencies": dependencies}


def text_of(made):
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    args = parser.parse_args()
    try:
        made = document(ROOT, args.build)
    except (OSError, subprocess.CalledProcessError, inputs.Missing) as error:
        detail = getattr(error, "stderr", "") or ""
        sys.exit(f"make_sbom.py: {error}{os.linesep if detail else ''}{detail}")
    text = text_of(made)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(text, encoding="utf-8")
        shipped = sum(entry["scope"] == "required" for entry in made["components"])
        print(f"{args.output}: {len(made['components'])} components, {shipped} of them in the product")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
