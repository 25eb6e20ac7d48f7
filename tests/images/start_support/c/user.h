/* GetExecUser of github.com/moby/sys/user, with which moby and runc find the user. */
#include <sys/types.h>

struct exec_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[64];
    int group_count;
    char home[4096];
};

/* Reads /etc/passwd and /etc/group for a `USER[:GROUP]`. Returns NULL, or which of the two was not
 * found: "user" or "group". */
const char *find_user(const char *spec, struct exec_user *who);
