/* Answers requests for memory blocks (from sysfs) and memory figures (from /proc). */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_DIRECTORY "/sys/devices/system/memory"

/* Reads one attribute, without its newline. Empty if it cannot be read: the block may be going away. */
static size_t read_attribute(int directory, const char* name, char* out, size_t room) {
    const int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : read(fd, out, room - 1);
    if (fd >= 0) close(fd);
    size_t length = n > 0 ? (size_t)n : 0;
    while (length && out[length - 1] == '\n') length--;
    out[length] = '\0';
    return length;
}

/* The node in the block's nodeN link; -1 if there is none. Closes `directory`. */
static int find_node(int directory) {
    int node = -1;
    DIR* entries = fdopendir(directory);
    if (!entries) {
        close(directory);
        return -1;
    }
    for (struct dirent* entry; (entry = readdir(entries)) != NULL;)
        if (sscanf(entry->d_name, "node%d", &node) == 1) break;
    closedir(entries);
    return node;
}

void do_blocks(struct reply* reply, const char* payload) {
    char text[256];
    (void)payload;
    DIR* entries = opendir(MEMORY_DIRECTORY);
    if (!entries) {
        reply_error(reply, "open " MEMORY_DIRECTORY, errno);
        return;
    }
    for (struct dirent* entry; (entry = readdir(entries)) != NULL;) {
        unsigned long long id;
        int end = 0;
        if (sscanf(entry->d_name, "memory%llu%n", &id, &end) != 1 || entry->d_name[end]) continue;
        const int block = openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (block < 0) continue;
        char* out = reply_room(reply, 2048);
        reply->used += (size_t)snprintf(out, 64, "block=%llu", id);
        reply_field(reply, "state", text, read_attribute(block, "state", text, sizeof text));
        reply_field(reply, "valid_zones", text, read_attribute(block, "valid_zones", text, sizeof text));
        reply_field(reply, "removable", text, read_attribute(block, "removable", text, sizeof text));
        reply->used += (size_t)snprintf(reply->text + reply->used, 32, " node=%d", find_node(block));
        reply_newline(reply);
    }
    closedir(entries);
    reply_ok(reply);
}

struct zone {
    bool open;
    int node;
    char name[32];
    unsigned long long free, spanned, present, managed, start_pfn;
};

static void send_zone(struct reply* reply, struct zone* zone) {
    if (zone->open)
        reply_line(reply, "zone=%s node=%d present=%llu managed=%llu spanned=%llu free=%llu start_pfn=%llu", zone->name,
                   zone->node, zone->present, zone->managed, zone->spanned, zone->free, zone->start_pfn);
    zone->open = false;
}

/* Reads the layout of zoneinfo_show_print(). False with errno if it cannot. */
static bool send_zones(struct reply* reply) {
    char row[256], name[32];
    struct zone zone = {0};
    int node;
    FILE* table = fopen("/proc/zoneinfo", "re");
    if (!table) return false;
    while (fgets(row, sizeof row, table)) {
        if (sscanf(row, "Node %d, zone %31s", &node, name) == 2) {
            send_zone(reply, &zone);
            memset(&zone, 0, sizeof zone);
            zone.open = true;
            zone.node = node;
            memcpy(zone.name, name, sizeof name);
            continue;
        }
        /* The zone's own figures ("pages free N") precede its other counters ("nr_free_pages N"), so the first match
         * of each counts. */
        if (!zone.free) sscanf(row, " pages free %llu", &zone.free);
        if (!zone.spanned) sscanf(row, " spanned %llu", &zone.spanned);
        if (!zone.present) sscanf(row, " present %llu", &zone.present);
        if (!zone.managed) sscanf(row, " managed %llu", &zone.managed);
        if (!zone.start_pfn) sscanf(row, " start_pfn: %llu", &zone.start_pfn);
    }
    send_zone(reply, &zone);
    fclose(table);
    return true;
}

static bool send_meminfo(struct reply* reply) {
    char row[256], name[64];
    unsigned long long value;
    FILE* table = fopen("/proc/meminfo", "re");
    if (!table) return false;
    while (fgets(row, sizeof row, table))
        if (sscanf(row, "%63[^: ]: %llu", name, &value) == 2) reply_line(reply, "meminfo=%s value=%llu", name, value);
    fclose(table);
    return true;
}

/* The pages that hold struct pages, on a kernel that counts them. */
static void send_vmstat(struct reply* reply) {
    char row[256], name[64];
    unsigned long long value;
    FILE* table = fopen("/proc/vmstat", "re");
    if (!table) return;
    while (fgets(row, sizeof row, table))
        if (sscanf(row, "%63s %llu", name, &value) == 2 && !strncmp(name, "nr_memmap", 9))
            reply_line(reply, "vmstat=%s value=%llu", name, value);
    fclose(table);
}

/* A kernel without NUMA has no such files. */
static void send_node_lists(struct reply* reply) {
    static const char* const files[] = {"has_memory", "has_normal_memory", "online"};
    char path[64], row[256];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/node/%s", files[i]);
        FILE* file = fopen(path, "re");
        if (!file) continue;
        if (!fgets(row, sizeof row, file)) row[0] = 0;
        fclose(file);
        row[strcspn(row, "\n")] = 0;
        reply_line(reply, "nodes=%s list=%s", files[i], row);
    }
}

void do_memory(struct reply* reply, const char* payload) {
    (void)payload;
    reply_line(reply, "page_bytes=%ld", sysconf(_SC_PAGESIZE));
    if (!send_zones(reply)) reply_error(reply, "read /proc/zoneinfo", errno);
    else if (!send_meminfo(reply)) reply_error(reply, "read /proc/meminfo", errno);
    else {
        send_vmstat(reply);
        send_node_lists(reply);
        send_fills(reply);
        reply_ok(reply);
    }
}
