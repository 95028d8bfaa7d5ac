#pragma once

#include "docker/init/command.h"
#include "docker/init/protocol.h"

/// Files into and out of the container, with the rights of the container's user. What is neither a
/// file nor a folder is left alone, and a symbolic link is never followed at the end of a path.
namespace omnisandbox::docker::init {

/// Reads entries from stdin and makes them at the path of the job's text, with the folders above
/// it.
Outcome take_files(const Job& job, const char* path);

/// Writes what stands at the path to stdout, as entries.
Outcome give_files(const Job& job, const char* path);

}  // namespace omnisandbox::docker::init
