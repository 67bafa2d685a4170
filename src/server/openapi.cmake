# docs/openapi.json as a string literal, for openapi.cc.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/openapi.json)
file(READ ${CMAKE_SOURCE_DIR}/docs/openapi.json SPARC_OPENAPI_DOCUMENT)
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/generated/openapi_text.inc CONTENT "R\"openapi(@SPARC_OPENAPI_DOCUMENT@)openapi\"\n" @ONLY)
set_source_files_properties(openapi.cc PROPERTIES INCLUDE_DIRECTORIES ${CMAKE_CURRENT_BINARY_DIR}/generated)
