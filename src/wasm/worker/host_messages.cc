#include "wasm/worker/host_messages.h"

#include <chrono>
#include <utility>

#include "wasm/worker/wire.h"

namespace omnisandbox::wasm::worker {
namespace {

constexpr auto last_request = static_cast<std::uint8_t>(std::variant_size_v<HostRequest> - 1);
constexpr auto last_answer = static_cast<std::uint8_t>(std::variant_size_v<HostAnswer> - 1);
// After the answers' own numbers.
constexpr std::uint8_t an_error = last_answer + 1;
constexpr auto last_write_mode = static_cast<std::uint8_t>(WriteMode::create_new);
constexpr auto last_file_type = static_cast<std::uint8_t>(FileType::other);
constexpr auto last_status = static_cast<std::uint8_t>(Status::failed);
constexpr auto last_error_kind = static_cast<std::uint8_t>(ErrorKind::internal);
constexpr auto last_capability = static_cast<std::uint8_t>(Capability::exec_run);

template <class Enumeration>
void write_choice(Writer& writer, Enumeration value) {
  writer.number(static_cast<std::uint8_t>(value));
}

void write_headers(Writer& writer, const std::vector<HttpHeader>& headers) {
  writer.number(static_cast<std::uint32_t>(headers.size()));
  for (const HttpHeader& header : headers) {
    writer.text(header.name);
    writer.text(header.value);
  }
}

std::vector<HttpHeader> read_headers(Reader& reader) {
  const auto count = reader.number<std::uint32_t>();
  std::vector<HttpHeader> headers;
  // Each takes eight bytes at least, so a count alone reserves nothing.
  for (std::uint32_t index = 0; index < count && reader.is_good(); ++index) {
    std::string name(reader.text());
    headers.push_back({.name = std::move(name), .value = std::string(reader.text())});
  }
  return headers;
}

struct WriteRequest {
  Writer& writer;
  void operator()(const WriteFile& request) const {
    writer.text(request.path);
    write_choice(writer, request.mode);
    writer.rest(request.content);
  }
  void operator()(const HttpRequest& request) const {
    writer.text(request.url);
    writer.text(request.method);
    write_headers(writer, request.headers);
    writer.rest(request.body);
  }
  void operator()(const CommandRequest& request) const {
    writer.text(request.command);
    writer.texts(request.args);
    writer.rest(request.stdin_data);
  }
  /// Of those that have nothing but a path.
  template <class PathRequest>
  void operator()(const PathRequest& request) const {
    writer.rest(request.path);
  }
};

HostRequest read_request(Reader& reader) {
  switch (reader.choice(last_request)) {
    case 0:
      return ReadFile{reader.rest()};
    case 1: {
      WriteFile request{.path = reader.text(), .content = {}};
      request.mode = static_cast<WriteMode>(reader.choice(last_write_mode));
      request.content = reader.rest();
      return request;
    }
    case 2:
      return StatFile{reader.rest()};
    case 3:
      return ListDirectory{reader.rest()};
    case 4:
      return DeleteFile{reader.rest()};
    case 5:
      return MakeDirectory{reader.rest()};
    case 6: {
      HttpRequest request;
      request.url = reader.text();
      request.method = reader.text();
      request.headers = read_headers(reader);
      request.body = reader.rest();
      return request;
    }
    default: {
      CommandRequest request;
      request.command = reader.text();
      request.args = reader.texts();
      request.stdin_data = reader.rest();
      return request;
    }
  }
}

struct WriteAnswer {
  Writer& writer;
  void operator()(std::monostate) const {}
  void operator()(const std::string& content) const { writer.rest(content); }
  void operator()(const FileInfo& info) const {
    write_choice(writer, info.type);
    writer.number(info.size_bytes);
    writer.number(static_cast<std::int64_t>(info.modified.time_since_epoch().count()));
    writer.number(info.mode);
  }
  void operator()(const std::vector<DirectoryEntry>& entries) const {
    writer.number(static_cast<std::uint32_t>(entries.size()));
    for (const DirectoryEntry& entry : entries) {
      write_choice(writer, entry.type);
      writer.text(entry.name);
    }
  }
  void operator()(const HttpResponse& response) const {
    writer.number(static_cast<std::int32_t>(response.status));
    write_headers(writer, response.headers);
    writer.text(response.final_url);
    writer.rest(response.body);
  }
  void operator()(const Result& result) const {
    write_choice(writer, result.status);
    writer.number(static_cast<std::int32_t>(result.exit_code));
    writer.number(static_cast<std::uint8_t>(result.stdout_truncated ? 1 : 0));
    writer.number(static_cast<std::uint8_t>(result.stderr_truncated ? 1 : 0));
    writer.text(result.stderr_data);
    writer.rest(result.stdout_data);
  }
};

std::vector<DirectoryEntry> read_entries(Reader& reader) {
  const auto count = reader.number<std::uint32_t>();
  std::vector<DirectoryEntry> entries;
  for (std::uint32_t index = 0; index < count && reader.is_good(); ++index) {
    const auto type = static_cast<FileType>(reader.choice(last_file_type));
    entries.push_back({.name = std::string(reader.text()), .type = type});
  }
  return entries;
}

FileInfo read_file_info(Reader& reader) {
  FileInfo info;
  info.type = static_cast<FileType>(reader.choice(last_file_type));
  info.size_bytes = reader.number<std::uint64_t>();
  info.modified = std::chrono::system_clock::time_point(
      std::chrono::system_clock::duration(reader.number<std::int64_t>()));
  info.mode = reader.number<std::uint32_t>();
  return info;
}

HttpResponse read_response(Reader& reader) {
  HttpResponse response;
  response.status = reader.number<std::int32_t>();
  response.headers = read_headers(reader);
  response.final_url = reader.text();
  response.body = reader.rest();
  return response;
}

Result read_result(Reader& reader) {
  Result result;
  result.status = static_cast<Status>(reader.choice(last_status));
  result.exit_code = reader.number<std::int32_t>();
  result.stdout_truncated = reader.choice(1) == 1;
  result.stderr_truncated = reader.choice(1) == 1;
  result.stderr_data = reader.text();
  result.stdout_data = reader.rest();
  return result;
}

void write_error(Writer& writer, const Error& error) {
  write_choice(writer, error.kind);
  writer.text(error.message);
  writer.text(error.resource);
  writer.number(static_cast<std::uint8_t>(error.denial ? 1 : 0));
  if (error.denial) {
    write_choice(writer, error.denial->capability);
    writer.text(error.denial->resource);
    writer.text(error.denial->rule);
    writer.text(error.denial->reason);
    writer.text(error.denial->remedy);
  }
}

Error read_error(Reader& reader) {
  Error error;
  error.kind = static_cast<ErrorKind>(reader.choice(last_error_kind));
  error.message = reader.text();
  error.resource = reader.text();
  if (reader.choice(1) == 1) {
    Denial& denial = error.denial.emplace();
    denial.capability = static_cast<Capability>(reader.choice(last_capability));
    denial.resource = reader.text();
    denial.rule = reader.text();
    denial.reason = reader.text();
    denial.remedy = reader.text();
  }
  return error;
}

Expected<HostAnswer> read_answer(Reader& reader) {
  switch (reader.choice(an_error)) {
    case 0:
      return HostAnswer();
    case 1:
      return HostAnswer(std::string(reader.rest()));
    case 2:
      return HostAnswer(read_file_info(reader));
    case 3:
      return HostAnswer(read_entries(reader));
    case 4:
      return HostAnswer(read_response(reader));
    case 5:
      return HostAnswer(read_result(reader));
    default:
      return read_error(reader);
  }
}

}  // namespace

std::string encode(const HostRequest& request) {
  Writer writer;
  writer.number(static_cast<std::uint8_t>(request.index()));
  std::visit(WriteRequest{writer}, request);
  return writer.take();
}

std::optional<HostRequest> decode_host_request(std::string_view bytes) {
  Reader reader(bytes);
  HostRequest request = read_request(reader);
  return reader.is_whole() ? std::optional(std::move(request)) : std::nullopt;
}

std::string encode(const Expected<HostAnswer>& answer) {
  Writer writer;
  if (!answer) {
    writer.number(an_error);
    write_error(writer, answer.error());
    return writer.take();
  }
  writer.number(static_cast<std::uint8_t>(answer->index()));
  std::visit(WriteAnswer{writer}, *answer);
  return writer.take();
}

std::optional<Expected<HostAnswer>> decode_host_answer(std::string_view bytes) {
  Reader reader(bytes);
  Expected<HostAnswer> answer = read_answer(reader);
  if (!reader.is_whole()) {
    return std::nullopt;
  }
  return answer;
}

}  // namespace omnisandbox::wasm::worker
