#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What a folder of tools can make the server hold or do. Whoever can write in it is trusted with
/// the policy's grants and no more: a broken or hostile file costs its own tool at the most.
namespace omnisandbox::mcp {

/// Entries of the folder, whatever they are.
inline constexpr std::size_t max_folder_entries = 10'000;
/// A model reads all of them each time; a client seldom takes more than a hundred.
inline constexpr std::size_t max_components = 1'024;
/// Of one component; each function is a tool.
inline constexpr std::size_t max_functions_per_component = 64;
/// The largest interpreters are about 30 MB.
inline constexpr std::uint64_t max_component_bytes = std::uint64_t{64} * 1024 * 1024;
inline constexpr std::uint64_t max_tool_policy_bytes = std::uint64_t{1024} * 1024;
inline constexpr std::uint64_t max_tool_description_bytes = std::uint64_t{8} * 1024;
/// What the clients of models take as a tool's name.
inline constexpr std::size_t max_tool_name_bytes = 64;

/// Between two looks at the folder. A file that changes is taken when it has not changed from one
/// look to the next: whoever copies it has ended by then.
inline constexpr std::chrono::milliseconds look_interval{500};
/// Compiling or loading one component.
inline constexpr std::chrono::seconds component_load_timeout{60};
/// Components that are compiled at once.
inline constexpr std::size_t load_threads = 2;
/// Between two lists that are published while many components are loaded.
inline constexpr std::chrono::milliseconds publish_interval{500};
/// Components that are ready to be called, each with a worker process; others are loaded from the
/// cache when they are called, which takes some 20 ms.
inline constexpr std::size_t max_ready_components = 16;

}  // namespace omnisandbox::mcp
