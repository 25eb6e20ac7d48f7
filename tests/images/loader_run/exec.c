/* exec ROOT CWD UID SECONDS PATH COUNT ARG... [NAME=VALUE...]: executes PATH in ROOT with exactly
 * these arguments and variables. There is a /proc, from which ld.so learns $ORIGIN; it is mounted for
 * this process only and disappears with it. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 7)
        return 125;
    uid_t uid = atoi(argv[3]);
    int count = atoi(argv[6]);
    char **args = calloc(count + 1, sizeof *args);
    memcpy(args, argv + 7, count * sizeof *args);
    char **variables = argv + 7 + count;
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        chroot(argv[1]) || chdir("/") || mount("proc", "/proc", "proc", 0, NULL) ||
        chdir(argv[2]) || setgroups(0, NULL) || setgid(uid) || setuid(uid)) {
        perror(argv[1]);
        return 125;
    }
    alarm(atoi(argv[4]));
    execve(argv[5], args, variables);
    perror(argv[5]);
    return 126;
}
