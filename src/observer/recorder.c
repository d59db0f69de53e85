#include "observer/recorder.h"

#include <string.h>

enum { WORD = 8 };

bool recorder_open(struct Recorder* recorder, void* memory, size_t bytes, uint32_t interface,
                   const struct RecorderGuest* guest) {
    struct ObserverHeader* shared = memory;
    memset(recorder, 0, sizeof *recorder);
    if (bytes < sizeof *shared || shared->magic != OBSERVER_MAGIC) return false;
    const uint32_t vcpus = shared->vcpus, ring_events = shared->ring_events;
    if (vcpus == 0 || vcpus > OBSERVER_MOST_VCPUS) return false;
    if (ring_events == 0 || ring_events > OBSERVER_MOST_EVENTS || (ring_events & (ring_events - 1)) != 0) return false;
    if (bytes < observer_bytes(vcpus, ring_events)) return false;
    recorder->shared = shared;
    recorder->rings = (struct ObserverRing*)(shared + 1);
    recorder->events = (struct ObserverEvent*)(recorder->rings + vcpus);
    recorder->vcpus = vcpus;
    recorder->ring_events = ring_events;
    recorder->taken = OBSERVER_INSTALLED;
    recorder->guest = guest;
    shared->interface = interface;
    shared->reads_registers = guest != NULL;
    __atomic_store_n(&shared->state, OBSERVER_INSTALLED, __ATOMIC_RELEASE);
    return true;
}

static bool is_good(const struct ObserverTable* table, bool reads_registers) {
    if (table->functions > OBSERVER_MOST_FUNCTIONS) return false;
    if (table->code > OBSERVER_CODE_AARCH64) return false;
    uint64_t behind = 0;
    for (uint32_t i = 0; i < table->functions; i++) {
        const struct ObserverFunction* function = &table->function[i];
        if (function->start < behind || function->end <= function->start) return false;
        const uint32_t all = OBSERVER_ENTRY | OBSERVER_LEAVE | OBSERVER_ACCESS | OBSERVER_WRAPS | OBSERVER_CALL;
        if (function->watched == 0 || function->watched > all || function->kind >= OBSERVER_KINDS) return false;
        if (function->entry < function->start || function->entry >= function->end) return false;
        if ((function->watched & OBSERVER_LEAVE) != 0 && table->code == OBSERVER_CODE_NONE) return false;
        const bool calls = (function->watched & OBSERVER_CALL) != 0;
        if (calls && (!reads_registers || (function->watched & OBSERVER_ENTRY) == 0)) return false;
        if (function->pointer > (calls ? OBSERVER_ARGUMENTS : 0)) return false;
        behind = function->end;
    }
    for (unsigned i = 0; i < OBSERVER_MOST_VCPUS; i++)
        if (table->current[i] % WORD != 0) return false;
    const struct ObserverSpan* direct = &table->direct;
    if (direct->start == direct->end) return true;
    return direct->start < direct->end && direct->host != 0 && direct->host % WORD == 0 && direct->start % WORD == 0 &&
           table->stack_offset % WORD == 0 && table->stack_offset < direct->end - direct->start - WORD;
}

bool recorder_ready(struct Recorder* recorder) {
    if (recorder->taken != OBSERVER_INSTALLED) return recorder->taken == OBSERVER_WATCHES;
    struct ObserverHeader* shared = recorder->shared;
    if (__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) != 1) {
        __atomic_fetch_add(&shared->early, 1, __ATOMIC_RELAXED);
        return false;
    }
    memcpy(&recorder->table, &shared->table, sizeof recorder->table);
    recorder->taken = is_good(&recorder->table, recorder->guest != NULL) ? OBSERVER_WATCHES : OBSERVER_BAD_TABLE;
    __atomic_store_n(&shared->state, recorder->taken, __ATOMIC_RELEASE);
    return recorder->taken == OBSERVER_WATCHES;
}

const struct ObserverFunction* recorder_function(const struct Recorder* recorder, uint64_t address) {
    const struct ObserverFunction* function = recorder->table.function;
    uint32_t low = 0, high = recorder->table.functions;
    while (low < high) { /* the first piece that ends behind the address */
        const uint32_t middle = low + (high - low) / 2;
        if (function[middle].end <= address) low = middle + 1;
        else high = middle;
    }
    return low < recorder->table.functions && function[low].start <= address ? &function[low] : NULL;
}

uint32_t recorder_index(const struct Recorder* recorder, const struct ObserverFunction* function) {
    return (uint32_t)(function - recorder->table.function);
}

