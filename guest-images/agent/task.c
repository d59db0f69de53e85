/* Answers the request for tasks in uninterruptible sleep, kernel threads included, and their kernel stacks. */
#include "agent.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void look_at(struct reply* reply, const char* directory, int tid) {
    char path[700], text[1024];
    snprintf(path, sizeof path, "%s/stat", directory);
    if (read_small(path, text, sizeof text) <= 0) return;
    /* The format is "TID (COMM) STATE ...". COMM may contain any character, even a bracket. */
    char *comm = strchr(text, '('), *end = strrchr(text, ')');
    if (!comm || !end || end < comm || end[1] != ' ' || end[2] != 'D') return;
    char* out = reply_room(reply, 1024);
    reply->used += (size_t)snprintf(out, 64, "task=%d state=D", tid);
    reply_field(reply, "comm", comm + 1, (size_t)(end - comm - 1));
    reply_newline(reply);
    send_stack(reply, directory);
}

void do_blocked_tasks(struct reply* reply, const char* payload) {
    char path[600];
    (void)payload;
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
    reply_ok(reply);
}
