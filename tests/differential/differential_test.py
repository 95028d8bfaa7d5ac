#!/usr/bin/env python3
"""Asks the policy engine and a slow model the same random questions, and fails where their answers differ.

    tests/differential/differential_test.py DRIVER [--questions N] [--seed S]

DRIVER is the program made of policy_questions.cc. A failure prints the file system, the policies and the question, and the
seed of the round, with which `--seed S --questions 1` asks it again.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import model
import model_paths
import questions

QUESTIONS_OF_A_POLICY = 80
POLICIES_OF_A_TREE = 10
TREES_OF_A_BATCH = 20
MOST_DIFFERENCES = 20
CAPABILITIES = questions.CAPABILITIES


def make_tree(folder, nodes):
    for name, kind in nodes.items():
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "folder":
            path.mkdir(exist_ok=True)
        elif kind == "file":
            path.write_text("content\n", encoding="utf-8")
        else:
            path.symlink_to(kind[len("link:"):])


def whole_tree(folder, nodes):
    """The model's file system: the made folder, what is above it, and the few other places that questions name."""
    top = model_paths.names_of(folder)
    tree = {top[:length]: "folder" for length in range(len(top) + 1)}
    tree.update({top + model_paths.names_of(name): kind for name, kind in nodes.items()})
    tree.update({("etc",): "folder", ("etc", "passwd"): "file", ("usr",): "folder", ("proc",): "folder", ("proc", "self"): "folder",
                 ("proc", "self", "environ"): "file"})
    return model_paths.Tree(tree)


def leads_to_proc(tree, folder, name):
    """What /proc has is not the model's business; as a rule it would be."""
    path = model_paths.names_of(folder) + model_paths.names_of(name)
    return (tree.real(path) or ())[:1] == ("proc",)


class Round:
    """One file system, its policies and questions: made from a seed, so that any can be asked again alone."""

    def __init__(self, seed, base):
        self.seed = seed
        self.folder = f"{base}/{seed}"
        source = questions.Source(random.Random(seed), self.folder)
        self.nodes = source.tree()
        os.mkdir(self.folder)
        make_tree(self.folder, self.nodes)
        names = [name for name in self.nodes if not leads_to_proc(whole_tree(self.folder, self.nodes), self.folder, name)]
        names += ["absent"] if source.chance(10) else []
        self.cases = []
        for _ in range(POLICIES_OF_A_TREE):
            layers = [source.config(names) for _ in range(source.random.choice([1, 1, 1, 2, 2, 3]))]
            self.cases.append((layers, [source.question() for _ in range(QUESTIONS_OF_A_POLICY)]))

    def lines(self):
        """What the driver reads. Each character of a resource is one byte."""
        for layers, asked in self.cases:
            policies = [json.dumps(in_file_units(layer), ensure_ascii=False) for layer in layers]
            yield json.dumps({"policies": policies, "questions": [[name, bytes_of(resource)] for name, resource in asked]})


def in_file_units(config):
    """Durations are milliseconds in the model."""
    return {key: f"{value}ms" if key in ("timeout", "cpu_time_limit") else value for key, value in config.items()}


def bytes_of(text):
    """The text in UTF-8, each byte as one character."""
    return text.encode().decode("latin-1")


class Comparison:
    def __init__(self):
        self.differences = 0
        self.asked = self.allowed = self.refused = self.wrong_policies = 0

    def report(self, one, layers, what):
        self.differences += 1
        if self.differences <= MOST_DIFFERENCES:
            print(f"\ndifference in round {one.seed}: {what}\n  files: {one.nodes}\n  policies:", file=sys.stderr)
            for layer in layers:
                print(f"    {json.dumps(layer, ensure_ascii=False)}", file=sys.stderr)

    def compare(self, one, layers, asked, got):
        expected = model.Model(layers, whole_tree(one.folder, one.nodes))
        errors = expected.errors()
        if errors or "error" in got:
            self.wrong_policies += 1
            if not errors or not any(name in got.get("error", "") for name in errors):
                self.report(one, layers, f"the engine says {got.get('error')!r}, the model {errors}")
            return
        if got["limits"] != expected.limits():
            self.report(one, layers, f"limits are {got['limits']}, and should be {expected.limits()}")
        for (capability, resource), (allowed, rule) in zip(asked, got["answers"]):
            wanted, index = expected.answer(capability, resource)
            self.asked += 1
            self.allowed += allowed
            self.refused += not allowed
            if wanted is not None and allowed != wanted:
                self.report(one, layers, f"{capability} {resource!r}: the engine {'allows' if allowed else 'refuses'} it ({rule}), "
                                         f"the model {'allows' if wanted else 'refuses'} it")
            elif allowed and index is not None and f"allowed_paths[{index}]" not in rule:
                self.report(one, layers, f"{capability} {resource!r}: {rule} decided, and should be allowed_paths[{index}]")


def run_batch(driver, base, seeds, comparison):
    rounds = [Round(seed, base) for seed in seeds]
    text = "\n".join(line for one in rounds for line in one.lines()) + "\n"
    done = subprocess.run([driver], input=text.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{driver} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    answers = iter(done.stdout.decode().splitlines())
    for one in rounds:
        for layers, asked in one.cases:
            comparison.compare(one, layers, asked, json.loads(next(answers)))
        shutil.rmtree(one.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver")
    parser.add_argument("--questions", type=int, default=20_000 if os.environ.get("OMNISANDBOX_THOROUGH") == "1" else 2_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    comparison = Comparison()
    seed = args.seed
    with tempfile.TemporaryDirectory(prefix="omnisandbox-differential-") as base:
        base = os.path.realpath(base)
        while comparison.asked < args.questions and comparison.differences < MOST_DIFFERENCES:
            count = 1 if args.questions == 1 else TREES_OF_A_BATCH
            run_batch(args.driver, base, range(seed, seed + count), comparison)
            seed += count
    print(f"{comparison.asked} questions, {comparison.allowed} allowed and {comparison.refused} refused; "
          f"{comparison.wrong_policies} policies that do not compile; {comparison.differences} differences; "
          f"seeds {args.seed} to {seed - 1}")
    # Were nearly nothing allowed, or nothing refused, agreement would say nothing.
    lopsided = min(comparison.allowed, comparison.refused) * 20 < comparison.asked
    if lopsided:
        print("too few answers of one kind", file=sys.stderr)
    return 1 if comparison.differences or (lopsided and args.questions > 1) else 0


if __name__ == "__main__":
    sys.exit(main())
