#pragma once

#include <functional>
#include <string>

/// The command line and the measuring that the compared C++ programs share:
///   PROGRAM echo FOLDER RUNS | threads FOLDER RUNS THREADS | compute FOLDER RUNS KERNEL
/// The output is one JSON object: `unit` and `samples`, and for `compute` the guest's `answer`.
namespace omnisandbox::bench {

/// Runs one guest in a fresh instance with `argument` (none when empty) and `input`, and returns
/// its stdout. Ends the program with a message on failure. Called from several threads at once.
using RunGuest = std::function<std::string(const std::string& argument, const std::string& input)>;

/// Compiles the module file at `path` once.
using PrepareGuest = std::function<RunGuest(const std::string& path)>;

int measure_guest_runs(int argc, char** argv, const PrepareGuest& prepare);

[[noreturn]] void fail(const std::string& message);

}  // namespace omnisandbox::bench
