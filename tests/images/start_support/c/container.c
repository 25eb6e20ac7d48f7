/* container SPEC RESULT: starts a container like moby and runc, and reports the result.
 *
 * SPEC is a file of lines `key value`; a value extends to the end of the line, with `\n` for a
 * newline and `\\` for a backslash:
 *   lower DIR...    the layers for overlayfs, the upper one first, separated by `:`
 *   scratch DIR     an empty directory, where a tmpfs for overlayfs is mounted
 *   user SPEC       as in Config.User
 *   cwd DIR         as in Config.WorkingDir
 *   env NAME=VALUE  as in Config.Env
 *   arg WORD        Entrypoint and Cmd
 *   seconds N       the time limit
 *
 * The container has its own mount, PID and UTS namespaces, a /proc, a /dev like runc's, and docker's
 * default capabilities. The program is process 1. RESULT gets one line:
 *   error STAGE ERRNO   it was not started; STAGE is user, group, cwd, path (not found in PATH),
 *                       program (not executable) or exec
 *   exit STATUS | signal NUMBER | running
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user.h"

#define MOST 256
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char *lower = "", *scratch = "", *user = "", *cwd = "";
static char *args[MOST], *env[MOST];
static int arg_count, env_count, seconds = 5, result;

static void end(const char *stage, int error) {
    dprintf(result, "error %s %d\n", stage, error);
    _exit(125);
}

static void fault(const char *what) {
    perror(what);
    end("harness", errno);
}

/* Sets a variable unless it is set and `keep` is true. */
static void set_env(const char *name, const char *value, int keep) {
    size_t length = strlen(name);
    char *line = malloc(length + strlen(value) + 2);
    sprintf(line, "%s=%s", name, value);
    for (int i = 0; i < env_count; i++)
        if (!strncmp(env[i], line, length + 1)) {
            if (!keep)
                env[i] = line;
            return;
        }
    env[env_count++] = line;
}

static const char *get_env(const char *name) {
    size_t length = strlen(name);
    for (int i = 0; i < env_count; i++)
        if (!strncmp(env[i], name, length) && env[i][length] == '=')
            return env[i] + length + 1;
    return NULL;
}

static void read_spec(const char *path) {
    static char line[1 << 20];
    FILE *file = fopen(path, "r");
    if (!file)
        fault(path);
    /* The variables that moby sets before the image's own. */
    set_env("PATH", DEFAULT_PATH, 0);
    set_env("HOSTNAME", "0123456789ab", 0);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, ' ');
        if (!value)
            continue;
        *value++ = 0;
        char *out = value;
        for (char *in = value; *in; in++)
            if (*in == '\\' && in[1])
                *out++ = *++in == 'n' ? '\n' : *in;
            else
                *out++ = *in;
        *out = 0;
        value = strdup(value);
        if (!strcmp(line, "lower"))
            lower = value;
        else if (!strcmp(line, "scratch"))
            scratch = value;
        else if (!strcmp(line, "user"))
            user = value;
        else if (!strcmp(line, "cwd"))
            cwd = value;
        else if (!strcmp(line, "seconds"))
            seconds = atoi(value);
        else if (!strcmp(line, "arg") && arg_count < MOST - 1)
            args[arg_count++] = value;
        else if (!strcmp(line, "env") && env_count < MOST - 4) {
            char *equals = strchr(value, '=');
            if (!equals)
                continue;
            *equals = 0;
            set_env(value, equals + 1, 0);
        }
    }
    fclose(file);
}

static void device(const char *path, int major, int minor) {
    if (mknod(path, S_IFCHR | 0666, makedev(major, minor)))
        fault(path);
    chmod(path, 0666);
}

/* Mounts the layers and the file systems that runc mounts, and makes the result the root. */
static void enter_root(void) {
    static char options[1 << 16];
    umask(0);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        fault("private");
    if (mount("tmpfs", scratch, "tmpfs", 0, "mode=0755") || chdir(scratch) || mkdir("upper", 0755) ||
        mkdir("work", 0755) || mkdir("root", 0755))
        fault(scratch);
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, scratch,
             scratch);
    if (mount("overlay", "root", "overlay", 0, options))
        fault("overlay");
    if (chroot("root") || chdir("/"))
        fault("chroot");
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mkdir("/sys", 0755);
    mkdir("/etc", 0755);
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        fault("/proc");
    if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=0755"))
        fault("/dev");
    device("/dev/null", 1, 3);
    device("/dev/zero", 1, 5);
    device("/dev/full", 1, 7);
    device("/dev/random", 1, 8);
    device("/dev/urandom", 1, 9);
    device("/dev/tty", 5, 0);
    mkdir("/dev/shm", 01777);
    if (symlink("/proc/self/fd", "/dev/fd") || symlink("/proc/self/fd/0", "/dev/stdin") ||
        symlink("/proc/self/fd/1", "/dev/stdout") || symlink("/proc/self/fd/2", "/dev/stderr"))
        fault("/dev");
    /* docker bind-mounts its own files over these. */
    const char *files[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
    for (int i = 0; i < 3; i++) {
        int fd = open(files[i], O_WRONLY | O_CREAT, 0644);
        if (fd >= 0)
            close(fd);
    }
    sethostname("0123456789ab", 12);
}