/* A jump with a distance of 32 bits leaves the function unless it goes to another piece of it. Compilers end a function
 * so where they call another one last, and the kernel where it returns by way of __x86_return_thunk. */
static bool leaves_x86(const struct Recorder* recorder, const struct ObserverFunction* function, uint64_t address,
                       const uint8_t* bytes, size_t size) {
    static const uint8_t ret = 0xc3, ret_and_pop = 0xc2, repeat = 0xf3, jump = 0xe9;
    if (size == 1 && bytes[0] == ret) return true;
    if (size == 2 && bytes[0] == repeat && bytes[1] == ret) return true;
    if (size == 3 && bytes[0] == ret_and_pop) return true;
    if (size != 5 || bytes[0] != jump) return false;
    int32_t distance;
    memcpy(&distance, bytes + 1, sizeof distance);
    const uint64_t target = address + size + (uint64_t)(int64_t)distance;
    if (target >= function->start && target < function->end) return false;
    const struct ObserverFunction* other = recorder_function(recorder, target);
    return other == NULL || other->group != function->group;
}

bool recorder_leaves(const struct Recorder* recorder, const struct ObserverFunction* function, uint64_t address,
                     const uint8_t* bytes, size_t size) {
    if (recorder->table.code == OBSERVER_CODE_X86_64) return leaves_x86(recorder, function, address, bytes, size);
    uint32_t word;
    if (recorder->table.code != OBSERVER_CODE_AARCH64 || size != sizeof word) return false;
    memcpy(&word, bytes, sizeof word);
    return word == 0xd65f03c0; /* ret */
}

static bool is_prefix_x86(uint8_t byte) {
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    return memchr(prefixes, byte, sizeof prefixes) != NULL || (byte & 0xf0) == 0x40; /* 0x40: REX */
}

static bool jumps_x86(const uint8_t* bytes, size_t size) {
    size_t at = 0;
    while (at < size && is_prefix_x86(bytes[at])) at++;
    if (at == size) return false;
    const uint8_t code = bytes[at], next = at + 1 < size ? bytes[at + 1] : 0;
    if (code == 0x0f) return (next & 0xf0) == 0x80;                               /* jcc, far */
    if (code == 0xff) return (next >> 3 & 7) >= 2 && (next >> 3 & 7) <= 5;        /* call and jump by a pointer */
    if ((code & 0xf0) == 0x70 || (code & 0xfc) == 0xe0) return true;              /* jcc; loop and jrcxz */
    return code == 0xe8 || code == 0xe9 || code == 0xeb || (code & 0xf6) == 0xc2; /* call, jump; ret, of any kind */
}

bool recorder_jumps(const struct Recorder* recorder, const uint8_t* bytes, size_t size) {
    if (recorder->table.code == OBSERVER_CODE_X86_64) return jumps_x86(bytes, size);
    uint32_t word;
    if (recorder->table.code != OBSERVER_CODE_AARCH64 || size != sizeof word) return false;
    memcpy(&word, bytes, sizeof word);
    return (word & 0x1c000000) == 0x14000000; /* branches, exceptions and system instructions */
}

/* A call may land behind the function's landing pad. */
enum { MOST_BEFORE_ENTRY = 8 };

/* Returns the target of a direct call or jump; 0 if it is none. */
static uint64_t target_of(const struct Recorder* recorder, uint64_t address, const uint8_t* bytes, size_t size,
                          bool* jumps) {
    if (recorder->table.code == OBSERVER_CODE_X86_64) {
        int32_t distance;
        if (size != 5 || (bytes[0] != 0xe8 && bytes[0] != 0xe9)) return 0;
        memcpy(&distance, bytes + 1, sizeof distance);
        *jumps = bytes[0] == 0xe9;
        return address + size + (uint64_t)(int64_t)distance;
    }
    uint32_t word;
    if (recorder->table.code != OBSERVER_CODE_AARCH64 || size != sizeof word) return 0;
    memcpy(&word, bytes, sizeof word);
    if ((word & 0x7c000000) != 0x14000000) return 0; /* b, bl: a distance of 26 bits, in words */
    *jumps = word >> 31 == 0;
    return address + (uint64_t)(int64_t)((int32_t)(word << 6) >> 4);
}

