/* An app that needs libgreet.so.1. MODE chooses what it asks for:
 *   1  greet, which every libgreet has
 *   2  greet_twice, called if there are arguments
 *   3  greet_twice, always called
 *   4  the variable greet_twice_count
 *   5  greet_twice, weak
 *   6  the address of greet_twice, in its data
 *   7  nothing: the library is still needed */
#include <stdio.h>

extern void greet(void);
#if MODE == 5
extern void greet_twice(void) __attribute__((weak));
#else
extern void greet_twice(void);
#endif
extern int greet_twice_count;

#if MODE == 6
void (*pointer)(void) = greet_twice;
#endif

int main(int argc, char **argv) {
    (void)argv;
#if MODE == 1
    (void)argc;
    greet();
#elif MODE == 2
    if (argc > 1)
        greet_twice();
    else
        puts("app runs");
#elif MODE == 3
    (void)argc;
    greet_twice();
#elif MODE == 4
    printf("app runs %d\n", greet_twice_count + argc);
#elif MODE == 5
    (void)argc;
    if (greet_twice)
        greet_twice();
    else
        puts("app runs");
#elif MODE == 6
    (void)argc;
    pointer();
#else
    (void)argc;
    puts("app runs");
#endif
    return 0;
}
