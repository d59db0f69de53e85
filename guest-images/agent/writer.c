/* Writers: threads that write to memory blocks' attributes as soon as they can, each on its own vCPU. */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_WRITERS = 16, STACK_BYTES = 64 * 1024, UEVENT_BYTES = 4 << 20 };

/*
 * The doorbell of a writer. While the guest stands still, the host's probe writes first, last and rung into the guest's
 * memory. A request over the serial line would not work while a vCPU is held: the kernel passes received data through a
 * workqueue, whose worker may wait for the held vCPU (flush_to_ldisc(), drivers/tty/tty_buffer.c).
 */
static const uint64_t DOORBELL_MAGIC = 0x6c6c6562726f6f64; /* "doorbell" */

struct doorbell {
    _Atomic uint64_t magic;
    uint64_t first, last;
    _Atomic uint64_t rung;
};

static struct writer writers[MAX_WRITERS];
static struct doorbell doorbells[MAX_WRITERS];

static struct doorbell* doorbell_of(const struct writer* writer) { return &doorbells[writer - writers]; }
/* Shared by the main thread and the reporter. No writer takes it. */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static int wake = -1;

static void wake_reporter(void) {
    const uint64_t one = 1;
    if (write(wake, &one, sizeof one) != sizeof one) return; /* it is awake already */
}

/* --- the writer's thread --- */

/* Reads the file to its end. Returns an errno, or 0. */
static int read_out(int fd) {
    char text[4096];
    for (;;) {
        const ssize_t n = read(fd, text, sizeof text);
        if (n < 0) return errno;
        if (n == 0) return 0;
    }
}

