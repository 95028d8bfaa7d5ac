# Installs the command, the headers, the libraries (wasmtime's included) and the CMake and pkg-config packages.
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY omnisandbox_libraries)
list(REMOVE_ITEM libraries omnisandbox_cli omnisandbox_mcp)  # the command's own
foreach(library IN LISTS libraries)
  string(REPLACE "omnisandbox_" "" short_name ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${short_name})
endforeach()
set_target_properties(omnisandbox_options PROPERTIES EXPORT_NAME options)
set_target_properties(omnisandbox_wasmtime PROPERTIES EXPORT_NAME wasmtime)

install(TARGETS omnisandbox omnisandbox_options omnisandbox_wasmtime ${libraries} EXPORT omnisandbox
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${OMNISANDBOX_WASMTIME_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RENAME libomnisandbox_wasmtime.a)
install(DIRECTORY include/omnisandbox DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY guests/sdk DESTINATION ${CMAKE_INSTALL_DATADIR}/omnisandbox)
if(OMNISANDBOX_BUILD_INTERPRETERS)
  # Compiled for the machine that built them. Looked for beside the program: <prefix>/lib/omnisandbox/interpreters.
  install(DIRECTORY "${OMNISANDBOX_INTERPRETERS_DIR}/" DESTINATION lib/omnisandbox/interpreters
          FILES_MATCHING PATTERN "*.code" PATTERN "*.shape")
endif()
install(TARGETS omnisandbox_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/omnisandbox.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/omnisandbox)
install(EXPORT omnisandbox NAMESPACE omnisandbox:: DESTINATION ${package_folder})
configure_package_config_file(cmake/omnisandboxConfig.cmake.in omnisandboxConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(omnisandboxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/omnisandboxConfig.cmake ${PROJECT_BINARY_DIR}/omnisandboxConfigVersion.cmake
        DESTINATION ${package_folder})
