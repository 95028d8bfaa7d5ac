#include "wasm/worker/messages.h"

#include "wasm/guest_run.h"
#include "wasm/worker/type_messages.h"
#include "wasm/worker/wire.h"

namespace omnisandbox::wasm::worker {
namespace {

constexpr auto last_error_kind = static_cast<std::uint8_t>(ErrorKind::internal);
constexpr auto last_status = static_cast<std::uint8_t>(Status::failed);
constexpr auto last_guests = static_cast<std::uint8_t>(Guests::interpreter);
constexpr auto last_run_kind = static_cast<std::uint8_t>(RunKind::session_snippet);
constexpr auto last_end = static_cast<std::uint8_t>(GuestCall::End::failed);

void write_error(Writer& writer, const std::optional<Error>& error) {
  writer.number(static_cast<std::uint8_t>(error ? 1 : 0));
  if (error) {
    writer.number(static_cast<std::uint8_t>(error->kind));
    writer.text(std::string_view(error->message).substr(0, max_error_text_bytes));
  }
}

std::optional<Error> read_error(Reader& reader) {
  if (reader.choice(1) == 0) {
    return std::nullopt;
  }
  Error error;
  error.kind = static_cast<ErrorKind>(reader.choice(last_error_kind));
  error.message = std::string(reader.text().substr(0, max_error_text_bytes));
  return error;
}

void write_shape(Writer& writer, const component::ComponentShape& shape) {
  writer.number(shape.memory_count);
  writer.number(shape.largest_minimum_memory_bytes);
  writer.number(shape.table_count);
}

component::ComponentShape read_component_shape(Reader& reader) {
  component::ComponentShape shape;
  shape.memory_count = reader.number<std::uint64_t>();
  shape.largest_minimum_memory_bytes = reader.number<std::uint64_t>();
  shape.table_count = reader.number<std::uint64_t>();
  return shape;
}

void write_shape(Writer& writer, const ModuleShape& shape) {
  writer.number(shape.memory_count);
  writer.number(shape.minimum_memory_bytes);
  writer.number(shape.table_count);
  writer.number(shape.function_count);
  writer.number(shape.largest_function_bytes);
  writer.number(static_cast<std::uint8_t>(shape.has_start_function ? 1 : 0));
}

ModuleShape read_module_shape(Reader& reader) {
  ModuleShape shape;
  shape.memory_count = reader.number<std::uint64_t>();
  shape.minimum_memory_bytes = reader.number<std::uint64_t>();
  shape.table_count = reader.number<std::uint64_t>();
  shape.function_count = reader.number<std::uint64_t>();
  shape.largest_function_bytes = reader.number<std::uint64_t>();
  shape.has_start_function = reader.choice(1) == 1;
  return shape;
}

void write_shape(Writer& writer, const CodeShape& shape) {
  writer.number(static_cast<std::uint8_t>(shape.index()));
  std::visit([&](const auto& of_kind) { write_shape(writer, of_kind); }, shape);
}

CodeShape read_shape(Reader& reader) {
  if (reader.choice(1) == 1) {
    return read_component_shape(reader);
  }
  return read_module_shape(reader);
}

void write_optional_text(Writer& writer, const std::optional<std::string>& text) {
  writer.number(static_cast<std::uint8_t>(text ? 1 : 0));
  if (text) {
    writer.text(*text);
  }
}

std::optional<std::string> read_optional_text(Reader& reader) {
  if (reader.choice(1) == 0) {
    return std::nullopt;
  }
  return std::string(reader.text());
}

template <class Message>
std::optional<Message> if_whole(const Reader& reader, Message message) {
  return reader.is_whole() ? std::optional<Message>(std::move(message)) : std::nullopt;
}

}  // namespace

std::string encode(const Configure& message) {
  Writer writer;
  writer.number(static_cast<std::uint8_t>(message.role));
  writer.number(static_cast<std::uint8_t>(message.guests));
  writer.number(static_cast<std::uint8_t>(message.metered ? 1 : 0));
  writer.number(message.memory_limit_bytes);
  writer.number(message.max_output_bytes);
  writer.number(message.max_file_bytes);
  writer.number(message.max_response_bytes);
  writer.number(message.fuel);
  writer.number(message.timeout_ms);
  writer.number(message.data_bytes);
  write_shape(writer, message.interpreter);
  return writer.take();
}

template <>
std::optional<Configure> decode<Configure>(std::string_view bytes) {
  Reader reader(bytes);
  Configure message;
  message.role = static_cast<Role>(reader.choice(1));
  message.guests = static_cast<Guests>(reader.choice(last_guests));
  message.metered = reader.choice(1) == 1;
  message.memory_limit_bytes = reader.number<std::uint64_t>();
  message.max_output_bytes = reader.number<std::uint64_t>();
  message.max_file_bytes = reader.number<std::uint64_t>();
  message.max_response_bytes = reader.number<std::uint64_t>();
  message.fuel = reader.number<std::uint64_t>();
  message.timeout_ms = reader.number<std::uint64_t>();
  message.data_bytes = reader.number<std::uint64_t>();
  message.interpreter = read_component_shape(reader);
  return if_whole(reader, message);
}

std::string encode(const Hello& message) {
  Writer writer;
  writer.text(message.build);
  writer.number(message.layers);
  write_error(writer, message.error);
  return writer.take();
}

template <>
std::optional<Hello> decode<Hello>(std::string_view bytes) {
  Reader reader(bytes);
  Hello message;
  message.build = std::string(reader.text());
  message.layers = reader.number<std::uint32_t>();
  message.error = read_error(reader);
  return if_whole(reader, std::move(message));
}

std::string encode(const Load& message) {
  Writer writer;
  writer.number(message.module);
  write_shape(writer, message.shape);
  return writer.take();
}

template <>
std::optional<Load> decode<Load>(std::string_view bytes) {
  Reader reader(bytes);
  Load message{.module = reader.number<std::uint64_t>()};
  message.shape = read_shape(reader);
  return if_whole(reader, message);
}

std::string encode(const Unload& message) {
  Writer writer;
  writer.number(message.module);
  return writer.take();
}

template <>
std::optional<Unload> decode<Unload>(std::string_view bytes) {
  Reader reader(bytes);
  const Unload message{.module = reader.number<std::uint64_t>()};
  return if_whole(reader, message);
}

std::string encode(const Loaded& message) {
  Writer writer;
  write_error(writer, message.error);
  return writer.take();
}

template <>
std::optional<Loaded> decode<Loaded>(std::string_view bytes) {
  Reader reader(bytes);
  Loaded message{.error = read_error(reader)};
  return if_whole(reader, std::move(message));
}

std::string encode(const List& message) {
  Writer writer;
  writer.number(message.module);
  return writer.take();
}

template <>
std::optional<List> decode<List>(std::string_view bytes) {
  Reader reader(bytes);
  const List message{.module = reader.number<std::uint64_t>()};
  return if_whole(reader, message);
}

std::string encode(const Listed& message) {
  Writer writer;
  write_error(writer, message.error);
  write_functions(writer, message.functions);
  return writer.take();
}

template <>
std::optional<Listed> decode<Listed>(std::string_view bytes) {
  Reader reader(bytes);
  Listed message;
  message.error = read_error(reader);
  message.functions = read_functions(reader);
  return if_whole(reader, std::move(message));
}

std::string encode(const Run& message) {
  Writer writer;
  writer.number(static_cast<std::uint8_t>(message.kind));
  writer.number(message.module);
  writer.number(static_cast<std::int64_t>(message.deadline.time_since_epoch().count()));
  writer.number(message.timeout_ms);
  writer.number(message.spin_us);
  writer.texts(message.args);
  writer.texts(message.environment);
  writer.text(message.text);
  writer.texts(message.arguments_json);
  writer.rest(message.stdin_data);
  return writer.take();
}

template <>
std::optional<Run> decode<Run>(std::string_view bytes) {
  Reader reader(bytes);
  Run message;
  message.kind = static_cast<RunKind>(reader.choice(last_run_kind));
  message.module = reader.number<std::uint64_t>();
  message.deadline = std::chrono::steady_clock::time_point(
      std::chrono::steady_clock::duration(reader.number<std::int64_t>()));
  message.timeout_ms = reader.number<std::uint64_t>();
  message.spin_us = reader.number<std::uint32_t>();
  message.args = reader.texts();
  message.environment = reader.texts();
  message.text = std::string(reader.text());
  message.arguments_json = reader.texts();
  message.stdin_data = std::string(reader.rest());
  return if_whole(reader, std::move(message));
}

std::string encode(const Call& message) {
  Writer writer;
  writer.number(message.function);
  for (const std::uint64_t argument : message.arguments) {
    writer.number(argument);
  }
  writer.number(message.extra_bytes);
  writer.number(message.answer_from);
  writer.rest(message.memory);
  return writer.take();
}

template <>
std::optional<Call> decode<Call>(std::string_view bytes) {
  Reader reader(bytes);
  Call message;
  message.function = reader.number<std::uint16_t>();
  for (std::uint64_t& argument : message.arguments) {
    argument = reader.number<std::uint64_t>();
  }
  message.extra_bytes = reader.number<std::uint32_t>();
  message.answer_from = reader.number<std::uint32_t>();
  message.memory = reader.rest();
  return if_whole(reader, message);
}

std::string encode(const CallReply& message) {
  Writer writer;
  writer.number(message.result);
  writer.number(message.end);
  writer.text(message.end_message);
  writer.rest(message.memory);
  return writer.take();
}

template <>
std::optional<CallReply> decode<CallReply>(std::string_view bytes) {
  Reader reader(bytes);
  CallReply message;
  message.result = reader.number<std::uint64_t>();
  message.end = reader.choice(last_end);
  message.end_message = std::string(reader.text());
  message.memory = reader.rest();
  return if_whole(reader, std::move(message));
}

std::string encode(const Output& message) {
  Writer writer;
  writer.number(message.stream);
  writer.number(message.dropped_bytes);
  writer.rest(message.bytes);
  return writer.take();
}

template <>
std::optional<Output> decode<Output>(std::string_view bytes) {
  Reader reader(bytes);
  Output message;
  message.stream = reader.choice(2);
  message.dropped_bytes = reader.number<std::uint64_t>();
  message.bytes = reader.rest();
  return message.stream == 0 ? std::nullopt : if_whole(reader, message);
}

std::string encode(const Streams& message) {
  Writer writer;
  writer.number(message.stdin_position);
  return writer.take();
}

template <>
std::optional<Streams> decode<Streams>(std::string_view bytes) {
  Reader reader(bytes);
  const Streams message{.stdin_position = reader.number<std::uint64_t>()};
  return if_whole(reader, message);
}

std::string encode(const Finished& message) {
  Writer writer;
  writer.number(static_cast<std::uint8_t>(message.status));
  writer.number(message.exit_code);
  write_error(writer, message.error);
  writer.number(message.peak_memory_bytes);
  writer.number(static_cast<std::uint8_t>(message.fuel_consumed ? 1 : 0));
  writer.number(message.fuel_consumed.value_or(0));
  write_optional_text(writer, message.value);
  writer.number(static_cast<std::uint8_t>(message.value_truncated ? 1 : 0));
  writer.number(static_cast<std::uint8_t>(message.can_go_on ? 1 : 0));
  return writer.take();
}

template <>
std::optional<Finished> decode<Finished>(std::string_view bytes) {
  Reader reader(bytes);
  Finished message;
  message.status = static_cast<Status>(reader.choice(last_status));
  message.exit_code = reader.number<std::int32_t>();
  message.error = read_error(reader);
  message.peak_memory_bytes = reader.number<std::uint64_t>();
  const bool has_fuel = reader.choice(1) == 1;
  const auto fuel = reader.number<std::uint64_t>();
  if (has_fuel) {
    message.fuel_consumed = fuel;
  } else if (fuel != 0) {
    return std::nullopt;
  }
  message.value = read_optional_text(reader);
  message.value_truncated = reader.choice(1) == 1;
  message.can_go_on = reader.choice(1) == 1;
  return if_whole(reader, std::move(message));
}

std::string encode(const Compiled& message) {
  Writer writer;
  write_error(writer, message.error);
  write_shape(writer, message.shape);
  return writer.take();
}

template <>
std::optional<Compiled> decode<Compiled>(std::string_view bytes) {
  Reader reader(bytes);
  Compiled message;
  message.error = read_error(reader);
  message.shape = read_shape(reader);
  return if_whole(reader, std::move(message));
}

}  // namespace omnisandbox::wasm::worker
