/* A writer: a thread that writes to memory blocks' attributes, or that writes to or reads a file. */
#ifndef MEMRIG_WRITER_H
#define MEMRIG_WRITER_H

#include "agent.h"

#include <stdatomic.h>

enum {
    MAX_BLOCKS = 1 << 16,
    WORD_BYTES = 37, /* a UUID's letters, and the NUL */
    FILE_BYTES = 96,
    MAX_REPEATS = 10000
};

enum trigger { NOW, SPIN, UEVENT };

struct write_report {
    uint64_t block;
    int error;
};

struct writer {
    /* Set before the thread starts, and only read afterwards. */
    bool taken;
    char name[WORD_BYTES], attribute[WORD_BYTES], value[WORD_BYTES];
    char file[FILE_BYTES]; /* if not empty: the file to write to, instead of blocks */
    unsigned cpu;
    uint64_t first;
    size_t count;
    enum trigger trigger;
    bool waits;      /* for the doorbell */
    bool probes;     /* writes each block's address to `probe`, instead of writing to the block */
    bool reads;      /* reads the file to its end, instead of writing to it */
    uint64_t repeat; /* how often it does its work; only the last time is reported */
    uint64_t block_bytes;
    int directory, uevents, stop_event;
    uint32_t id; /* the request's, which is answered once the thread runs on its vCPU */
    /* Used by the reporter only. */
    bool answered;
    size_t sent;
    /* Written by the writer only. reports[0 .. published) are complete. A block is written to once, so the array never
     * overflows. */
    bool* done;
    struct write_report* reports;
    atomic_size_t published;
    atomic_bool stop, ready, ended;
};

/* Fills in what the request says. False if it is malformed. */
bool read_writer_request(struct writer* writer, const char* payload);

#endif
