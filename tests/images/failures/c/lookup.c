/* Looks up a host name; with glibc, by a function that musl does not have. */
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>

int main(void) {
#ifdef __GLIBC__
    struct gaicb request = {.ar_name = "127.0.0.1"}, *list[] = {&request};
    int error = getaddrinfo_a(GAI_WAIT, list, 1, NULL);
    if (!error)
        error = gai_error(&request);
#else
    struct addrinfo *found;
    int error = getaddrinfo("127.0.0.1", NULL, NULL, &found);
#endif
    puts(error ? gai_strerror(error) : "hello");
    return error != 0;
}