/* moby creates a missing working directory, with its parents, as root. */
static void make_cwd(void) {
    struct stat st;
    if (!*cwd)
        cwd = "/";
    char *copy = strdup(cwd);
    for (char *at = copy + 1; *at; at++)
        if (*at == '/') {
            *at = 0;
            mkdir(copy, 0755);
            *at = '/';
        }
    mkdir(copy, 0755);
    if (stat(cwd, &st))
        end("cwd", errno);
    if (!S_ISDIR(st.st_mode))
        end("cwd", ENOTDIR);
    free(copy);
}

/* docker's default capabilities; users other than root have none at first (moby, oci/caps). */
static const int kept[] = {CAP_CHOWN,   CAP_DAC_OVERRIDE,     CAP_FSETID,     CAP_FOWNER, CAP_MKNOD,
                           CAP_NET_RAW, CAP_SETGID,           CAP_SETUID,     CAP_SETFCAP, CAP_SETPCAP,
                           CAP_KILL,    CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_AUDIT_WRITE};

static unsigned long long kept_mask(void) {
    unsigned long long mask = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        mask |= 1ull << kept[i];
    return mask;
}

/* finalizeNamespace of runc's init_linux.go, from the change of the working directory on. */
static void become(const struct exec_user *who) {
    int again = 0;
    if (chdir(cwd)) {
        if (errno != EACCES && errno != EPERM)
            end("cwd", errno);
        again = 1;
    }
    unsigned long long mask = kept_mask();
    for (int cap = 0; cap < 64; cap++)
        if (!(mask >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        fault("keepcaps");
    /* fixStdioPermissions */
    for (int fd = 1; fd <= 2; fd++)
        if (fchown(fd, who->uid, -1))
            fault("fchown");
    if (setgroups(who->group_count, who->groups) || setgid(who->gid) || setuid(who->uid))
        fault("setuid");
    if (again && chdir(cwd))
        end("cwd", errno);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (who->uid)
        mask = 0;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(unsigned)mask, (unsigned)mask, 0},
        {(unsigned)(mask >> 32), (unsigned)(mask >> 32), 0},
    };
    if (syscall(SYS_capset, &header, data))
        fault("capset");
}

/* findExecutable of Go's os/exec/lp_unix.go; returns an errno. */
static int find_executable(const char *path) {
    struct stat st;
    if (stat(path, &st))
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
        return errno;
    return 0;
}

/* exec.LookPath: returns the path of the program. Exits if it is not found. */
static const char *look_path(const char *name) {
    static char path[8192];
    if (strchr(name, '/')) {
        int error = find_executable(name);
        if (error)
            end("program", error);
        return name;
    }
    const char *dirs = get_env("PATH");
    while (dirs && *dirs) {
        size_t length = strcspn(dirs, ":");
        snprintf(path, sizeof path, "%.*s%s%s", (int)length, dirs, length ? "/" : "", name);
        if (!find_executable(path)) {
            /* ErrDot: Go refuses a program that is found relative to the working directory. */
            if (*path != '/')
                end("path", EXDEV);
            return path;
        }
        dirs += length;
        if (*dirs == ':' && !*++dirs) {
            /* An empty element at the end. */
            if (!find_executable(name))
                end("path", EXDEV);
        }
    }
    end("path", ENOENT);
    return NULL;
}

static void init(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    enter_root();
    struct exec_user who;
    const char *missing = find_user(user, &who);
    if (missing)
        end(missing, ENOENT);
    make_cwd();
    become(&who);
    set_env("HOME", who.home, get_env("HOME") && *get_env("HOME"));
    env[env_count] = NULL;
    if (!arg_count)
        end("program", ENOENT);
    const char *program = look_path(args[0]);
    umask(022);
    fcntl(result, F_SETFD, FD_CLOEXEC);
    execve(program, args, env);
    end("exec", errno);
}

int main(int argc, char **argv) {
    if (argc < 3)
        return 2;
    result = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (result < 0)
        fault(argv[2]);
    read_spec(argv[1]);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS))
        fault("unshare");
    pid_t pid = fork();
    if (pid < 0)
        fault("fork");
    if (!pid) {
        sigprocmask(SIG_UNBLOCK, &child, NULL);
        init();
    }
    struct timespec limit = {seconds, 0};
    int status;
    int late = sigtimedwait(&child, NULL, &limit) < 0;
    if (late)
        kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid)
        fault("wait");
    if (lseek(result, 0, SEEK_CUR) > 0)
        return 0; /* The reason is already in RESULT. */
    if (late)
        dprintf(result, "running\n");
    else if (WIFSIGNALED(status))
        dprintf(result, "signal %d\n", WTERMSIG(status));
    else
        dprintf(result, "exit %d\n", WEXITSTATUS(status));
    return 0;
}
