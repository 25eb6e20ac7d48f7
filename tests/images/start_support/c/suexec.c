/* su-exec USER[:GROUP] PROGRAM [ARGUMENT...], like github.com/ncopa/su-exec: switches to the user and
 * executes the program with execvp(3). */
#define _GNU_SOURCE
#include <err.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "user.h"

int main(int argc, char **argv) {
    struct exec_user who;
    if (argc < 3)
        return 0;
    if (find_user(argv[1], &who))
        errx(1, "getpwnam(%s)", argv[1]);
    setenv("HOME", who.home, 1);
    if (setgroups(who.group_count, who.groups) || setgid(who.gid) || setuid(who.uid))
        err(1, "%s", argv[1]);
    execvp(argv[2], argv + 2);
    err(1, "%s", argv[2]);
}
