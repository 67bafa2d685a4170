sparc_fuzz(http_request SOURCE http/request_fuzz.cc LAYERS http base)
sparc_fuzz(http_response SOURCE http/response_fuzz.cc LAYERS http base)
sparc_fuzz(http_fields SOURCE http/fields_fuzz.cc LAYERS http base)
