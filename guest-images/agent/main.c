/* The main thread: reads the link, answers requests that cannot block, and passes the others to workers. Init must
 * never return. */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char* verb;
    handler run;
} worker_verbs[] = {
    {"symbols", do_symbols},
    {"blocks", do_blocks},
    {"memory", do_memory},
    {"slabs", do_slabs},
    {"read-file", do_read_file},
    {"write-file", do_write_file},
    {"sysrq", do_sysrq},
    {"power-off", do_power_off},
    {"blocked-tasks", do_blocked_tasks},
    {"pin-page", do_pin_page},
    {"unpin-page", do_unpin_page},
    {"pass-time", do_pass_time},
    {"fill-memory", do_fill_memory},
};

static void dispatch(const struct frame* frame) {
    char verb[32];
    if (frame->type != FRAME_REQUEST) return;
    /* A NUL would hide the rest of the payload; no valid request contains one. */
    if (strlen(frame->payload) != frame->length || !find_value(frame->payload, "verb", verb, sizeof verb, NULL)) {
        reply_error_to(frame->id, "read the request", EBADMSG);
        return;
    }
    if (!strcmp(verb, "hello")) {
        restart_clocks();
        send_hello(frame->id);
        return;
    }
    if (!strcmp(verb, "start-writer")) {
        writer_start(frame->id, frame->payload);
        return;
    }
    if (!strcmp(verb, "stop-writer")) {
        writer_stop(frame->id, frame->payload);
        return;
    }
    for (size_t i = 0; i < sizeof worker_verbs / sizeof *worker_verbs; i++)
        if (!strcmp(verb, worker_verbs[i].verb)) {
            run_on_worker(worker_verbs[i].run, frame->id, frame->payload);
            return;
        }
    reply_error_to(frame->id, "find the verb", ENOSYS);
}

static void serve(int line) {
    static struct decoder decoder;
    static char payload[MAX_PAYLOAD + 1];
    struct frame frame;
    for (;;) {
        size_t room;
        char* space = decoder_room(&decoder, &room);
        const ssize_t n = read(line, space, room);
        if (n > 0) {
            decoder.used += (size_t)n;
            while (decoder_next(&decoder, &frame, payload)) dispatch(&frame);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            return;
        }
    }
}

int main(void) {
    char name[32];
    set_up();
    const int line = link_open(name, sizeof name);
    if (line < 0) fprintf(stderr, "memrig-agent: cannot open the link /dev/%s: %s\n", name, strerror(errno));
    else if (!start_workers() || !start_reporter())
        fprintf(stderr, "memrig-agent: cannot start threads: %s\n", strerror(errno));
    else {
        send_hello(0);
        serve(line);
        fprintf(stderr, "memrig-agent: the link /dev/%s was hung up\n", name);
    }
    for (;;) pause();
}
