/* exec-in ROOT PROGRAM [ARGUMENT...]: the last step of a container runtime. Unlike chroot(8), whose
 * execvp(3) passes files that the kernel refuses to a shell, it reports the error of execve(2). There
 * is a /proc, from which ld.so learns $ORIGIN; it is mounted for this process only and disappears
 * with it. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char *environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    if (argc < 3)
        return 125;
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        chroot(argv[1]) || chdir("/") || (mkdir("/proc", 0555) && errno != EEXIST) ||
        mount("proc", "/proc", "proc", 0, NULL)) {
        perror(argv[1]);
        return 125;
    }
    execve(argv[2], argv + 2, environment);
    fprintf(stderr, "exec %s: %s\n", argv[2], strerror(errno));
    return errno == ENOENT ? 127 : 126;
}
