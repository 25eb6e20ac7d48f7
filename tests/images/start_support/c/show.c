/* Prints how it was started: arguments, ids, working directory and a few variables. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char cwd[4096];
    const char *names[] = {"PATH", "HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "MODE"};
    for (int i = 0; i < argc; i++)
        printf("[%s]", argv[i]);
    printf(" uid=%d gid=%d groups=", getuid(), getgid());
    gid_t groups[64];
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++)
        printf("%d,", groups[i]);
    printf(" cwd=%s", getcwd(cwd, sizeof cwd) ? cwd : "?");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            printf(" %s=%s", names[i], getenv(names[i]));
    puts("\napp runs");
    return 0;
}
