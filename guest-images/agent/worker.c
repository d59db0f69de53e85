/* Workers: threads for requests that may block in the kernel. A blocked request occupies one worker, never the link. */
#include "agent.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum { WORKERS = 8, STACK_BYTES = 128 * 1024 };

struct worker {
    struct reply reply;
    handler run;
    uint32_t id;
    bool busy;
    char payload[MAX_PAYLOAD + 1];
};

static struct worker* workers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;

static bool accepts_deflate(const char* payload) {
    char encoding[16];
    return find_value(payload, "encoding", encoding, sizeof encoding, NULL) && !strcmp(encoding, "deflate");
}

static void* work_for_ever(void* argument) {
    struct worker* self = argument;
    prctl(PR_SET_NAME, "agent-worker");
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!self->busy) pthread_cond_wait(&work, &lock);
        pthread_mutex_unlock(&lock);
        reply_begin(&self->reply, self->id, accepts_deflate(self->payload));
        self->run(&self->reply, self->payload);
        pthread_mutex_lock(&lock);
        self->busy = false;
    }
    return NULL;
}

bool start_workers(void) {
    pthread_attr_t attributes;
    workers = calloc(WORKERS, sizeof *workers);
    if (!workers) return false;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int i = 0; i < WORKERS; i++) {
        pthread_t thread;
        const int error = pthread_create(&thread, &attributes, work_for_ever, &workers[i]);
        if (error) {
            errno = error;
            return false;
        }
        pthread_detach(thread);
    }
    return true;
}

void run_on_worker(handler run, uint32_t id, const char* payload) {
    struct worker* idle = NULL;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < WORKERS && !idle; i++)
        if (!workers[i].busy) idle = &workers[i];
    if (idle) {
        idle->run = run;
        idle->id = id;
        strcpy(idle->payload, payload);
        idle->busy = true;
        pthread_cond_broadcast(&work);
    }
    pthread_mutex_unlock(&lock);
    if (!idle) reply_error_to(id, "find an idle worker: all are blocked in the kernel", EBUSY);
}
