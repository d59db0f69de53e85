/* Answers the request for the kernel's slab caches. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define SLAB_DIRECTORY "/sys/kernel/slab"

/* kmem_cache_shrink() takes back the slabs that the CPUs keep. Without it /proc/slabinfo counts all objects of those
 * slabs as in use, since count_partial() (mm/slub.c) does not look at them. */
static void shrink_all(void) {
    char path[300];
    DIR* entries = opendir(SLAB_DIRECTORY);
    if (!entries) return; /* the counts are then less exact */
    for (struct dirent* entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue; /* a link is another name of a cache */
        snprintf(path, sizeof path, "%s/shrink", entry->d_name);
        const int fd = openat(dirfd(entries), path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) continue;
        if (write(fd, "1", 1) < 0) warn("shrink %s", path);
        close(fd);
    }
    closedir(entries);
}

void do_slabs(struct reply* reply, const char* payload) {
    char row[512], name[64];
    unsigned long long objects;
    (void)payload;
    shrink_all();
    FILE* table = fopen("/proc/slabinfo", "re");
    if (!table && errno != ENOENT) {
        reply_error(reply, "read /proc/slabinfo", errno);
        return;
    }
    /* The layout of slabinfo_show(); the first two lines are its version and a heading. */
    while (table && fgets(row, sizeof row, table))
        if (sscanf(row, "%63s %llu", name, &objects) == 2 && name[0] != '#')
            reply_line(reply, "slab=%s objects=%llu", name, objects);
    if (table) fclose(table);
    reply_ok(reply);
}
