#include "mcp/json_text.h"

#include "base/error.h"
#include "mcp/limits.h"

namespace omnisandbox::mcp {
namespace {

/// How deep brackets stand within each other; text in quotes does not count. Exact for JSON, and
/// an upper limit for what turns out to be none. The parser itself would build the whole value
/// first, and destroy it recursively.
std::size_t nesting_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool quoted = false;
  for (std::size_t index = 0; index < text.size(); ++index) {
    const char c = text[index];
    if (quoted) {
      if (c == '\\') {
        ++index;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Expected<ParsedJson> parse_json(std::string_view text) {
  if (nesting_of(text) > max_json_depth) {
    return base::make_error(ErrorKind::invalid_argument, "the JSON is nested deeper than {} levels",
                            max_json_depth);
  }
  try {
    return ParsedJson::parse(text.begin(), text.end());
  } catch (const ParsedJson::exception& error) {
    return base::make_error(ErrorKind::invalid_argument, "this is not JSON: {}",
                            base::printable(error.what(), 200));
  }
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string string_member(const ParsedJson& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace omnisandbox::mcp
