#!/usr/bin/env python3
"""Holds a software bill of materials to the build and the lock files, so that nothing is missing.

    scripts/check_sbom.py SBOM [BUILD]

Each shared library that a built program loads belongs to a package in it; each entry of each lock file that is used on this
platform stands in it with its version; each component of the product has a version and a licence; references lead somewhere.
"""

import json
import pathlib
import re
import sys

import sbom_inputs as inputs

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERIAL = r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
SCOPES = ("required", "excluded")


def problems_of_form(sbom):
    if sbom.get("bomFormat") != "CycloneDX" or sbom.get("specVersion") != "1.5" or not re.fullmatch(SERIAL, sbom.get("serialNumber", "")):
        yield "it is no CycloneDX 1.5 document with a serial number"
    references = [sbom["metadata"]["component"]["bom-ref"], *(entry["bom-ref"] for entry in sbom["components"])]
    for name in sorted({name for name in references if references.count(name) > 1}):
        yield f"{name} stands in it twice"
    for entry in sbom["components"]:
        name = entry["bom-ref"]
        if not entry.get("version") or not re.fullmatch(r"pkg:[a-z]+/\S+@\S+", entry.get("purl", "")) or entry.get("scope") not in SCOPES:
            yield f"{name} has no version, package URL or scope"
        if entry.get("scope") == "required" and not entry.get("licenses"):
            yield f"{name} is part of the product and has no licence"
        for digest in entry.get("hashes", []):
            if not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}|[0-9a-f]{40}", digest["content"]):
                yield f"{name} has a hash that is none"
    known = set(references)
    for edge in sbom["dependencies"]:
        for name in (edge["ref"], *edge["dependsOn"]):
            if name not in known:
                yield f"a dependency names {name}, which is not in it"


def problems_of_content(sbom, root, build):
    by_purl = {entry["purl"]: entry for entry in sbom["components"]}
    debian = {re.match(r"pkg:deb/debian/([^@]+)@", purl)[1]: entry for purl, entry in by_purl.items() if purl.startswith("pkg:deb/")}
    for package, files in inputs.linked_packages(build).items():
        if package not in debian or debian[package]["scope"] != "required":
            yield f"{package} is missing, whose {sorted(files)[0]} our programs load"
    wanted = {inputs.crate_purl(crate): crate["linked"] for crate in inputs.cargo(root)[0]}
    wanted.update({f"pkg:npm/{package['name'].replace('@', '%40')}@{package['version']}": package["direct"] for package in inputs.npm_packages(root)})
    wanted.update({f"pkg:golang/{name}@{version}": False for name, version in inputs.go_modules(root)})
    told = [patch["diff"]["text"]["content"] for entry in sbom["components"] for patch in entry.get("pedigree", {}).get("patches", [])]
    if told != inputs.changes_of_crate(root):
        yield f"it does not tell how {inputs.CHANGED_CRATE} was changed"
    for package in inputs.pypi_packages(root):
        purl = f"pkg:pypi/{package['name']}@{package['version']}"
        wanted[purl] = wanted.get(purl, False) or package["shipped"]
    for purl, is_shipped in wanted.items():
        if purl not in by_purl:
            yield f"{purl} of a lock file is missing"
        elif is_shipped and by_purl[purl]["scope"] != "required":
            yield f"{purl} is part of the product and stands there as a tool"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "build" / "release"
    sbom = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = [*problems_of_form(sbom), *problems_of_content(sbom, ROOT, build)]
    print("\n".join(found) if found else f"{sys.argv[1]}: {len(sbom['components'])} components, nothing is missing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
