/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolves the names on its command line with the C library it is linked with; musl's binds its UDP
 * socket to port 0 first, which no policy on bind may break. Prints "NAME ADDRESS" or "NAME ERROR".
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

static const char* address_text(const struct addrinfo* found, char* text, socklen_t size) {
  const void* address = found->ai_family == AF_INET
                            ? (const void*)&((struct sockaddr_in*)found->ai_addr)->sin_addr
                            : (const void*)&((struct sockaddr_in6*)found->ai_addr)->sin6_addr;
  return inet_ntop(found->ai_family, address, text, size);
}

int main(int argc, char** argv) {
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    char text[64];
    struct addrinfo* found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    const int error = getaddrinfo(argv[i], NULL, &hints, &found);
    printf("%s %s\n", argv[i],
           error ? gai_strerror(error) : address_text(found, text, sizeof text));
    failures += error != 0;
    if (found) freeaddrinfo(found);
  }
  return failures != 0;
}
