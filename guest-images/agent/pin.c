/* Pins pages: a pipe holds a reference on each page, and the kernel cannot move the page until the pipe is closed. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_PINS = 4, NAME_BYTES = 33, MOST_TRIES = 4096 };

struct pin {
    bool taken;
    char name[NAME_BYTES];
    void* page;
    int ends[2]; /* of the pipe */
};

static struct pin pins[MAX_PINS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The pin of that name, or a free one if `name` is empty. */
static struct pin* find_pin(const char* name) {
    for (int i = 0; i < MAX_PINS; i++)
        if (*name ? pins[i].taken && !strcmp(pins[i].name, name) : !pins[i].taken) return &pins[i];
    return NULL;
}

/* The page's frame number, or 0 if it is unknown. In an entry of Documentation/admin-guide/mm/pagemap.rst, bit 63 says
 * that the page is present, and bits 0 to 54 are its frame number. */
static uint64_t pfn_of(int pagemap, const void* page, size_t page_bytes) {
    uint64_t entry = 0;
    const off_t at = (off_t)((uintptr_t)page / page_bytes * sizeof entry);
    if (pread(pagemap, &entry, sizeof entry, at) != sizeof entry || !(entry >> 63)) return 0;
    return entry & ((UINT64_C(1) << 55) - 1);
}

struct range {
    uint64_t first, last; /* page frames */
};

static bool has(const struct range* range, uint64_t pfn) { return pfn >= range->first && pfn <= range->last; }

/* Pins the page: the pipe takes a reference with get_user_pages_fast() (vmsplice_to_pipe(), fs/splice.c). From then on
 * the kernel cannot move the page. */
static bool take(struct pin* pin, size_t page_bytes) {
    const struct iovec whole = {pin->page, page_bytes};
    if (pipe2(pin->ends, O_CLOEXEC) != 0) return false;
    const ssize_t n = vmsplice(pin->ends[1], &whole, 1, 0);
    if (n == (ssize_t)page_bytes) return true;
    const int error = n < 0 ? errno : EIO;
    close(pin->ends[0]);
    close(pin->ends[1]);
    errno = error;
    return false;
}

static void give_up(struct pin* pin, size_t page_bytes) {
    close(pin->ends[0]);
    close(pin->ends[1]);
    munmap(pin->page, page_bytes);
    memset(pin, 0, sizeof *pin);
}

/* Allocates pages until the kernel gives one in the range, and pins that. Keeps the other pages until then, so that the
 * kernel cannot give them again. Returns the frame number, or 0 with errno. */
static uint64_t pin_one_of(struct pin* pin, const struct range* range, int pagemap, size_t page_bytes) {
    static void* tried[MOST_TRIES];
    size_t count = 0;
    uint64_t pfn = 0;
    int error = ENOMEM;
    while (!pfn && count < MOST_TRIES) {
        void* page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (page == MAP_FAILED) break;
        *(volatile char*)page = 1;
        pin->page = page;
        if (has(range, pfn_of(pagemap, page, page_bytes))) {
            if (!take(pin, page_bytes)) {
                error = errno;
                tried[count++] = page;
                break;
            }
            pfn = pfn_of(pagemap, page, page_bytes);
            if (has(range, pfn)) break;
            /* The kernel moved the page before the pipe had its reference. */
            close(pin->ends[0]);
            close(pin->ends[1]);
            pfn = 0;
        }
        tried[count++] = page;
    }
    for (size_t i = 0; i < count; i++) munmap(tried[i], page_bytes);
    errno = error;
    return pfn;
}

static bool read_pin_request(const char* payload, char* name, struct range* range, size_t page_bytes) {
    const uint64_t pages = get_block_bytes() / page_bytes;
    uint64_t first, last;
    size_t length;
    if (!find_value(payload, "pin", name, NAME_BYTES, &length) || !length || !find_number(payload, "first", &first) ||
        !find_number(payload, "last", &last) || !pages || last < first || last > UINT64_MAX / pages - 1)
        return false;
    *range = (struct range){first * pages, (last + 1) * pages - 1};
    return true;
}

void do_pin_page(struct reply* reply, const char* payload) {
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    char name[NAME_BYTES];
    struct range range;
    if (!read_pin_request(payload, name, &range, page_bytes)) {
        reply_error(reply, "read the request to pin a page", EINVAL);
        return;
    }
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0) {
        reply_error(reply, "open /proc/self/pagemap", errno);
        return;
    }
    pthread_mutex_lock(&lock);
    struct pin* pin = find_pin(name) ? NULL : find_pin("");
    errno = EEXIST;
    const uint64_t pfn = pin ? pin_one_of(pin, &range, pagemap, page_bytes) : 0;
    const int error = errno;
    if (pfn) {
        pin->taken = true;
        strcpy(pin->name, name);
    }
    pthread_mutex_unlock(&lock);
    close(pagemap);
    if (!pfn) {
        reply_error(reply, "pin a page of those blocks", error);
        return;
    }
    reply_line(reply, "pfn=%llu", (unsigned long long)pfn);
    reply_ok(reply);
}

void do_unpin_page(struct reply* reply, const char* payload) {
    char name[NAME_BYTES];
    if (!find_value(payload, "pin", name, sizeof name, NULL) || !*name) {
        reply_error(reply, "read the request to unpin a page", EINVAL);
        return;
    }
    pthread_mutex_lock(&lock);
    struct pin* pin = find_pin(name);
    if (pin) give_up(pin, (size_t)sysconf(_SC_PAGESIZE));
    pthread_mutex_unlock(&lock);
    if (pin) reply_ok(reply);
    else reply_error(reply, "find that pinned page", ENOENT);
}
