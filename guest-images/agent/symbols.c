/* Answers the request for symbols, from /proc/kallsyms. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAMES = 1024, SLOTS = 4096, NAME_BYTES = 512, READ_BYTES = 64 * 1024 };

struct wanted {
    const char* name;
    size_t length;
};

struct search {
    struct wanted names[MAX_NAMES];
    size_t count;
    uint16_t slots[SLOTS]; /* hash of the part before the first dot -> index in `names` + 1 */
    uint64_t last;         /* the previous symbol's address, to which the next one is relative */
    bool shown;            /* an address other than zero was seen */
};

static uint32_t hash(const char* name, size_t length) {
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < length; i++) value = (value ^ (unsigned char)name[i]) * 16777619u;
    return value;
}

static size_t stem_length(const char* name, size_t length) {
    const char* dot = memchr(name + (length > 0), '.', length - (length > 0));
    return dot ? (size_t)(dot - name) : length;
}

/* Copies the unescaped names to `store`, which has at least the payload's size. False if they are malformed or too
 * many. */
static bool collect(struct search* search, const char* payload, char* store) {
    size_t raw, length;
    for (const char* value; (value = next_value(&payload, "name", &raw)) != NULL;) {
        if (search->count == MAX_NAMES || !unescape(store, raw + 1, value, raw, &length) || length == 0) return false;
        search->names[search->count] = (struct wanted){store, length};
        uint32_t slot = hash(store, stem_length(store, length)) % SLOTS;
        while (search->slots[slot]) slot = (slot + 1) % SLOTS;
        search->slots[slot] = (uint16_t)++search->count;
        store += length + 1;
    }
    return true;
}

/* ".isra.0" and similar suffixes mark the compiler's clones of a function; ".cold" marks a part split off from one. */
static bool is_clone_suffix(const char* suffix, size_t length) {
    return length > 0 && *suffix == '.' && memmem(suffix, length, ".cold", 5) == NULL;
}

static bool is_wanted(const struct search* search, const char* name, size_t length) {
    uint32_t slot = hash(name, stem_length(name, length)) % SLOTS;
    for (; search->slots[slot]; slot = (slot + 1) % SLOTS) {
        const struct wanted* wanted = &search->names[search->slots[slot] - 1];
        if (length < wanted->length || memcmp(name, wanted->name, wanted->length) != 0) continue;
        if (length == wanted->length || is_clone_suffix(name + wanted->length, length - wanted->length)) return true;
    }
    return false;
}

static char* put_hex(char* out, uint64_t value) {
    char digits[16];
    int count = 0;
    do digits[count++] = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    while (count) *out++ = digits[--count];
    return out;
}

/* Padding before functions, and the export tables: half of all names on some kernels. No code runs there, and none of
 * them is a lock. */
static bool is_clutter(const char* name, size_t length) {
    return (length > 6 && !memcmp(name, "__pfx_", 6)) || (length > 10 && !memcmp(name, "__ksymtab_", 10));
}

/* A row is "ADDRESS TYPE NAME". A tab and "[MODULE]" follow if the symbol belongs to a module. */
static void take_row(struct reply* reply, struct search* search, const char* row, const char* end) {
    uint64_t address = 0;
    for (; row < end && *row != ' '; row++)
        address = address << 4 | (uint64_t)(*row <= '9' ? *row - '0' : (*row | 32) - 'a' + 10);
    if (end - row < 4) return;
    const char type = row[1], *name = row + 3;
    const char* tab = memchr(name, '\t', (size_t)(end - name));
    const size_t length = (size_t)((tab ? tab : end) - name);
    search->shown = search->shown || address != 0;
    if (length >= NAME_BYTES) return;
    if (search->count ? !is_wanted(search, name, length) : tab != NULL || is_clutter(name, length)) return;
    char *start = reply_room(reply, NAME_BYTES * 3 + 32), *out = put_hex(start, address - search->last);
    *out++ = ' ';
    *out++ = type;
    *out++ = ' ';
    out += escape(out, NAME_BYTES * 3, name, length);
    reply->used += (size_t)(out - start);
    reply_newline(reply);
    search->last = address;
}

static bool scan(struct reply* reply, struct search* search, char* buffer, int fd) {
    size_t used = 0;
    ssize_t n;
    while ((n = read(fd, buffer + used, READ_BYTES - used)) > 0) {
        const char *row = buffer, *end = buffer + used + n, *newline;
        while ((newline = memchr(row, '\n', (size_t)(end - row))) != NULL) {
            take_row(reply, search, row, newline);
            row = newline + 1;
        }
        used = (size_t)(end - row);
        if (used >= READ_BYTES) used = 0; /* no kernel has such a long row */
        memmove(buffer, row, used);
    }
    return n == 0;
}

static void answer(struct reply* reply, struct search* search, char* buffer) {
    const int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        reply_error(reply, "open /proc/kallsyms", errno);
        return;
    }
    const bool complete = scan(reply, search, buffer, fd);
    const int error = errno;
    close(fd);
    if (!complete) reply_error(reply, "read /proc/kallsyms", error);
    else if (!search->shown) reply_error(reply, "see addresses in /proc/kallsyms (kptr_restrict)", EPERM);
    else reply_ok(reply);
}

void do_symbols(struct reply* reply, const char* payload) {
    struct search* search = calloc(1, sizeof *search);
    char *store = malloc(strlen(payload) + 1), *buffer = malloc(READ_BYTES);
    if (!search || !store || !buffer) reply_error(reply, "get memory", ENOMEM);
    else if (!collect(search, payload, store)) reply_error(reply, "read the request: bad names, or too many", EINVAL);
    else answer(reply, search, buffer);
    free(buffer);
    free(store);
    free(search);
}
