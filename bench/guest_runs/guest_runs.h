#pragma once

#include <functional>
#include <string>

/// The command line and the measuring that the compared C++ programs share:
///   PROGRAM echo FOLDER RUNS | threads FOLDER RUNS THREADS | compute FOLDER RUNS KERNEL |
///           files FOLDER RUNS GUEST FILE | first FOLDER RUNS | cached FOLDER RUNS CACHE
/// `files` lets GUEST read FILE; `first` compiles and runs the echo guest in everything new;
/// `cached` does the same with a folder of modules that were compiled before.
/// The output is one JSON object: `unit` and `samples`; the guest's `answer` where it computes one;
/// for `threads` how many descriptors and threads the process had in the middle of it.
namespace omnisandbox::bench {

/// Runs one guest in a fresh instance with `argument` (none when empty) and `input`, and returns
/// its stdout. Ends the program with a message on failure. Called from several threads at once.
using RunGuest = std::function<std::string(const std::string& argument, const std::string& input)>;

/// What a guest is prepared from. Where a folder is empty there is none.
struct Guest {
  std::string path;  ///< of its module
  std::string readable_folder{};
  std::string cache_folder{};
};

/// Compiles the module once.
using PrepareGuest = std::function<RunGuest(const Guest& guest)>;

int measure_guest_runs(int argc, char** argv, const PrepareGuest& prepare);

[[noreturn]] void fail(const std::string& message);

}  // namespace omnisandbox::bench
