#pragma once

#include <vector>

#include "wasm/exported_type.h"
#include "wasm/worker/wire.h"

/// Types of functions in a message.
namespace omnisandbox::wasm::worker {

void write_functions(Writer& writer, const std::vector<FunctionType>& functions);
/// The reader fails at what is no such list: parts that do not belong to their kind, names that no
/// component can have, more of anything than wasm/exported_type.h allows.
std::vector<FunctionType> read_functions(Reader& reader);

}  // namespace omnisandbox::wasm::worker
