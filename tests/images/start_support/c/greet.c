/* A library of the app. Without LACKING it defines everything that uses-greet.c needs. */
#include <stdio.h>

int greeting_size = 8;

void greet(void) {
    puts("app runs");
}

#ifndef LACKING
int greet_twice_count = 2;

void greet_twice(void) {
    puts("app runs");
    puts("app runs");
}
#endif