/* Writes to one block's attribute and reports the result. False if the attribute does not exist yet. */
static bool attempt(struct writer* self, size_t index) {
    char path[FILE_BYTES], address[32];
    const char* text = self->probes ? address : self->value;
    struct stat status;
    if (*self->file) memcpy(path, self->file, sizeof path);
    else snprintf(path, sizeof path, "memory%llu/%s", (unsigned long long)(self->first + index), self->attribute);
    /* Spinning with openat() would allocate a struct file each time. RCU frees those, but RCU stands still while the
     * rig holds a vCPU, so the guest would run out of memory. */
    if (self->trigger != NOW && fstatat(self->directory, path, &status, 0) != 0 && errno == ENOENT) return false;
    if (self->probes) {
        /* probe_store() (drivers/base/memory.c) takes the physical address, in the base that its prefix names. */
        snprintf(path, sizeof path, "probe");
        snprintf(address, sizeof address, "0x%llx", (unsigned long long)((self->first + index) * self->block_bytes));
    }
    const int fd = openat(self->directory, path, (self->reads ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    int error = 0;
    if (fd < 0) {
        error = errno;
        if (error == ENOENT && self->trigger != NOW) return false;
    } else {
        if (self->reads) error = read_out(fd);
        else if (write(fd, text, strlen(text)) < 0) error = errno;
        close(fd);
    }
    const size_t next = atomic_load_explicit(&self->published, memory_order_relaxed);
    self->done[index] = true;
    if (self->repeat > 1) return true;
    self->reports[next] = (struct write_report){self->first + index, error};
    atomic_store_explicit(&self->published, next + 1, memory_order_release);
    wake_reporter();
    return true;
}

static bool is_stopped(struct writer* self) { return atomic_load(&self->stop); }

/* Tries each block not written to yet once. Returns how many are left. */
static size_t attempt_all(struct writer* self) {
    size_t left = 0;
    for (size_t i = 0; i < self->count && !is_stopped(self); i++)
        if (!self->done[i] && !attempt(self, i)) left++;
    return left;
}

/* The index of the block whose addition the uevent announces; -1 for any other message. */
static long added_block(const struct writer* self, const char* message, size_t length) {
    static const char prefix[] = "add@/devices/system/memory/memory";
    char* end;
    if (strnlen(message, length) == length || strncmp(message, prefix, sizeof prefix - 1) != 0) return -1;
    const unsigned long long block = strtoull(message + sizeof prefix - 1, &end, 10);
    if (*end || block < self->first || block - self->first >= self->count) return -1;
    return (long)(block - self->first);
}

static void follow_uevents(struct writer* self) {
    char message[4096];
    struct pollfd fds[] = {{self->uevents, POLLIN, 0}, {self->stop_event, POLLIN, 0}};
    for (size_t left = self->count; left && !is_stopped(self);) {
        struct sockaddr_nl sender = {0};
        socklen_t size = sizeof sender;
        if (poll(fds, 2, -1) < 0 || fds[1].revents) continue;
        const ssize_t n =
            recvfrom(self->uevents, message, sizeof message, MSG_DONTWAIT, (struct sockaddr*)&sender, &size);
        if (n < 0 && errno == ENOBUFS) left = attempt_all(self); /* messages were lost, so try all blocks */
        if (n <= 0 || sender.nl_pid != 0) continue;
        const long index = added_block(self, message, (size_t)n);
        if (index >= 0 && !self->done[index] && attempt(self, (size_t)index)) left--;
    }
}

/* Spins, so that the vCPU stays in this address space and the kernel runs no other task there. False if there is
 * nothing to do. */
static bool await_doorbell(struct writer* self) {
    struct doorbell* bell = doorbell_of(self);
    atomic_store(&bell->magic, DOORBELL_MAGIC);
    while (!atomic_load(&bell->rung))
        if (is_stopped(self)) return false;
    if (bell->last < bell->first || bell->last - bell->first >= self->count) return false;
    self->first = bell->first;
    self->count = (size_t)(bell->last - bell->first + 1);
    return true;
}

static void* run_writer(void* argument) {
    struct writer* self = argument;
    prctl(PR_SET_NAME, self->name);
    atomic_store(&self->ready, true);
    wake_reporter();
    if (self->waits && !await_doorbell(self)) {
    } else if (self->trigger == UEVENT) {
        follow_uevents(self);
    } else {
        /* Only the last round is reported. */
        for (; !is_stopped(self); self->repeat--) {
            while (attempt_all(self) && !is_stopped(self)) {
            }
            if (self->repeat <= 1) break;
            memset(self->done, 0, self->count * sizeof *self->done);
        }
    }
    atomic_store(&self->ended, true);
    wake_reporter();
    return NULL;
}

/* --- the main thread and the reporter --- */

static void release(struct writer* writer) {
    if (writer->directory >= 0) close(writer->directory);
    if (writer->uevents >= 0) close(writer->uevents);
    if (writer->stop_event >= 0) close(writer->stop_event);
    free(writer->done);
    free(writer->reports);
    memset(writer, 0, sizeof *writer);
}

static void answer_started(const struct writer* writer) {
    static struct reply reply;
    reply_begin(&reply, writer->id, false);
    if (writer->waits) reply_line(&reply, "doorbell=%llu", (unsigned long long)(uintptr_t)doorbell_of(writer));
    reply_ok(&reply);
}

static void report_one(struct writer* writer) {
    char text[128];
    /* Read before `published`, so that the loop below sees all reports of a writer that has ended. */
    const bool ended = atomic_load(&writer->ended);
    if (!writer->answered && atomic_load(&writer->ready)) {
        writer->answered = true;
        answer_started(writer);
    }
    while (writer->sent < atomic_load_explicit(&writer->published, memory_order_acquire)) {
        const struct write_report* report = &writer->reports[writer->sent++];
        const int length = snprintf(text, sizeof text, "write=%s block=%llu code=%d\n", writer->name,
                                    (unsigned long long)report->block, report->error);
        link_send(FRAME_EVENT, 0, 0, text, (size_t)length);
    }
    if (ended) release(writer);
}

static void* report(void* unused) {
    uint64_t count;
    prctl(PR_SET_NAME, "agent-reporter");
    for (;;) {
        if (read(wake, &count, sizeof count) < 0) continue;
        pthread_mutex_lock(&table_lock);
        for (int i = 0; i < MAX_WRITERS; i++)
            if (writers[i].taken) report_one(&writers[i]);
        pthread_mutex_unlock(&table_lock);
    }
    return unused;
}

static int start_thread(pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
    pthread_t thread;
    pthread_attr_setstacksize(attributes, STACK_BYTES);
    pthread_attr_setdetachstate(attributes, PTHREAD_CREATE_DETACHED);
    const int error = pthread_create(&thread, attributes, run, argument);
    pthread_attr_destroy(attributes);
    return error;
}

bool start_reporter(void) {
    pthread_attr_t attributes;
    wake = eventfd(0, EFD_CLOEXEC);
    if (wake < 0) return false;
    pthread_attr_init(&attributes);
    errno = start_thread(&attributes, report, NULL);
    return errno == 0;
}

/* True if the writer has written all it was told to, so that its name is free again. `count` is final before the first
 * write. */
static bool has_written_all(const struct writer* writer) {
    const size_t published = atomic_load_explicit(&writer->published, memory_order_acquire);
    return published > 0 && published == writer->count;
}

static struct writer* find(const char* name) {
    for (int i = 0; i < MAX_WRITERS; i++)
        if (writers[i].taken && !has_written_all(&writers[i]) && !strcmp(writers[i].name, name)) return &writers[i];
    return NULL;
}

static struct writer* find_free(void) {
    for (int i = 0; i < MAX_WRITERS; i++)
        if (!writers[i].taken) return &writers[i];
    return NULL;
}

/* Called before the thread starts, so that the writer misses no uevent. */
static int open_uevents(void) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    const int bytes = UEVENT_BYTES;
    const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) == 0) return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool open_all(struct writer* writer) {
    writer->directory = open("/sys/devices/system/memory", O_PATH | O_DIRECTORY | O_CLOEXEC);
    writer->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    writer->uevents = writer->trigger == UEVENT ? open_uevents() : -1;
    writer->done = calloc(writer->count, sizeof *writer->done);
    writer->reports = calloc(writer->count, sizeof *writer->reports);
    return writer->directory >= 0 && writer->stop_event >= 0 && (writer->trigger != UEVENT || writer->uevents >= 0) &&
           writer->done && writer->reports;
}

