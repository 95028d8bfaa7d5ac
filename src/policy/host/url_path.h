#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace omnisandbox::policy {

/// A URL's path in its one spelling (RFC 3986 section 6.2.2): percent-encoded letters, digits, "-",
/// ".", "_" and "~" are decoded, other escapes are in upper case, characters that may not stand in
/// a path are escaped, and "." and ".." segments are removed afterwards, so that "%2e%2e" counts as
/// "..". "%2F" stays: it is not a separator. An empty path is "/". The error says what is wrong, as
/// the end of a sentence.
tl::expected<std::string, std::string> normalise_path(std::string_view path);

/// The query (without "?"): escapes are kept as they are, characters that may not stand in a query
/// are escaped.
tl::expected<std::string, std::string> normalise_query(std::string_view query);

/// Whether a server could read another path out of a normalised one than the one that was judged:
/// by decoding once more ("..%2F",
/// "%252e"), by taking "\" for "/", by dropping path parameters ("..;x"), by stopping at NUL, or by
/// accepting overlong UTF-8. Such a path is outside every path prefix.
bool is_ambiguous_path(std::string_view normalised_path);

/// Whether `path` is `prefix` or lies beneath it, on whole segments: "/public" covers "/public" and
/// "/public/x", not "/publicity";
/// "/public/" covers "/public/" and "/public/x". Both normalised.
bool path_is_under(std::string_view path, std::string_view prefix);

}  // namespace omnisandbox::policy