const struct ObserverFunction* recorder_called(const struct Recorder* recorder, uint64_t address, const uint8_t* bytes,
                                               size_t size, uint64_t* from) {
    bool jumps = false;
    const uint64_t target = target_of(recorder, address, bytes, size, &jumps);
    if (target == 0) return NULL;
    const struct ObserverFunction* function = recorder_function(recorder, target);
    if (function == NULL || target - function->start > MOST_BEFORE_ENTRY) return NULL;
    const struct ObserverFunction* caller = recorder_function(recorder, address);
    if (caller != NULL && (caller->watched & OBSERVER_ACCESS) != 0) return NULL; /* one lock function uses another */
    if (caller != NULL && (caller->watched & OBSERVER_WRAPS) != 0 && jumps) return NULL;
    *from = address + size - (jumps ? 1 : 0);
    return function;
}

static uint64_t current_of(const struct Recorder* recorder, unsigned vcpu) {
    const uint64_t* host = (const uint64_t*)(uintptr_t)recorder->table.current[vcpu];
    return host == NULL ? 0 : __atomic_load_n(host, __ATOMIC_RELAXED);
}

static uint64_t stack_of(const struct Recorder* recorder, uint64_t task) {
    const struct ObserverSpan* direct = &recorder->table.direct;
    const uint64_t behind = recorder->table.stack_offset + WORD;
    if (direct->start == direct->end || task % WORD != 0) return 0;
    if (task < direct->start || task >= direct->end || direct->end - task < behind) return 0;
    const uintptr_t host = direct->host + (task - direct->start) + recorder->table.stack_offset;
    return __atomic_load_n((const uint64_t*)host, __ATOMIC_RELAXED);
}

/* The event gets its number only if there is room, so that a number that is missing is an event that got lost. */
static void record(struct Recorder* recorder, unsigned vcpu, struct ObserverEvent event) {
    struct ObserverRing* ring = &recorder->rings[vcpu];
    const uint64_t written = __atomic_load_n(&ring->written, __ATOMIC_RELAXED);
    const uint64_t read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
    if (written - read >= recorder->ring_events) {
        __atomic_fetch_add(&ring->dropped, 1, __ATOMIC_RELAXED);
        return;
    }
    event.sequence = __atomic_add_fetch(&recorder->shared->sequence, 1, __ATOMIC_SEQ_CST);
    event.vcpu = (uint16_t)vcpu;
    event.stack = stack_of(recorder, event.task);
    const struct RecorderCall* call = &recorder->call[vcpu][recorder->table.function[event.function].kind];
    if (event.called_from != 0) event.called = event.function;
    else if (call->task == event.task) event.called = call->function, event.called_from = call->from;
    recorder->events[(uint64_t)vcpu * recorder->ring_events + (written & (recorder->ring_events - 1))] = event;
    __atomic_store_n(&ring->written, written + 1, __ATOMIC_RELEASE);
}

static bool has_ring(struct Recorder* recorder, unsigned vcpu) {
    if (vcpu < recorder->vcpus) return true;
    __atomic_fetch_add(&recorder->shared->strange, 1, __ATOMIC_RELAXED);
    return false;
}

void recorder_calls(struct Recorder* recorder, unsigned vcpu, uint32_t function, uint64_t from) {
    if (vcpu >= recorder->vcpus) return;
    recorder->call[vcpu][recorder->table.function[function].kind] =
        (struct RecorderCall){current_of(recorder, vcpu), from, function};
}

static uint32_t slot_of(uint64_t address) {
    return (uint32_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 40) % RECORDER_MOST_POINTS;
}

/* A slot is written once, its address last. So it may be read at any time. */
static void add_point(struct Recorder* recorder, uint32_t function, uint64_t address) {
    while (__atomic_test_and_set(&recorder->adds_point, __ATOMIC_ACQUIRE)) {
    }
    struct RecorderPoint* point = &recorder->point[slot_of(address)];
    struct RecorderPoint* const behind = recorder->point + RECORDER_MOST_POINTS;
    while (point->address != 0 && (point->address != address || point->function != function))
        if (++point == behind) point = recorder->point;
    if (point->address == 0 && recorder->points == RECORDER_MOST_POINTS / 2) {
        __atomic_fetch_add(&recorder->shared->blind, 1, __ATOMIC_RELAXED);
    } else if (point->address == 0) {
        recorder->points++;
        point->function = function;
        __atomic_store_n(&point->address, address, __ATOMIC_RELEASE);
    }
    __atomic_clear(&recorder->adds_point, __ATOMIC_RELEASE);
}

