find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CURL 7.87 REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(idn2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
target_link_libraries(omnisandbox_options INTERFACE tl::expected)

if(OMNISANDBOX_BUILD_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# wasmtime: built once from the pinned crate and shared by every preset.
if(NOT EXISTS "${OMNISANDBOX_WASMTIME_ROOT}/include/wasmtime.h")
  message(STATUS "Building wasmtime into ${OMNISANDBOX_WASMTIME_ROOT} (about 5 minutes, once)")
  execute_process(COMMAND "${PROJECT_SOURCE_DIR}/scripts/build_wasmtime.sh" "${OMNISANDBOX_WASMTIME_ROOT}"
                  COMMAND_ERROR_IS_FATAL ANY)
endif()
find_library(OMNISANDBOX_WASMTIME_LIBRARY NAMES omnisandbox_wasmtime wasmtime REQUIRED
             PATHS "${OMNISANDBOX_WASMTIME_ROOT}/lib" "${OMNISANDBOX_WASMTIME_ROOT}/lib64" NO_DEFAULT_PATH)
add_library(omnisandbox_wasmtime INTERFACE)
target_include_directories(omnisandbox_wasmtime SYSTEM INTERFACE
  $<BUILD_INTERFACE:${OMNISANDBOX_WASMTIME_ROOT}/include>)
target_link_libraries(omnisandbox_wasmtime INTERFACE
  $<BUILD_INTERFACE:${OMNISANDBOX_WASMTIME_LIBRARY}>
  $<INSTALL_INTERFACE:$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}/libomnisandbox_wasmtime.a> Threads::Threads dl m)
