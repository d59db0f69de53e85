/*
 * Writes the observer's events into the shared memory. It knows nothing of QEMU, so that memrig's tests use it, too.
 *
 * Thread safety: recorder_open() first. Then any thread may call the others, but the events of one vCPU come from one
 * thread at a time, as QEMU's callbacks do.
 */
#ifndef MEMRIG_OBSERVER_RECORDER_H
#define MEMRIG_OBSERVER_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The last load on a vCPU, so that a task that spins on a word does not fill the ring. */
struct RecorderLoad {
    uint64_t task, value;
    uint32_t function, span;
    bool known;
};

/* The last direct call of a function of one kind, on a vCPU. */
struct RecorderCall {
    uint64_t task, from;
    uint32_t function;
};

/* Reads registers and memory of the vCPU on whose thread it is called. Each function returns false if it cannot. */
struct RecorderGuest {
    /* At the entry of a function: its arguments, and the address that it returns to. */
    bool (*read_call)(unsigned vcpu, uint64_t argument[OBSERVER_ARGUMENTS], uint64_t* returns_to);
    /* Behind a call: the value that it has returned. */
    bool (*read_answer)(unsigned vcpu, uint64_t* value);
    bool (*read_memory)(unsigned vcpu, uint64_t address, void* to, size_t bytes);
};

/* An address that calls of a function return to. */
struct RecorderPoint {
    uint64_t address;
    uint32_t function;
};

enum { RECORDER_MOST_POINTS = 16384, RECORDER_MOST_AT_ONCE = 8, RECORDER_LONGEST_CALL = 7 };

struct Recorder {
    const struct RecorderGuest* guest;                /* null: registers cannot be read */
    struct RecorderPoint point[RECORDER_MOST_POINTS]; /* a hash table: address 0 is an empty slot. Half of it is used */
    uint32_t points;
    bool adds_point; /* a lock */
    struct ObserverHeader* shared;
    struct ObserverRing* rings;
    struct ObserverEvent* events;
    uint32_t vcpus, ring_events; /* as they were when the memory was opened: the shared ones are not read again */
    struct ObserverTable table;  /* a copy that was checked; valid once `taken` */
    uint32_t taken;              /* OBSERVER_INSTALLED, OBSERVER_WATCHES or OBSERVER_BAD_TABLE */
    struct RecorderLoad last[OBSERVER_MOST_VCPUS];
    struct RecorderCall call[OBSERVER_MOST_VCPUS][OBSERVER_KINDS];
};

/* Uses `bytes` of shared memory at `memory`. Returns false if it is not what layout.h describes. `guest` may be null,
 * and must outlive the recorder. */
bool recorder_open(struct Recorder* recorder, void* memory, size_t bytes, uint32_t interface,
                   const struct RecorderGuest* guest);
/* Returns true once there is a good table. Takes the table if it has become ready. One thread at a time. */
bool recorder_ready(struct Recorder* recorder);
/* Returns the piece of a function that `address` lies in, or null. REQUIRES: recorder_ready(). */
const struct ObserverFunction* recorder_function(const struct Recorder* recorder, uint64_t address);
/* Returns the index of the piece in the table. */
uint32_t recorder_index(const struct Recorder* recorder, const struct ObserverFunction* function);
/* Returns true if the instruction of `size` bytes at `address` returns from the function (OBSERVER_LEAVE). */
bool recorder_leaves(const struct Recorder* recorder, const struct ObserverFunction* function, uint64_t address,
                     const uint8_t* bytes, size_t size);
/* Returns true if the instruction jumps, calls or returns. Such an instruction accesses no lock, and must get no memory
 * callback: QEMU 7.2 ends a block inside it, without clearing CPUState::plugin_mem_cbs, where a helper computes its
 * condition. The next helper then uses that list, even after it was freed, and QEMU aborts (QEMU's issue 1381, seen).
 */
bool recorder_jumps(const struct Recorder* recorder, const uint8_t* bytes, size_t size);
/* Returns the piece of a function whose beginning the instruction calls or jumps to, by a direct call from elsewhere;
 * else null. `from` becomes what ObserverEvent::called_from is then. REQUIRES: recorder_ready(). */
const struct ObserverFunction* recorder_called(const struct Recorder* recorder, uint64_t address, const uint8_t* bytes,
                                               size_t size, uint64_t* from);
/* Notes such a call for the events that it will make. REQUIRES: recorder_ready(). */
void recorder_calls(struct Recorder* recorder, unsigned vcpu, uint32_t function, uint64_t from);
/* Returns how many functions have been called so that they return to `address`, and which.
 * REQUIRES: recorder_ready(). */
size_t recorder_returns(const struct Recorder* recorder, uint64_t address, uint32_t functions[RECORDER_MOST_AT_ONCE]);
/* Returns true if the bytes before `end` may be a call. There are RECORDER_LONGEST_CALL of them. */
bool recorder_follows_call(const struct Recorder* recorder, const uint8_t* end);
/* Write an event. REQUIRES: recorder_ready(). An access that is to no span is no event. `address` is where the vCPU is.
 * It is an event for each function whose calls return there. Another one may have been called, so memrig looks for the
 * call. */
void recorder_answered(struct Recorder* recorder, unsigned vcpu, uint64_t address);
void recorder_passed(struct Recorder* recorder, unsigned vcpu, uint32_t function, uint16_t kind);
void recorder_touched(struct Recorder* recorder, unsigned vcpu, uint32_t function, uint64_t address, bool store);

#ifdef __cplusplus
}
#endif

#endif