size_t recorder_returns(const struct Recorder* recorder, uint64_t address, uint32_t functions[RECORDER_MOST_AT_ONCE]) {
    size_t found = 0;
    for (uint32_t at = slot_of(address); found < RECORDER_MOST_AT_ONCE; at = (at + 1) % RECORDER_MOST_POINTS) {
        const uint64_t here = __atomic_load_n(&recorder->point[at].address, __ATOMIC_ACQUIRE);
        if (here == 0) break;
        if (here == address) functions[found++] = recorder->point[at].function;
    }
    return found;
}

/* call rel32; call by a register or by memory, with or without a prefix (ff /2) */
static bool ends_in_call_x86(const uint8_t* end) {
    if (end[-5] == 0xe8) return true;
    for (int size = 2; size <= 7; size++)
        if (end[-size] == 0xff && (end[1 - size] >> 3 & 7) == 2) return true;
    return false;
}

bool recorder_follows_call(const struct Recorder* recorder, const uint8_t* end) {
    if (recorder->table.code == OBSERVER_CODE_X86_64) return ends_in_call_x86(end);
    uint32_t word;
    memcpy(&word, end - sizeof word, sizeof word);
    return (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000; /* bl, blr */
}

/* Fills in the registers of a call, and adds the point that it returns to. */
static void describe_call(struct Recorder* recorder, unsigned vcpu, struct ObserverEvent* event) {
    const struct ObserverFunction* function = &recorder->table.function[event->function];
    if (!recorder->guest->read_call(vcpu, event->argument, &event->called_from) || event->called_from == 0) {
        event->called_from = 0;
        __atomic_fetch_add(&recorder->shared->blind, 1, __ATOMIC_RELAXED);
        return;
    }
    event->arguments = OBSERVER_ARGUMENTS;
    add_point(recorder, event->function, event->called_from);
    if (function->pointer == 0) return;
    const uint64_t place = event->argument[function->pointer - 1];
    if (recorder->guest->read_memory(vcpu, place, event->word, sizeof event->word)) event->words = OBSERVER_WORDS;
}

void recorder_passed(struct Recorder* recorder, unsigned vcpu, uint32_t function, uint16_t kind) {
    if (!has_ring(recorder, vcpu)) return;
    recorder->last[vcpu].known = false;
    struct ObserverEvent event = {.task = current_of(recorder, vcpu), .function = function, .kind = kind};
    if (kind == OBSERVER_EVENT_ENTRY && (recorder->table.function[function].watched & OBSERVER_CALL) != 0)
        describe_call(recorder, vcpu, &event);
    record(recorder, vcpu, event);
}

void recorder_answered(struct Recorder* recorder, unsigned vcpu, uint64_t address) {
    uint32_t functions[RECORDER_MOST_AT_ONCE];
    const size_t count = recorder_returns(recorder, address, functions);
    if (count == 0 || !has_ring(recorder, vcpu)) return;
    struct ObserverEvent event = {
        .task = current_of(recorder, vcpu), .kind = OBSERVER_EVENT_ANSWER, .called_from = address};
    if (!recorder->guest->read_answer(vcpu, &event.value))
        __atomic_fetch_add(&recorder->shared->blind, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < count; i++) {
        event.function = functions[i];
        record(recorder, vcpu, event);
    }
}

void recorder_touched(struct Recorder* recorder, unsigned vcpu, uint32_t function, uint64_t address, bool store) {
    const struct ObserverHeader* shared = recorder->shared;
    uint32_t spans = __atomic_load_n(&shared->spans, __ATOMIC_ACQUIRE), at = 0;
    if (spans > OBSERVER_MOST_SPANS) spans = OBSERVER_MOST_SPANS;
    while (at < spans && (address < shared->span[at].start || address >= shared->span[at].end)) at++;
    if (at == spans || shared->span[at].host == 0 || shared->span[at].host % WORD != 0) return;
    if (!has_ring(recorder, vcpu)) return;
    const uint64_t value = __atomic_load_n((const uint64_t*)(uintptr_t)shared->span[at].host, __ATOMIC_RELAXED);
    const uint64_t task = current_of(recorder, vcpu);
    struct RecorderLoad* last = &recorder->last[vcpu];
    if (!store && last->known && last->task == task && last->value == value && last->function == function &&
        last->span == at)
        return;
    *last = (struct RecorderLoad){task, value, function, at, !store};
    record(recorder, vcpu,
           (struct ObserverEvent){.task = task,
                                  .value = value,
                                  .function = function,
                                  .span = at,
                                  .kind = store ? OBSERVER_EVENT_STORE : OBSERVER_EVENT_LOAD});
}
