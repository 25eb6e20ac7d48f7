/* The program of most images: prints that it runs. */
#include <stdio.h>

int main(void) {
    puts("hello");
    return 0;
}
