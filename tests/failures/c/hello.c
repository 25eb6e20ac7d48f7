/* The program of most images: says that it runs. */
#include <stdio.h>

int main(void) {
    puts("hello");
    return 0;
}
