/* Answers the request for tasks in uninterruptible sleep, kernel threads included: their context switches and their
 * kernel stacks. */
#include "agent.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Each line of proc_pid_stack() is a frame, "[<0>] function+0x1/0x2 [module]", innermost first. */
static void send_stack(struct reply* reply, const char* directory) {
    char path[700], text[8192], *rest = text;
    snprintf(path, sizeof path, "%s/stack", directory);
    if (read_small(path, text, sizeof text) <= 0) return;
    for (char* row; (row = strsep(&rest, "\n")) != NULL;) {
        char* frame = strstr(row, "] ");
        if (!frame) continue;
        frame += 2;
        reply_room(reply, 1024);
        reply_field(reply, "frame", frame, strnlen(frame, 300));
        reply_newline(reply);
    }
}

/* Finds a counter in the text of proc_pid_status(). `name` has the newline before it and the colon behind it. */
static bool find_counter(const char* status, const char* name, uint64_t* out) {
    const char* const at = strstr(status, name);
    if (!at) return false;
    char* end;
    errno = 0;
    *out = strtoull(at + strlen(name), &end, 10);
    return errno == 0 && *end == '\n';
}

/* The counters come before the stack: a task that moves in between has other counters at the next look. */
static bool read_switches(const char* directory, uint64_t* voluntary, uint64_t* involuntary) {
    char path[700], text[8192];
    snprintf(path, sizeof path, "%s/status", directory);
    return read_small(path, text, sizeof text) > 0 && find_counter(text, "\nvoluntary_ctxt_switches:", voluntary) &&
           find_counter(text, "\nnonvoluntary_ctxt_switches:", involuntary);
}

static void look_at(struct reply* reply, const char* directory, int tid) {
    char path[700], text[1024];
    snprintf(path, sizeof path, "%s/stat", directory);
    if (read_small(path, text, sizeof text) <= 0) return;
    /* The format is "TID (COMM) STATE ...". COMM may contain any character, even a bracket. */
    char *comm = strchr(text, '('), *end = strrchr(text, ')');
    if (!comm || !end || end < comm || end[1] != ' ' || end[2] != 'D') return;
    uint64_t voluntary, involuntary;
    if (!read_switches(directory, &voluntary, &involuntary)) return; /* it has ended */
    char* out = reply_room(reply, 1024);
    reply->used += (size_t)snprintf(out, 160, "task=%d state=D voluntary=%" PRIu64 " involuntary=%" PRIu64, tid,
                                    voluntary, involuntary);
    reply_field(reply, "comm", comm + 1, (size_t)(end - comm - 1));
    reply_newline(reply);
    send_stack(reply, directory);
}

/* The clock stands while the guest is stopped. */
static uint64_t milliseconds_of_guest(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void do_blocked_tasks(struct reply* reply, const char* payload) {
    char path[600];
    (void)payload;
    const uint64_t begin = milliseconds_of_guest();
    DIR* processes = opendir("/proc");
    if (!processes) {
        reply_error(reply, "open /proc", errno);
        return;
    }
    for (struct dirent* process; (process = readdir(processes)) != NULL;) {
        if (!isdigit((unsigned char)process->d_name[0])) continue;
        snprintf(path, sizeof path, "/proc/%s/task", process->d_name);
        DIR* threads = opendir(path);
        if (!threads) continue; /* it has ended */
        for (struct dirent* thread; (thread = readdir(threads)) != NULL;) {
            if (!isdigit((unsigned char)thread->d_name[0])) continue;
            snprintf(path, sizeof path, "/proc/%s/task/%s", process->d_name, thread->d_name);
            look_at(reply, path, atoi(thread->d_name));
        }
        closedir(threads);
    }
    closedir(processes);
    reply_line(reply, "look=%" PRIu64 " end=%" PRIu64, begin, milliseconds_of_guest());
    reply_ok(reply);
}
