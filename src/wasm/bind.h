#pragma once

#include <wasm.h>
#include <wasmtime.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "wasm/guest_run.h"
#include "wasm/host_module.h"

namespace omnisandbox::wasm {

/// Opens the call: finds the run (the store's data) and the guest's exported "memory". Without such
/// a memory it is empty.
GuestCall begin_call(wasmtime_caller_t* caller);
/// The trap for a call that ended its guest; null when it goes on.
wasm_trap_t* finish_call(const GuestCall& call) noexcept;
/// Inside a catch: ends the guest because of the exception in flight.
void fail_call(GuestCall& call) noexcept;

namespace bind_detail {

template <class T>
constexpr wasm_valkind_t value_kind() {
  static_assert(std::is_same_v<T, std::uint32_t> || std::is_same_v<T, std::int32_t> ||
                    std::is_same_v<T, std::uint64_t> || std::is_same_v<T, std::int64_t>,
                "host functions take and return i32 and i64 only");
  return sizeof(T) == 4 ? WASM_I32 : WASM_I64;
}

template <class T>
constexpr ValueWidth width_of() {
  if constexpr (std::is_void_v<T>) {
    return ValueWidth::none;
  } else {
    return sizeof(T) == 4 ? ValueWidth::bits_32 : ValueWidth::bits_64;
  }
}

template <class T>
T from_raw(const wasmtime_val_raw_t& raw) {
  if constexpr (sizeof(T) == 4) {
    return static_cast<T>(raw.i32);
  } else {
    return static_cast<T>(raw.i64);
  }
}

template <auto function, class Return, class... Args>
struct Binding {
  static wasm_trap_t* callback(void*, wasmtime_caller_t* caller, wasmtime_val_raw_t* values,
                               std::size_t) noexcept {
    GuestCall call = begin_call(caller);
    // An exception must not reach the Rust frames above: that would abort the process.
    try {
      [&]<std::size_t... index>(std::index_sequence<index...>) {
        if constexpr (std::is_void_v<Return>) {
          function(call, from_raw<Args>(values[index])...);
        } else {
          const Return result = function(call, from_raw<Args>(values[index])...);
          if constexpr (sizeof(Return) == 4) {
            values[0].i32 = static_cast<std::int32_t>(result);
          } else {
            values[0].i64 = static_cast<std::int64_t>(result);
          }
        }
      }
      (std::index_sequence_for<Args...>{});
    } catch (...) {
      fail_call(call);
    }
    return finish_call(call);
  }

  static constexpr std::array<ValueWidth, sizeof...(Args)> widths{width_of<Args>()...};

  static std::uint64_t invoke(GuestCall& call, const std::uint64_t* arguments) noexcept {
    try {
      return [&]<std::size_t... index>(std::index_sequence<index...>)->std::uint64_t {
        if constexpr (std::is_void_v<Return>) {
          function(call, static_cast<Args>(arguments[index])...);
          return 0;
        } else {
          return static_cast<std::make_unsigned_t<Return>>(
              function(call, static_cast<Args>(arguments[index])...));
        }
      }
      (std::index_sequence_for<Args...>{});
    } catch (...) {
      fail_call(call);
    }
    return 0;
  }

  static wasm_functype_t* make_type() {
    wasm_valtype_vec_t parameters;
    wasm_valtype_vec_new_uninitialized(&parameters, sizeof...(Args));
    std::size_t next = 0;
    ((parameters.data[next++] = wasm_valtype_new(value_kind<Args>())), ...);
    wasm_valtype_vec_t results;
    if constexpr (std::is_void_v<Return>) {
      wasm_valtype_vec_new_empty(&results);
    } else {
      wasm_valtype_t* kind = wasm_valtype_new(value_kind<Return>());
      wasm_valtype_vec_new(&results, 1, &kind);
    }
    return wasm_functype_new(&parameters, &results);
  }
};

template <auto function, class Return, class... Args>
constexpr HostFunctionEntry bind_as(std::string_view name, Return (*)(GuestCall&, Args...)) {
  using Bound = Binding<function, Return, Args...>;
  return HostFunctionEntry{.name = name,
                           .make_type = &Bound::make_type,
                           .callback = &Bound::callback,
                           .invoke = &Bound::invoke,
                           .parameters = Bound::widths,
                           .result = width_of<Return>()};
}

}  // namespace bind_detail

/// `bind<&fd_write>("fd_write")`: the table entry for a function `Return f(GuestCall&, Args...)`.
/// The WebAssembly type follows from the C++ one. An exception that leaves `f` ends the guest
/// (status `failed`).
template <auto function>
constexpr HostFunctionEntry bind(std::string_view name) {
  return bind_detail::bind_as<function>(name, function);
}

}  // namespace omnisandbox::wasm
