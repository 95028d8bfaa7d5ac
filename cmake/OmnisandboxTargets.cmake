# One static library for each folder of src/, so that the layers show in the link graph.
#   omnisandbox_library(policy SOURCES a.cc b.cc DEPENDS linux base LIBRARIES idn2 TESTS a_test.cc)
# makes the target omnisandbox_policy, and the test program omnisandbox_policy_test.
add_library(omnisandbox_options INTERFACE)
target_include_directories(omnisandbox_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(omnisandbox_options INTERFACE cxx_std_20)

add_library(omnisandbox_private_options INTERFACE)
target_include_directories(omnisandbox_private_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(omnisandbox_private_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-omit-frame-pointer -fstack-protector-strong)
if(CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT OMNISANDBOX_SANITIZE)
  target_compile_definitions(omnisandbox_private_options INTERFACE _FORTIFY_SOURCE=2)
endif()
if(OMNISANDBOX_SANITIZE)
  add_compile_options(-fsanitize=${OMNISANDBOX_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OMNISANDBOX_SANITIZE})
endif()
if(OMNISANDBOX_BUILD_FUZZERS)
  # Everything tells libFuzzer which branches an input took; its main() is in the fuzz targets alone.
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports false positives inside libstdc++ and fmt for these at -O2 (GCC bugs 105329, 105651, 107852).
  target_compile_options(omnisandbox_private_options INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow
                         -Wno-stringop-overread -Wno-maybe-uninitialized)
else()
  # libseccomp's macros for comparisons are compound literals, also where C++ includes them.
  target_compile_options(omnisandbox_private_options INTERFACE -Wno-c99-extensions)
endif()

find_program(OMNISANDBOX_CCACHE ccache)
if(OMNISANDBOX_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${OMNISANDBOX_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${OMNISANDBOX_CCACHE})
endif()
# Linking wasmtime (120 MB) takes seconds with the default linker and a fraction of one with lld.
find_program(OMNISANDBOX_LLD NAMES ld.lld ld.lld-14)
if(OMNISANDBOX_LLD)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    get_filename_component(lld_name ${OMNISANDBOX_LLD} REALPATH)
    get_filename_component(lld_folder ${lld_name} DIRECTORY)
    add_link_options(-B${lld_folder} -fuse-ld=lld)
  else()
    add_link_options(-fuse-ld=lld)
  endif()
endif()

# The engine's archive holds far more than is used of it: what is left out has no relocations, each page of which costs a
# start some 20 µs.
add_link_options(-Wl,--gc-sections)

# Reading the same headers in each file takes half of the time of a build with sanitizers. The other builds do without,
# so that a file that forgets an include is found.
option(OMNISANDBOX_PRECOMPILED_HEADERS "Precompile the headers that most files include" OFF)
if(OMNISANDBOX_PRECOMPILED_HEADERS)
  set(CMAKE_PCH_INSTANTIATE_TEMPLATES ON)
  add_compile_options(-pthread)  # as whatever links a thread library has it, and all must agree
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Without it the same headers never give the same file, which ccache needs.
    add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
  file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/precompiled.cc" CONTENT "int main() {}\n")
  set(library_headers <algorithm> <array> <chrono> <functional> <map> <memory> <mutex> <optional> <span> <string> <string_view>
      <thread> <utility> <variant> <vector> <fmt/format.h> <nlohmann/json.hpp> <tl/expected.hpp>)
  # What goes into libraries is compiled otherwise than what goes into test programs, and needs headers of its own.
  add_library(omnisandbox_precompiled OBJECT "${PROJECT_BINARY_DIR}/precompiled.cc")
  target_link_libraries(omnisandbox_precompiled PRIVATE omnisandbox_options omnisandbox_private_options)
  target_precompile_headers(omnisandbox_precompiled PRIVATE ${library_headers})
  add_executable(omnisandbox_precompiled_test EXCLUDE_FROM_ALL "${PROJECT_BINARY_DIR}/precompiled.cc")
  target_link_libraries(omnisandbox_precompiled_test PRIVATE omnisandbox_options omnisandbox_private_options GTest::gmock)
  target_compile_options(omnisandbox_precompiled_test PRIVATE -O0 -U_FORTIFY_SOURCE)
  target_precompile_headers(omnisandbox_precompiled_test PRIVATE ${library_headers} <gmock/gmock.h> <gtest/gtest.h>)
endif()

set_property(GLOBAL PROPERTY omnisandbox_libraries "")

# Seconds after which ctest ends a single test: sanitizers are slow.
set(omnisandbox_test_timeout 120)
if(OMNISANDBOX_SANITIZE)
  set(omnisandbox_test_timeout 480)
endif()

# COST of a test that takes many seconds, most of them waiting: ctest starts those first, also where it has measured none, and
# what is short fills the processors beside them.
set(omnisandbox_long_test 60)

function(omnisandbox_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LIBRARIES;TESTS;TEST_LIBRARIES" ${ARGN})
  set(target omnisandbox_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  target_link_libraries(${target} PUBLIC omnisandbox_options PRIVATE $<BUILD_INTERFACE:omnisandbox_private_options>)
  foreach(dependency IN LISTS arg_DEPENDS)
    target_link_libraries(${target} PUBLIC omnisandbox_${dependency})
  endforeach()
  target_link_libraries(${target} PUBLIC ${arg_LIBRARIES})
  if(OMNISANDBOX_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} REUSE_FROM omnisandbox_precompiled)
  endif()
  if(OMNISANDBOX_COVERAGE)
    # Threads count alike.
    target_compile_options(${target} PRIVATE --coverage -fprofile-update=atomic)
    # Tests that end a process without its destructors write the counts themselves (src/base/test_child.h).
    target_link_options(${target} INTERFACE --coverage -Wl,-u,__gcov_dump)
  endif()
  set_property(GLOBAL APPEND PROPERTY omnisandbox_libraries ${target})
  if(OMNISANDBOX_BUILD_TESTS AND arg_TESTS)
    omnisandbox_test(${name}_test SOURCES ${arg_TESTS} LIBRARIES ${target} ${arg_TEST_LIBRARIES})
  endif()
endfunction()

# omnisandbox_installed_place(source DEFINITION path): what `source` looks for under the install prefix, as text in DEFINITION. Of that
# file alone: a prefix that changes compiles no other again. A wheel has no such place: its prefix is a folder that goes with
# the build, and the package says where its programs are.
function(omnisandbox_installed_place source definition path)
  if(SKBUILD)
    set(path "")
  endif()
  set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_DEFINITIONS "${definition}=\"${path}\"")
endfunction()

# Under the thread sanitizer some programs are run alone (scripts/thread_sanitizer.sh), which ctest chooses by label.
function(omnisandbox_test_labels result name)
  set(labels "")
  if(OMNISANDBOX_SANITIZE STREQUAL "thread")
    set(labels LABELS ${name})
  endif()
  set(${result} ${labels} PARENT_SCOPE)
endfunction()

# omnisandbox_test(name SOURCES … LIBRARIES …): a GoogleTest program whose tests ctest lists one by one.
function(omnisandbox_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  set(target omnisandbox_${name})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE omnisandbox_private_options ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
  # What is tested is optimised; optimising the assertions about it takes half of the time of a build, and more with
  # sanitizers.
  target_compile_options(${target} PRIVATE -O0 -U_FORTIFY_SOURCE)
  if(OMNISANDBOX_COVERAGE)
    # Of the inline functions of headers the linker takes the test's copy.
    target_compile_options(${target} PRIVATE --coverage -fprofile-update=atomic)
  endif()
  if(OMNISANDBOX_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} REUSE_FROM omnisandbox_precompiled_test)
  endif()
  omnisandbox_test_labels(labels ${name})
  gtest_discover_tests(${target} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${omnisandbox_test_timeout} ${labels})
endfunction()

# The tests of a program that `filter` names (as --gtest_filter), once more with guests in worker processes.
function(omnisandbox_also_in_workers target filter)
  add_dependencies(${target} omnisandbox_worker)
  string(REGEX REPLACE "^omnisandbox_" "" name ${target})
  omnisandbox_test_labels(labels ${name})
  gtest_discover_tests(${target} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST TEST_SUFFIX .in_worker TEST_FILTER "${filter}"
                       PROPERTIES TIMEOUT ${omnisandbox_test_timeout} ENVIRONMENT OMNISANDBOX_TEST_ISOLATION=worker ${labels})
endfunction()
