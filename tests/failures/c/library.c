/* A library that an image may lack. */
int answer(void) {
    return 42;
}
