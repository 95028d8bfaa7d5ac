/* `network_attacks NAME [ARG…]`: ways out that do not ask the proxy, or lie to it. Each prints
 * "refused: …" or "ESCAPED: …". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { proxy_port = 3128 };

static void verdict(const char* what, long result) {
  if (result < 0) {
    printf("refused: %s: %s\n", what, strerrorname_np(errno));
  } else {
    printf("ESCAPED: %s\n", what);
  }
  fflush(stdout);
}

static int connected(const char* address, uint16_t port) {
  int handle = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval patience = {5, 0};
  setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, address, &to.sin_addr);
  if (connect(handle, (struct sockaddr*)&to, sizeof to) != 0) {
    int problem = errno;
    close(handle);
    errno = problem;
    return -1;
  }
  return handle;
}

/* args: the port of a server on the host's loopback */
static void around_proxy(char** args) {
  uint16_t port = (uint16_t)atoi(args[0]);
  verdict("the host's loopback", connected("127.0.0.1", port));
  verdict("another address of the host's loopback", connected("127.0.0.2", port));
  verdict("a public address", connected("192.0.2.1", 443));
  verdict("the metadata service", connected("169.254.169.254", 80));
  verdict("another port of the own loopback", connected("127.0.0.1", 22));
  verdict("UDP", socket(AF_INET, SOCK_DGRAM, 0));
  verdict("UDP over IPv6", socket(AF_INET6, SOCK_DGRAM, 0));
  verdict("ICMP", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
  verdict("a raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
  verdict("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  verdict("a UNIX socket", socket(AF_UNIX, SOCK_STREAM, 0));
  verdict("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
  struct addrinfo* found = NULL;
  errno = EHOSTUNREACH;
  verdict("a name lookup", getaddrinfo("example.com", "80", NULL, &found) == 0 ? 0 : -1);
  int handle = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(8080)};
  verdict("a server of its own",
          bind(handle, (struct sockaddr*)&any, sizeof any) == 0 ? listen(handle, 1) : -1);
  struct sockaddr_in6 six = {
      .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  handle = socket(AF_INET6, SOCK_STREAM, 0);
  verdict("IPv6", connect(handle, (struct sockaddr*)&six, sizeof six));
  /* TCP Fast Open would connect without connect(2). */
  handle = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  verdict("sendto with MSG_FASTOPEN",
          sendto(handle, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr*)&to, sizeof to));
}

/* args: what goes to the proxy, with \r and \n written out; prints what comes back */
static void say(char** args) {
  int handle = connected("127.0.0.1", proxy_port);
  if (handle < 0) {
    verdict("the proxy", -1);
    return;
  }
  char text[4096];
  size_t size = 0;
  for (const char* c = args[0]; *c != '\0' && size < sizeof text; ++c) {
    if (c[0] == '\\' && (c[1] == 'r' || c[1] == 'n')) {
      text[size++] = *++c == 'r' ? '\r' : '\n';
    } else {
      text[size++] = *c;
    }
  }
  send(handle, text, size, MSG_NOSIGNAL);
  ssize_t count;
  while ((count = recv(handle, text, sizeof text, 0)) > 0) fwrite(text, 1, (size_t)count, stdout);
}

/* A tunnel to args[0] (host:port), and TLS in it that asks for args[1]. */
static void other_name(char** args) {
  int handle = connected("127.0.0.1", proxy_port);
  char text[2048];
  int size =
      snprintf(text, sizeof text, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", args[0], args[0]);
  send(handle, text, (size_t)size, MSG_NOSIGNAL);
  ssize_t count = recv(handle, text, sizeof text - 1, 0);
  text[count < 0 ? 0 : count] = '\0';
  printf("%.12s\n", text);
  size_t name = strlen(args[1]);
  uint8_t hello[512] = {22, 3, 1, 0, (uint8_t)(4 + 52 + name), 1, 0, 0, (uint8_t)(52 + name), 3, 3};
  size_t at = 11 + 32; /* the random value */
  uint8_t rest[] = {0,
                    0,
                    2,
                    0x13,
                    1,
                    1,
                    0,
                    0,
                    (uint8_t)(9 + name),
                    0,
                    0,
                    0,
                    (uint8_t)(5 + name),
                    0,
                    (uint8_t)(3 + name),
                    0,
                    0,
                    (uint8_t)name};
  memcpy(hello + at, rest, sizeof rest);
  at += sizeof rest;
  memcpy(hello + at, args[1], name);
  send(handle, hello, at + name, MSG_NOSIGNAL);
  count = recv(handle, text, sizeof text, 0);
  printf("alert: %d\n", count == 7 && text[0] == 21 && text[6] == 49);
  printf("answer: %d\n", count > 7);
}

/* As many connections as the proxy takes, and more. */
static void many_connections(char** args) {
  int wanted = atoi(args[0]), made = 0;
  for (; made < wanted; ++made) {
    if (connected("127.0.0.1", proxy_port) < 0) break;
  }
  printf("connections: %d\n", made);
}

int main(int argc, char** argv) {
  struct {
    const char* name;
    void (*attack)(char**);
  } attacks[] = {{"around_proxy", around_proxy},
                 {"say", say},
                 {"other_name", other_name},
                 {"many_connections", many_connections}};
  for (size_t index = 0; argc > 1 && index < sizeof attacks / sizeof attacks[0]; ++index) {
    if (strcmp(argv[1], attacks[index].name) == 0) {
      attacks[index].attack(argv + 2);
      return 0;
    }
  }
  fprintf(stderr, "usage: network_attacks NAME [ARG…]\n");
  return 2;
}
