/* The image's main program where nothing more is needed: prints a line and exits with 0. */
#include <stdio.h>

int main(void) {
    puts("app runs");
    return 0;
}
