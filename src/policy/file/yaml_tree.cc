#include "policy/file/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <map>
#include <optional>
#include <streambuf>

#include "base/error.h"
#include "base/try.h"
#include "policy/file/source_text.h"

namespace omnisandbox::policy {
namespace {

constexpr std::string_view empty_message =
    "the file is empty; the smallest policy is \"version: 1\", and it grants nothing";

// What the handler throws through yaml-cpp; caught in parse_yaml, and nowhere else.
struct Refusal {
  explicit Refusal(Error why) : error(std::move(why)) {}
  Error error;
};

// Reads the text where it is: the parser wants a stream, and a copy of the text is not needed.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    // A get area is never written through; the standard interface is not const.
    char* begin = const_cast<char*>(text.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    setg(begin, begin, begin + text.size());
  }
};

// Builds the tree from the parser's events, and refuses what has no place in a policy file as soon
// as it appears.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const SourceText& source) : source_(source) {}

  YamlNode take_root() { return std::move(root_); }
  bool has_root() const { return documents_ != 0; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      refuse(mark,
             "found a second document; a policy file is one document, so there must be nothing "
             "after \"---\" or after the "
             "end of the first");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_properties(mark, anchor);
    refuse_null(offset_of(mark));
  }
  // Never called: the parser tells of aliases of anchors alone, and those are refused before.
  // GCOVR_EXCL_START
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, alias_message); }
  // GCOVR_EXCL_STOP
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_properties(mark, anchor);
    const std::size_t offset = offset_of(mark);
    const char first = source_.at(offset);
    YamlNode node{.kind = YamlNode::Kind::quoted,
                  .position = source_.position(offset),
                  .text = value,
                  .items = {}};
    if (first == '"' || first == '\'') {
      if (!source_.quote_ends(offset)) {
        refuse(mark, "the quote that begins here is never closed");
      }
    } else if (first != '|' && first != '>') {
      node.kind = YamlNode::Kind::plain;
      // A plain scalar goes on over line ends, and then two entries silently become one.
      if (!source_.stands_at(offset, value)) {
        refuse(mark,
               "a value over several lines must be written in quotes; was a \"-\" or a \":\" "
               "forgotten?");
      }
    }
    add(std::move(node), mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::mapping, mark, anchor);
  }
  void OnMapEnd() override { close(); }

  /// The error of a text that ends inside brackets; empty when none is open.
  std::optional<Error> unclosed_bracket() const {
    for (auto node = open_.rbegin(); node != open_.rend(); ++node) {
      const char bracket = source_.at(node->offset);
      if (bracket == '[' || bracket == '{') {
        return source_.error(node->node.position,
                             fmt::format("the \"{}\" that begins here is never closed", bracket));
      }
    }
    return std::nullopt;
  }

  static constexpr std::string_view alias_message =
      "found an alias (\"*\" and a name); aliases are not supported, and a value that begins with "
      "\"*\" is written in quotes: "
      "\"*\", \"*.example.org\"";

 private:
  struct OpenNode {
    YamlNode node;
    std::size_t offset;
    std::map<std::string, FilePosition, std::less<>> keys;  // of a mapping: where each was written
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    return std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), source_.size());
  }
  [[noreturn]] void refuse(const YAML::Mark& mark, std::string_view message) const {
    throw Refusal(source_.error_at_offset(offset_of(mark), message));
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0) {
      refuse(mark,
             "found an anchor (\"&\" and a name); anchors are not supported: write the value out, "
             "or put it in quotes where "
             "it begins with \"&\"");
    }
  }
  void refuse_properties(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    refuse_anchor(mark, anchor);
    // The parser's own report does not tell the tag "!" from quotes; the text does.
    if (source_.at(offset_of(mark)) == '!') {
      refuse(mark,
             "found a tag (\"!\" and a name); tags are not supported, and a value that begins with "
             "\"!\" is written in quotes");
    }
  }

  [[noreturn]] void refuse_null(std::size_t offset) const {
    if (open_.empty()) {
      throw Refusal(source_.error({}, empty_message));
    }
    const bool is_key = expects_key();
    const std::vector<YamlNode>& before = open_.back().node.items;
    const bool is_member = open_.back().node.kind == YamlNode::Kind::mapping && !is_key;
    // Where the text ends inside brackets, the parser tells of a nothing before it tells of the
    // end.
    const std::size_t end_of_key =
        is_member && source_.stands_at(offset, before.back().text) ? before.back().text.size() : 0;
    if (source_.is_blank_from(offset + end_of_key)) {
      if (auto error = unclosed_bracket()) {
        throw Refusal(std::move(*error));
      }
    }
    for (const std::string_view word : {"null", "Null", "NULL", "~"}) {
      if (source_.stands_at(offset, word)) {
        throw Refusal(source_.error_at_offset(
            offset,
            fmt::format("found {} where a {} is expected; leave the key out to get its default",
                        word, is_key ? "key" : "value")));
      }
    }
    if (is_member) {
      // Reported at the key: where a nothing begins is a matter of opinion.
      throw Refusal(
          source_.error(before.back().position,
                        fmt::format("the key \"{}\" has no value; leave it out to get its default, "
                                    "or write [] for an empty list",
                                    base::printable(before.back().text, 64))));
    }
    throw Refusal(source_.error_at_offset(
        is_key ? offset : source_.start_of_empty_entry(offset),
        is_key ? "a key is missing here" : "an entry of the list is empty"));
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    refuse_properties(mark, anchor);
    if (open_.size() == max_yaml_depth) {
      refuse(mark, fmt::format("nested more than {} levels deep", max_yaml_depth));
    }
    if (expects_key()) {
      refuse(mark,
             "a key must be a name, not a list or a mapping; or is a bracket here never closed?");
    }
    open_.push_back(
        {{.kind = kind, .position = source_.position(offset_of(mark)), .text = {}, .items = {}},
         offset_of(mark),
         {}});
  }
  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    place(std::move(node));
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::mapping &&
           open_.back().node.items.size() % 2 == 0;
  }

  void add(YamlNode node, const YAML::Mark& mark) {
    if (++nodes_ > max_yaml_nodes) {
      refuse(mark, fmt::format("more than {} values in one file", max_yaml_nodes));
    }
    if (expects_key()) {
      check_key(node);
    }
    place(std::move(node));
  }

  void check_key(const YamlNode& key) {
    if (key.text == "<<" && key.kind == YamlNode::Kind::plain) {
      throw Refusal(source_.error(
          key.position,
          "found a merge key (\"<<\"); merging is not supported: write the keys out"));
    }
    const auto [first, is_new] = open_.back().keys.try_emplace(key.text, key.position);
    if (!is_new) {
      throw Refusal(source_.error(
          key.position,
          fmt::format("the key \"{}\" is written twice; it stands at {}:{} already",
                      base::printable(key.text, 64), first->second.line, first->second.column)));
    }
  }

  void place(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else {
      open_.back().node.items.push_back(std::move(node));
    }
  }

  const SourceText& source_;
  std::vector<OpenNode> open_;
  YamlNode root_;
  std::size_t nodes_ = 0;
  std::size_t documents_ = 0;
};

