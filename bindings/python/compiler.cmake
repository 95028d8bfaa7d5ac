# scikit-build-core names the compiler that Python was built with where CXX is not set: g++, mostly, which CMake itself would have called c++.
# ccache takes two names for two compilers, and would compile all again that another build of the project has compiled.
find_program(omnisandbox_default_compiler c++)
if(omnisandbox_default_compiler AND DEFINED ENV{CXX})
  find_program(omnisandbox_named_compiler "$ENV{CXX}")
  if(omnisandbox_named_compiler)
    file(REAL_PATH "${omnisandbox_default_compiler}" by_default)
    file(REAL_PATH "${omnisandbox_named_compiler}" by_name)
    # Only where that is a compiler: some programs act by the name that they are called by, ccache itself and clang among them.
    if(by_default STREQUAL by_name AND by_name MATCHES "g\\+\\+[^/]*$" AND NOT by_name MATCHES "clang")
      set(ENV{CXX} "${omnisandbox_default_compiler}")
    endif()
  endif()
endif()
