#include "c_api/call.h"

using namespace omnisandbox;
using c_api::bytes_of;
using c_api::give;
using c_api::guarded;
using c_api::require;
using c_api::view;

omnisandbox_error_t* omnisandbox_request_create(omnisandbox_bytes_t url,
                                                omnisandbox_request_t** request) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"request", request}}));
    *request = nullptr;
    give(request, HttpRequest{.url = std::string(TRY(view(url, "url")))});
    return {};
  });
}

void omnisandbox_request_free(omnisandbox_request_t* request) { c_api::free_handle(request); }

omnisandbox_error_t* omnisandbox_request_set_method(omnisandbox_request_t* request,
                                                    omnisandbox_bytes_t method) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"request", request}}));
    request->request.method = TRY(view(method, "method"));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_request_add_header(omnisandbox_request_t* request,
                                                    omnisandbox_bytes_t name,
                                                    omnisandbox_bytes_t value) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"request", request}}));
    std::string named(TRY(view(name, "name")));
    std::string valued(TRY(view(value, "value")));
    request->request.headers.push_back({std::move(named), std::move(valued)});
    return {};
  });
}

omnisandbox_error_t* omnisandbox_request_set_body(omnisandbox_request_t* request,
                                                  omnisandbox_bytes_t body) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"request", request}}));
    request->request.body = TRY(view(body, "body"));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_request_set_body_callback(omnisandbox_request_t* request,
                                                           omnisandbox_body_callback_t callback,
                                                           void* user_data) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"request", request}}));
    request->request.on_body = nullptr;
    if (callback != nullptr) {
      request->request.on_body = [=](std::string_view piece) {
        return callback(user_data, bytes_of(piece));
      };
    }
    return {};
  });
}

omnisandbox_error_t* omnisandbox_http_fetch(omnisandbox_functions_t* functions,
                                            const omnisandbox_request_t* request,
                                            omnisandbox_response_t** response) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"response", response}}));
    *response = nullptr;
    TRY(require({{"functions", functions}, {"request", request}}));
    give(response, TRY(functions->functions.http_fetch(request->request)));
    return {};
  });
}

void omnisandbox_response_free(omnisandbox_response_t* response) { c_api::free_handle(response); }

int omnisandbox_response_status(const omnisandbox_response_t* response) {
  return response->response.status;
}

size_t omnisandbox_response_header_count(const omnisandbox_response_t* response) {
  return response->response.headers.size();
}

omnisandbox_bytes_t omnisandbox_response_header_name(const omnisandbox_response_t* response,
                                                     size_t index) {
  const auto& headers = response->response.headers;
  return index < headers.size() ? bytes_of(headers[index].name) : bytes_of({});
}

omnisandbox_bytes_t omnisandbox_response_header_value(const omnisandbox_response_t* response,
                                                      size_t index) {
  const auto& headers = response->response.headers;
  return index < headers.size() ? bytes_of(headers[index].value) : bytes_of({});
}

omnisandbox_bytes_t omnisandbox_response_body(const omnisandbox_response_t* response) {
  return bytes_of(response->response.body);
}

omnisandbox_bytes_t omnisandbox_response_final_url(const omnisandbox_response_t* response) {
  return bytes_of(response->response.final_url);
}
