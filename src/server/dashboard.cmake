# The dashboard's files as C++ arrays: made by ./dev from dashboard/. Without them the server says how to get them.
set(SPARC_DASHBOARD "" CACHE PATH "The folder of assets.inc (build/dashboard), or empty")
if(SPARC_DASHBOARD)
  set_source_files_properties(dashboard.cc PROPERTIES INCLUDE_DIRECTORIES ${SPARC_DASHBOARD} COMPILE_DEFINITIONS SPARC_DASHBOARD)
endif()
