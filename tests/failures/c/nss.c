/* Looks a user up. Linked statically, glibc loads what /etc/nsswitch.conf names when it runs. */
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
