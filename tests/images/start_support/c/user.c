/* GetExecUser of github.com/moby/sys/user: see user.h. */
#define _GNU_SOURCE
#include "user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strconv.Atoi: returns whether the whole word is a number. */
static int number(const char *word, long *value) {
    char *end;
    if (!*word || strspn(word, "+-0123456789") != strlen(word))
        return 0;
    *value = strtol(word, &end, 10);
    return !*end;
}

/* Splits a line at colons; missing fields are empty. */
static void cut(char *line, char **fields, int count) {
    for (int i = 0; i < count; i++) {
        fields[i] = line;
        line += strcspn(line, i == count - 1 ? "\n" : ":\n");
        if (*line)
            *line++ = 0;
    }
}

static long field_number(const char *field) {
    long value = 0;
    return number(field, &value) ? value : 0;
}

/* Returns whether a comma-separated list contains a name. */
static int listed(char *list, const char *name) {
    for (char *each = strtok(list, ","); each; each = strtok(NULL, ","))
        if (!strcmp(each, name))
            return 1;
    return 0;
}

const char *find_user(const char *spec, struct exec_user *who) {
    char line[4096], name[256] = "", group_name[256] = "", matched[256] = "", *field[7];
    long uid = 0, gid = 0;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(spec, ":"), spec);
    if (strchr(spec, ':'))
        snprintf(group_name, sizeof group_name, "%s", strchr(spec, ':') + 1);
    group_name[strcspn(group_name, ":")] = 0;
    int by_uid = number(name, &uid), by_gid = number(group_name, &gid), found = 0;
    memset(who, 0, sizeof *who);
    strcpy(who->home, "/");

    FILE *file = fopen("/etc/passwd", "r");
    while (file && !found && fgets(line, sizeof line, file)) {
        cut(line, field, 7);
        long each = field_number(field[2]);
        if (!*field[0])
            continue;
        found = !*name ? each == 0 : by_uid ? each == uid : !strcmp(field[0], name);
        if (found) {
            snprintf(matched, sizeof matched, "%s", field[0]);
            who->uid = each;
            who->gid = field_number(field[3]);
            if (*field[5])
                snprintf(who->home, sizeof who->home, "%s", field[5]);
        }
    }
    if (file)
        fclose(file);
    if (!found && *name) {
        if (!by_uid || uid < 0 || uid > 0x7fffffff)
            return "user";
        who->uid = uid;
    }

    if (!*group_name && !*matched)
        return NULL;
    found = 0;
    file = fopen("/etc/group", "r");
    while (file && fgets(line, sizeof line, file)) {
        cut(line, field, 4);
        long each = field_number(field[2]);
        if (!*group_name) {
            if (who->group_count < 64 && listed(field[3], matched))
                who->groups[who->group_count++] = each;
        } else if (!found && (by_gid ? each == gid : !strcmp(field[0], group_name))) {
            found = 1;
            who->gid = each;
        }
    }
    if (file)
        fclose(file);
    if (*group_name && !found) {
        if (!by_gid || gid < 0 || gid > 0x7fffffff)
            return "group";
        who->gid = gid;
    }
    return NULL;
}
