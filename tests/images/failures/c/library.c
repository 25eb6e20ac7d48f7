/* A library that an image may lack. With TODAY it needs a symbol that libc.so.6 has only since 2.34. */
#ifdef TODAY
#define _GNU_SOURCE
#include <dlfcn.h>

int answer(void) {
    return dlsym(RTLD_DEFAULT, "no such thing") ? 0 : 42;
}
#else
int answer(void) {
    return 42;
}
#endif
