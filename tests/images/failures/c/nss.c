/* Looks up a user. If linked statically, glibc loads the modules that /etc/nsswitch.conf names at run
 * time. */
#include <pwd.h>
#include <stdio.h>

int main(void) {
    struct passwd *user = getpwnam("app");
    if (!user) {
        fputs("there is no user app\n", stderr);
        return 1;
    }
    printf("hello %u\n", (unsigned)user->pw_uid);
    return 0;
}
