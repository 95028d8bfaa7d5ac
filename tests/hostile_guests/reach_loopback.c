// Tries to reach 127.0.0.1 in every spelling, under a policy that allows public hosts only:
// `reach_loopback PORT`. Prints "REACHED: URL" for each that answers.
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>

static void try_url(const char* url, const char* method, const char* headers) {
  int32_t handle = omnisandbox_http_fetch(method, strlen(method), url, strlen(url), headers,
                                          strlen(headers), NULL, 0);
  if (handle >= 0) {
    printf("REACHED: %s %s %s\n", method, url, headers);
    omnisandbox_result_drop(handle);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  const char* urls[] = {
      "http://127.0.0.1:%s/",
      "http://localhost:%s/",
      "http://LOCALHOST.:%s/",
      "http://2130706433:%s/",
      "http://0x7f.1:%s/",
      "http://017700000001:%s/",
      "http://127.1:%s/",
      "http://0.0.0.0:%s/",
      "http://0:%s/",
      "http://[::1]:%s/",
      "http://[::ffff:7f00:1]:%s/",
      "http://[::ffff:127.0.0.1]:%s/",
      "http://[64:ff9b::7f00:1]:%s/",
      "http://[::]:%s/",
      "http://example.com@127.0.0.1:%s/",
      "http://127.0.0.1:%s/?example.com",
      "http://127.0.0.1:%s#@example.com/",
      "http://example.com:80@127.0.0.1:%s/",
      "http://127.0.0.1\\@example.com:%s/",
      "http://127.0.0.1%%2f@example.com:%s/",
      "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:%s/",  // full-width digits
      ("http://127\xe3\x80\x82"
       "0.0.1:%s/"),  // ideographic full stop
      "HTTP://127.0.0.1:%s/",
      "http:127.0.0.1:%s",
      "http:/127.0.0.1:%s/",
      "//127.0.0.1:%s/",
      " http://127.0.0.1:%s/",
      "ftp://127.0.0.1:%s/",
      "gopher://127.0.0.1:%s/_x",
      "file:///etc/passwd?%s",
      "file://127.0.0.1:%s/etc/passwd",
      "dict://127.0.0.1:%s/x",
      "unix:///run/docker.sock?%s"};
  char url[512];
  for (size_t i = 0; i < sizeof urls / sizeof urls[0]; ++i) {
    snprintf(url, sizeof url, urls[i], argv[1]);
    try_url(url, "GET", "");
  }
  snprintf(url, sizeof url, "http://127.0.0.1:%s/", argv[1]);
  const char* methods[] = {"CONNECT", "TRACE", "POST",
                           "GET / HTTP/1.1\r\nHost: example.com\r\n\r\nGET"};
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; ++i) {
    try_url(url, methods[i], "");
  }
  char header[512];
  snprintf(header, sizeof header,
           "Host: example.com\nProxy-Authorization: x\nX-Forwarded-Host: 127.0.0.1:%s\n", argv[1]);
  try_url(url, "GET", header);
  puts("done");
  return 0;
}
