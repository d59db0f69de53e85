/* Fills memory: maps pages, and writes to them again and again, until the guest ends. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* As in the reader of scenarios. */
enum { MAX_FILLS = 2, NAME_BYTES = 33, ENTRIES = 512, PAGES_A_TURN = 16, STACK_BYTES = 64 * 1024 };

struct fill {
    char name[NAME_BYTES];
    char* memory;
    size_t bytes, page_bytes;
    size_t written; /* so many pages, one after the other, again and again */
    uint64_t lost;  /* pages that did not have what was written to them */
};

static struct fill fills[MAX_FILLS];
static int count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of them, and their pages */

static size_t pages_of(const struct fill* fill) { return fill->bytes / fill->page_bytes; }
static volatile char* byte_of(const struct fill* fill, size_t page) { return fill->memory + page * fill->page_bytes; }

/* In round N, each page has N, and gets N + 1. */
static void write_next(struct fill* fill) {
    const size_t page = fill->written % pages_of(fill);
    const char expected = (char)(fill->written / pages_of(fill) + 1);
    if (*byte_of(fill, page) != expected) fill->lost++;
    *byte_of(fill, page) = (char)(expected + 1);
    fill->written++;
}

static void* write_for_ever(void* argument) {
    struct fill* fill = argument;
    const struct timespec turn = {0, 1000 * 1000};
    prctl(PR_SET_NAME, "agent-fill");
    for (;;) {
        pthread_mutex_lock(&lock);
        for (int i = 0; i < PAGES_A_TURN; i++) write_next(fill);
        pthread_mutex_unlock(&lock);
        nanosleep(&turn, NULL);
    }
    return NULL;
}

/* Looks at each page once: writes to all of them. */
void send_fills(struct reply* reply) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < count; i++) {
        for (size_t page = 0; page < pages_of(&fills[i]); page++) write_next(&fills[i]);
        reply_line(reply, "fill=%s pages=%zu lost=%llu", fills[i].name, pages_of(&fills[i]),
                   (unsigned long long)fills[i].lost);
    }
    pthread_mutex_unlock(&lock);
}

/* Returns how many of the pages have a frame in that range: Documentation/admin-guide/mm/pagemap.rst. */
static uint64_t pages_within(const struct fill* fill, int pagemap, uint64_t first, uint64_t last) {
    static uint64_t entries[ENTRIES];
    const uint64_t pages = fill->bytes / fill->page_bytes, begin = (uintptr_t)fill->memory / fill->page_bytes;
    uint64_t within = 0;
    for (uint64_t page = 0; page < pages; page += ENTRIES) {
        const size_t wanted = (pages - page < ENTRIES ? pages - page : ENTRIES) * sizeof *entries;
        const ssize_t n = pread(pagemap, entries, wanted, (off_t)((begin + page) * sizeof *entries));
        if (n <= 0) break;
        for (size_t i = 0; i < (size_t)n / sizeof *entries; i++) {
            const uint64_t pfn = entries[i] & ((UINT64_C(1) << 55) - 1);
            within += entries[i] >> 63 && pfn >= first && pfn <= last;
        }
    }
    return within;
}

/* Refuses to take more than three quarters of what is free: the kernel would kill somebody for lack of memory. */
static bool map(struct fill* fill) {
    const uint64_t available = (uint64_t)sysconf(_SC_AVPHYS_PAGES);
    errno = ENOMEM;
    if (fill->bytes / fill->page_bytes > available / 4 * 3) return false;
    fill->memory = mmap(NULL, fill->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fill->memory == MAP_FAILED) return false;
    madvise(fill->memory, fill->bytes, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < fill->bytes; at += fill->page_bytes) fill->memory[at] = 1;
    return true;
}

static bool begin_writing(struct fill* fill) {
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    const int error = pthread_create(&thread, &small, write_for_ever, fill);
    pthread_attr_destroy(&small);
    errno = error;
    return error == 0;
}

static bool is_known(const char* name) {
    for (int i = 0; i < count; i++)
        if (!strcmp(fills[i].name, name)) return true;
    return false;
}

static bool begin(struct fill* fill) {
    if (!map(fill)) return false;
    if (begin_writing(fill)) return true;
    const int error = errno;
    munmap(fill->memory, fill->bytes);
    errno = error;
    return false;
}

void do_fill_memory(struct reply* reply, const char* payload) {
    struct fill wanted = {.page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
    const uint64_t pages = get_block_bytes() / wanted.page_bytes;
    uint64_t bytes, first, last;
    if (!find_value(payload, "fill", wanted.name, NAME_BYTES, NULL) || !*wanted.name ||
        !find_number(payload, "bytes", &bytes) || !find_number(payload, "first", &first) ||
        !find_number(payload, "last", &last) || !pages || last < first || last > UINT64_MAX / pages - 1 ||
        bytes < wanted.page_bytes || bytes > SIZE_MAX / 2) {
        reply_error(reply, "read the request to fill memory", EINVAL);
        return;
    }
    wanted.bytes = bytes / wanted.page_bytes * wanted.page_bytes;
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0) {
        reply_error(reply, "open /proc/self/pagemap", errno);
        return;
    }
    uint64_t within = 0;
    pthread_mutex_lock(&lock);
    int error = is_known(wanted.name) ? EEXIST : count == MAX_FILLS ? ENOSPC : 0;
    if (!error) {
        fills[count] = wanted;
        error = begin(&fills[count]) ? 0 : errno;
        if (!error) within = pages_within(&fills[count++], pagemap, first * pages, (last + 1) * pages - 1);
    }
    pthread_mutex_unlock(&lock);
    close(pagemap);
    if (error) {
        reply_error(reply, "fill memory", error);
        return;
    }
    reply_line(reply, "pages=%llu", (unsigned long long)within);
    reply_ok(reply);
}
