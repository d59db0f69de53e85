/*
 * The shared memory between memrig and the observer, its plugin inside QEMU. Written in what C and C++ have in common.
 *
 * memrig makes the memory, seals its size, and gives it to QEMU as an inherited descriptor. It fills in the table, and
 * then sets `ready`. The plugin takes the table at the first translation after that, and from then on it writes events
 * into the ring of each vCPU. Both sides are of one build on one host, so there is no question of byte order. Each side
 * checks what the other one wrote before it uses it.
 *
 * The fields that both sides use at the same time are written and read by atomic operations: see each of them.
 */
#ifndef MEMRIG_OBSERVER_LAYOUT_H
#define MEMRIG_OBSERVER_LAYOUT_H

#ifdef __cplusplus
#include <cstdint>
#else
#include <stdint.h>
#endif

#define OBSERVER_MAGIC 0x6d656d7269670004ull /* "memrig", and the number of this layout */

enum {
    OBSERVER_MOST_FUNCTIONS = 256,
    OBSERVER_MOST_SPANS = 256,
    OBSERVER_MOST_VCPUS = 64,
    OBSERVER_KINDS = 8,             /* of functions: ObserverFunction::kind is less */
    OBSERVER_MOST_EVENTS = 1 << 16, /* in one ring */
    OBSERVER_MOST_SPAN_BYTES = 4096,
    OBSERVER_ARGUMENTS = 3, /* of a call */
    OBSERVER_WORDS = 6      /* that are read where an argument points to */
};

/* The events that a function makes; ObserverFunction::watched is a sum of them. */
enum {
    OBSERVER_ENTRY = 1,  /* the instruction at ObserverFunction::entry is run */
    OBSERVER_LEAVE = 2,  /* an instruction that returns from it is run, or one that jumps to another function */
    OBSERVER_ACCESS = 4, /* one of its instructions has read or written a span */
    OBSERVER_WRAPS = 8,  /* none: where it ends by jumping to another function, its caller is that one's */
    /* The entry's event tells the arguments, and another event comes when the call has returned, whatever function it
     * ended in. Only a plugin that reads registers takes it (ObserverHeader::reads_registers) */
    OBSERVER_CALL = 16
};

/* How to tell an instruction that returns (ObserverTable::code). */
enum { OBSERVER_CODE_NONE = 0, OBSERVER_CODE_X86_64 = 1, OBSERVER_CODE_AARCH64 = 2 };

/* A piece of a function. A compiler may split a function in two ("name" and "name.cold"). */
struct ObserverFunction {
    uint64_t start, end; /* addresses in the guest; `end` is the first one behind it */
    uint64_t entry;      /* of an instruction that each call runs once. memrig's probe may step over the first one */
    uint32_t watched;    /* OBSERVER_ENTRY, ... */
    uint32_t group;      /* pieces of one function have the same number: a jump between them does not leave it */
    uint32_t kind;       /* a call of a function of this kind leads to the events of this kind */
    uint32_t pointer;    /* with OBSERVER_CALL: the argument, from 1, that points to words to be read; 0: none */
};

/* Memory of the guest that is watched: a word of a lock, or a whole lock. */
struct ObserverSpan {
    uint64_t start, end; /* addresses in the guest; `end` is the first one behind it */
    uint64_t host;       /* where `start` is in QEMU's process */
};

/* ObserverEvent::kind */
enum {
    OBSERVER_EVENT_ENTRY = 1,
    OBSERVER_EVENT_LEAVE = 2,
    OBSERVER_EVENT_LOAD = 3,
    OBSERVER_EVENT_STORE = 4,
    OBSERVER_EVENT_ANSWER = 5 /* a call has returned */
};

struct ObserverEvent {
    uint64_t sequence; /* from 1, over all vCPUs, without a gap. Taken after the access */
    uint64_t task;     /* the task_struct of the task that runs on the vCPU; 0 if it is not known */
    uint64_t stack;    /* the base of its kernel stack; 0 if it is not known */
    /* of a load or a store: the 8 bytes at the span's start, read after the access; of an answer: the return value */
    uint64_t value;
    uint32_t function; /* an index into ObserverTable::functions */
    uint32_t span;     /* of a load or a store: an index into ObserverTable::spans, else 0 */
    uint16_t vcpu;
    uint16_t kind;
    uint32_t called; /* the function of its kind that the task called last: an index into ObserverTable::functions */
    /* The address behind that call, or inside a jump that ends its function; 0: not known. With OBSERVER_CALL,
     * it is the address that the call returns to */
    uint64_t called_from;
    uint32_t arguments, words; /* the number of those that are known */
    uint64_t argument[OBSERVER_ARGUMENTS];
    uint64_t word[OBSERVER_WORDS];
};

struct ObserverRing {
    uint64_t written; /* events, since the beginning. The plugin stores it with release */
    uint64_t read;    /* of them by memrig, which stores it with release */
    uint64_t dropped; /* events that found the ring full. The plugin adds to it */
    uint64_t unused[5];
};

/* ObserverHeader::state: set by the plugin */
enum {
    OBSERVER_ABSENT = 0,    /* the plugin was not loaded */
    OBSERVER_INSTALLED = 1, /* it waits for the table */
    OBSERVER_WATCHES = 2,   /* it took the table */
    OBSERVER_BAD_TABLE = 3  /* it refused the table */
};

struct ObserverTable {
    uint32_t code;      /* OBSERVER_CODE_... */
    uint32_t functions; /* their number. In ascending order of their addresses, and none overlaps another */
    struct ObserverFunction function[OBSERVER_MOST_FUNCTIONS];
    /* By vCPU: where, in QEMU's process, the guest keeps the task_struct of the task that runs on it. 0: not known */
    uint64_t current[OBSERVER_MOST_VCPUS];
    /* The memory in which most task_structs are, all of it in one piece in QEMU's process, too, and where a task_struct
     * has the base of its stack. `direct.start` == `direct.end`: not known */
    struct ObserverSpan direct;
    uint64_t stack_offset;
};

struct ObserverHeader {
    uint64_t magic;
    uint32_t vcpus;           /* the number of rings */
    uint32_t ring_events;     /* a power of two */
    uint32_t ready;           /* memrig stores 1 with release, once the table is there */
    uint32_t state;           /* the plugin stores it with release */
    uint32_t interface;       /* the version of QEMU's plugin interface that the plugin was built for */
    uint32_t strange;         /* events on a vCPU without a ring. The plugin adds to it */
    uint32_t reads_registers; /* the plugin stores 1 before `state` if it can */
    uint32_t blind;           /* calls of which it could not read the registers, or whose return it does not see */
    uint64_t early;           /* blocks that were translated before the table was there. The plugin adds to it */
    uint64_t sequence;        /* the number of the last event. The plugin adds to it */
    struct ObserverTable table;
    /* memrig may add spans at any time, and never changes one: it writes the span, and then `spans` with release. */
    uint32_t spans;
    uint32_t unused;
    struct ObserverSpan span[OBSERVER_MOST_SPANS];
};

/* The memory is the header, then the rings, then the events of vCPU 0, of vCPU 1 and so on. */
static inline uint64_t observer_bytes(uint32_t vcpus, uint32_t ring_events) {
    return sizeof(struct ObserverHeader) +
           vcpus * (sizeof(struct ObserverRing) + ring_events * sizeof(struct ObserverEvent));
}

#endif