static int start_pinned(struct writer* writer) {
    pthread_attr_t attributes;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(writer->cpu, &cpus);
    pthread_attr_init(&attributes);
    pthread_attr_setaffinity_np(&attributes, sizeof cpus, &cpus);
    return start_thread(&attributes, run_writer, writer);
}

/* Returns an errno, or 0. `doing` gets what failed. */
static int start(uint32_t id, const char* payload, const char** doing) {
    struct writer* writer = find_free();
    *doing = "start one more writer";
    if (!writer) return EMFILE;
    memset(writer, 0, sizeof *writer);
    writer->directory = writer->uevents = writer->stop_event = -1;
    writer->id = id;
    *doing = "read the request for a writer";
    if (!read_writer_request(writer, payload)) return EINVAL;
    *doing = "start a second writer of the same name";
    if (find(writer->name)) return EEXIST;
    struct doorbell* bell = doorbell_of(writer);
    atomic_store(&bell->magic, 0);
    atomic_store(&bell->rung, 0);
    bell->first = bell->last = 0;
    *doing = "prepare the writer";
    int error = open_all(writer) ? 0 : errno;
    if (!error) {
        *doing = "start the writer on its CPU";
        writer->taken = true;
        error = start_pinned(writer);
    }
    if (error) release(writer);
    return error;
}

void writer_start(uint32_t id, const char* payload) {
    const char* doing;
    pthread_mutex_lock(&table_lock);
    const int error = start(id, payload, &doing);
    pthread_mutex_unlock(&table_lock);
    /* If the writer started, the reporter answers. */
    if (error) reply_error_to(id, doing, error);
}

void writer_stop(uint32_t id, const char* payload) {
    static struct reply reply;
    char name[WORD_BYTES];
    const uint64_t one = 1;
    if (!find_value(payload, "writer", name, sizeof name, NULL)) {
        reply_error_to(id, "read the writer's name", EINVAL);
        return;
    }
    pthread_mutex_lock(&table_lock);
    struct writer* writer = find(name);
    if (writer) {
        atomic_store(&writer->stop, true);
        if (write(writer->stop_event, &one, sizeof one) != sizeof one) warn("stop %s: %s", name, strerror(errno));
    }
    pthread_mutex_unlock(&table_lock);
    /* A writer that has ended, or never existed, counts as stopped. */
    reply_begin(&reply, id, false);
    reply_ok(&reply);
}