// The parser's messages in the words of somebody who writes a policy, where its own are about
// tokens.
std::string explain_syntax_error(const SourceText& source, std::size_t offset,
                                 std::string_view parser_message) {
  switch (source.at(offset)) {
    case '*':
      return std::string(TreeBuilder::alias_message);
    case '@':
    case '`':
    case '%':
      return fmt::format("a value that begins with \"{}\" is written in quotes", source.at(offset));
    default:
      break;
  }
  if (source.tab_indents_line_of(offset)) {
    return "the line is indented with a tab; YAML indents with spaces";
  }
  if (parser_message == YAML::ErrorMsg::MAP_VALUE) {
    return "found a \":\" where no value can begin; check the indentation, and put a value that "
           "contains \": \" in quotes";
  }
  if (parser_message.starts_with(YAML::ErrorMsg::INVALID_UNICODE)) {
    return "this escape is not one character; write the character itself instead of surrogate "
           "halves";
  }
  return "not valid YAML: " + base::printable(parser_message, 200);
}

}  // namespace

Error error_at(std::string_view file_name, FilePosition position, std::string_view message) {
  return Error{.kind = ErrorKind::invalid_argument,
               .message = fmt::format("{}:{}:{}: {}", base::printable(file_name), position.line,
                                      position.column, message),
               .resource = std::string(file_name)};
}

Expected<YamlNode> parse_yaml(std::string_view text, std::string_view file_name) {
  const SourceText source(text, file_name);
  if (auto checked = source.check_characters(); !checked) {
    return std::move(checked).error();
  }
  TextBuffer buffer(text);
  std::istream stream(&buffer);
  TreeBuilder builder(source);
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    // The builder refuses whatever this finds. Called once only: on some input the parser finds
    // documents without end.
    parser.HandleNextDocument(builder);
  } catch (Refusal& refusal) {
    return std::move(refusal.error);
  } catch (const YAML::Exception& exception) {
    if (exception.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW ||
        exception.msg == YAML::ErrorMsg::END_OF_MAP_FLOW) {
      if (auto error = builder.unclosed_bracket()) {
        return std::move(*error);
      }
    }
    std::size_t offset =
        std::min(static_cast<std::size_t>(std::max(exception.mark.pos, 0)), text.size());
    if (exception.msg == YAML::ErrorMsg::ALIAS_NOT_FOUND && offset > 0) {
      --offset;  // to the "*" itself
    }
    return source.error_at_offset(offset, explain_syntax_error(source, offset, exception.msg));
  } catch (const std::exception& exception) {
    return Error{
        .kind = ErrorKind::internal,
        .message = fmt::format("{}:1:1: the YAML parser failed: {}", base::printable(file_name),
                               base::printable(exception.what(), 200)),
        .resource = std::string(file_name)};
  }
  if (!builder.has_root()) {
    return error_at(file_name, {}, empty_message);
  }
  return builder.take_root();
}

}  // namespace omnisandbox::policy
