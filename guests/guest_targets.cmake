# How guests are built: C and the text format by clang and wasm-ld, Go by its own compiler.
#   omnisandbox_guest(echo SOURCES examples/echo.c)       → <build>/guests/echo.wasm
#   omnisandbox_guest(endless_loop SOURCES endless_loop.wat)  → <build>/guests/endless_loop.wat, copied: the Runtime reads it
#   omnisandbox_go_guest(hello_go FOLDER ../examples/hello_go) → <build>/guests/hello_go.wasm
# A test program that runs guests links `omnisandbox_guests`: it then waits for them to be built, and finds their folder in the
# macro OMNISANDBOX_GUESTS_DIR.
include_guard(GLOBAL)

set(OMNISANDBOX_GUESTS_DIR "${PROJECT_BINARY_DIR}/guests" CACHE INTERNAL "Where built guests are")
set(OMNISANDBOX_GUEST_SDK_DIR "${CMAKE_CURRENT_LIST_DIR}/sdk" CACHE INTERNAL "The guest SDKs")
file(MAKE_DIRECTORY "${OMNISANDBOX_GUESTS_DIR}")

# The sysroot of Debian's wasi-libc is /usr; a WASI SDK has its own.
set(OMNISANDBOX_WASI_SYSROOT "/usr" CACHE PATH "Folder that holds include/wasm32-wasi and lib/wasm32-wasi")
find_program(OMNISANDBOX_WASI_CLANG NAMES clang-14 clang DOC "Compiler of C guests")
find_program(OMNISANDBOX_WASM_LD NAMES wasm-ld-14 wasm-ld DOC "Linker of C guests")
if(NOT OMNISANDBOX_WASI_CLANG OR NOT OMNISANDBOX_WASM_LD
   OR NOT EXISTS "${OMNISANDBOX_WASI_SYSROOT}/lib/wasm32-wasi/libc.a")
  message(FATAL_ERROR
    "The guests that the tests run need a C compiler for WebAssembly (found: clang '${OMNISANDBOX_WASI_CLANG}', "
    "wasm-ld '${OMNISANDBOX_WASM_LD}', wasi-libc under '${OMNISANDBOX_WASI_SYSROOT}'). Install them with\n"
    "  apt-get install clang-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32\n"
    "or configure with -DOMNISANDBOX_BUILD_TESTS=OFF -DOMNISANDBOX_BUILD_BENCHMARKS=OFF.")
endif()
find_program(OMNISANDBOX_GO NAMES go PATHS /usr/local/go/bin DOC "Go, for the guests in Go")
if(NOT OMNISANDBOX_GO)
  message(WARNING "No Go compiler: the Go SDK's guests and tests, and the comparison with wazero, are left out. "
                  "Install Go 1.21 or newer, or point -DOMNISANDBOX_GO at it.")
endif()

if(NOT TARGET omnisandbox_guests)
  add_library(omnisandbox_guests INTERFACE)
  target_compile_definitions(omnisandbox_guests INTERFACE OMNISANDBOX_GUESTS_DIR="${OMNISANDBOX_GUESTS_DIR}")
  # `ninja guests` builds every guest and nothing else.
  add_custom_target(guests)
endif()

# The stack lies below the data, so that a guest which overflows it traps instead of overwriting its own variables.
set(OMNISANDBOX_GUEST_C_FLAGS
  --target=wasm32-wasi --sysroot=${OMNISANDBOX_WASI_SYSROOT} -std=gnu11 -O2 -Wall -Wextra -Werror
  -I${OMNISANDBOX_GUEST_SDK_DIR}/c -Wl,--stack-first -Wl,--strip-debug CACHE INTERNAL "")

function(_omnisandbox_register_guest name output)
  add_custom_target(guest_${name} ALL DEPENDS "${output}")
  add_dependencies(omnisandbox_guests guest_${name})
  add_dependencies(guests guest_${name})
endfunction()

function(omnisandbox_guest name)
  cmake_parse_arguments(arg "" "" "SOURCES;FLAGS" ${ARGN})
  set(sources "")
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(source "${source}" ABSOLUTE)
    list(APPEND sources "${source}")
  endforeach()
  if(sources MATCHES "\\.wat$")
    set(output "${OMNISANDBOX_GUESTS_DIR}/${name}.wat")
    add_custom_command(OUTPUT "${output}" DEPENDS ${sources} VERBATIM
      COMMAND ${CMAKE_COMMAND} -E copy ${sources} "${output}")
  else()
    set(output "${OMNISANDBOX_GUESTS_DIR}/${name}.wasm")
    add_custom_command(OUTPUT "${output}"
      DEPENDS ${sources} "${OMNISANDBOX_GUEST_SDK_DIR}/c/omnisandbox.h" VERBATIM
      COMMAND ${OMNISANDBOX_WASI_CLANG} ${OMNISANDBOX_GUEST_C_FLAGS} ${arg_FLAGS} -o "${output}" ${sources}
      COMMENT "Building guest ${name}.wasm")
  endif()
  _omnisandbox_register_guest(${name} "${output}")
endfunction()

# Go's own settings, made independent of the machine's: no network, no other Go version, no workspace.
set(OMNISANDBOX_GO_ENVIRONMENT GOPROXY=off GOTOOLCHAIN=local GOWORK=off GOFLAGS= CACHE INTERNAL "")
if(NOT DEFINED ENV{HOME} AND NOT DEFINED ENV{XDG_CACHE_HOME} AND NOT DEFINED ENV{GOCACHE})
  list(APPEND OMNISANDBOX_GO_ENVIRONMENT "GOCACHE=${PROJECT_BINARY_DIR}/go-cache" "GOPATH=${PROJECT_BINARY_DIR}/go-path")
endif()

function(omnisandbox_go_guest name)
  if(NOT OMNISANDBOX_GO)
    return()
  endif()
  cmake_parse_arguments(arg "" "FOLDER" "" ${ARGN})
  get_filename_component(folder "${arg_FOLDER}" ABSOLUTE)
  set(output "${OMNISANDBOX_GUESTS_DIR}/${name}.wasm")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.go" "${folder}/go.mod" "${OMNISANDBOX_GUEST_SDK_DIR}/go/*.go"
                                      "${OMNISANDBOX_GUEST_SDK_DIR}/go/go.mod")
  add_custom_command(OUTPUT "${output}" DEPENDS ${sources} VERBATIM WORKING_DIRECTORY "${folder}"
    COMMAND ${CMAKE_COMMAND} -E env ${OMNISANDBOX_GO_ENVIRONMENT} GOOS=wasip1 GOARCH=wasm
            ${OMNISANDBOX_GO} build -trimpath "-ldflags=-s -w" -o "${output}" .
    COMMENT "Building guest ${name}.wasm (Go)")
  _omnisandbox_register_guest(${name} "${output}")
endfunction()
