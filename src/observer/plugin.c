/*
 * The observer: a TCG plugin of QEMU that sees what the kernel's lock functions do, without stopping the guest.
 *
 * The same source is built for two versions of QEMU's plugin interface (OBSERVER_INTERFACE): 1 is what QEMU 7.2 takes,
 * 4 is what QEMU 10 takes. Debian has no package with the interface's header, so the few functions are declared here
 * (include/qemu/qemu-plugin.h). It asks QEMU for no value of a memory access, which version 1 could not tell: the
 * values are in the guest's memory, which is memory of QEMU's process, and memrig says where. registers.h reads
 * registers.
 *
 *   -plugin observer-1.so,fd=N     the shared memory (layout.h) is at the inherited descriptor N
 *   -plugin observer-1.so          does nothing: shows that QEMU takes the plugin
 *
 * A callback for a memory access comes after the access, on the thread of the vCPU.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "observer/recorder.h"
#include "observer/registers.h"

#ifndef OBSERVER_INTERFACE
#error "OBSERVER_INTERFACE is the version of QEMU's plugin interface: 1 or 4"
#endif

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translation_callback)(qemu_plugin_id_t, struct qemu_plugin_tb*);
typedef void (*execution_callback)(unsigned, void*);
typedef void (*memory_callback)(unsigned, qemu_plugin_meminfo_t, uint64_t, void*);
enum { WITHOUT_REGISTERS = 0, WITH_REGISTERS = 1, READS_AND_WRITES = 3, MOST_INSTRUCTION_BYTES = 16, PAGE = 4096 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translation_callback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);
const void* qemu_plugin_insn_haddr(const struct qemu_plugin_insn*);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn*);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, execution_callback, int flags, void*);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn*, memory_callback, int flags, int rw, void*);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);
#if OBSERVER_INTERFACE >= 3
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn*, void*, size_t);
#else
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
#endif

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = OBSERVER_INTERFACE;

static struct Recorder recorder;
static pthread_mutex_t taking = PTHREAD_MUTEX_INITIALIZER;

/* The user data of a callback is the index of the function's piece in the table. */
static void entered(unsigned vcpu, void* function) {
    recorder_passed(&recorder, vcpu, (uint32_t)(uintptr_t)function, OBSERVER_EVENT_ENTRY);
}

static void left(unsigned vcpu, void* function) {
    recorder_passed(&recorder, vcpu, (uint32_t)(uintptr_t)function, OBSERVER_EVENT_LEAVE);
}

/* The user data of a call is where it comes from, with the function's index in the uppermost byte: that is 0xff in each
 * address of kernel code. */
enum { SITE_BITS = 56 };
static const uint64_t site_mask = (UINT64_C(1) << SITE_BITS) - 1;
_Static_assert(OBSERVER_MOST_FUNCTIONS <= 256, "the index of a function fits into a byte");

static void calls(unsigned vcpu, void* site) {
    const uint64_t both = (uintptr_t)site;
    recorder_calls(&recorder, vcpu, (uint32_t)(both >> SITE_BITS), both | ~site_mask);
}

static void touched(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t address, void* function) {
    recorder_touched(&recorder, vcpu, (uint32_t)(uintptr_t)function, address, qemu_plugin_mem_is_store(info));
}

/* Copies the instruction's bytes, and returns their number; 0 if they are not known. */
static size_t bytes_of(const struct qemu_plugin_insn* instruction, uint8_t bytes[MOST_INSTRUCTION_BYTES]) {
    const size_t size = qemu_plugin_insn_size(instruction);
    if (size > MOST_INSTRUCTION_BYTES) return 0;
#if OBSERVER_INTERFACE >= 3
    return qemu_plugin_insn_data(instruction, bytes, size) == size ? size : 0;
#else
    memcpy(bytes, qemu_plugin_insn_data(instruction), size);
    return size;
#endif
}

static void watch_call(struct qemu_plugin_insn* instruction, uint64_t address, const uint8_t* bytes, size_t size) {
    uint64_t from = 0;
    const struct ObserverFunction* called = recorder_called(&recorder, address, bytes, size, &from);
    if (called == NULL || (from | site_mask) != UINT64_MAX) return;
    const uint64_t site = (from & site_mask) | (uint64_t)recorder_index(&recorder, called) << SITE_BITS;
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, calls, WITHOUT_REGISTERS, (void*)(uintptr_t)site);
}

static void returned(unsigned vcpu, void* address) { recorder_answered(&recorder, vcpu, (uintptr_t)address); }

/* A call returns to the first instruction of a block. Nothing of the block has run then, so that the registers are as
 * QEMU keeps them between blocks. Which of these places matter turns out later, when a block may have been translated
 * for long: so each block of the kernel behind a call looks. */
static void watch_return(struct qemu_plugin_insn* first) {
    const uint64_t address = qemu_plugin_insn_vaddr(first);
    const uint8_t* const code = qemu_plugin_insn_haddr(first);
    if (recorder.guest == NULL || address >> 63 == 0) return;
    const bool sees_before = code != NULL && address % PAGE >= RECORDER_LONGEST_CALL;
    if (sees_before && !recorder_follows_call(&recorder, code)) return;
    qemu_plugin_register_vcpu_insn_exec_cb(first, returned, WITH_REGISTERS, (void*)(uintptr_t)address);
}

static void watch(struct qemu_plugin_insn* instruction) {
    const uint64_t address = qemu_plugin_insn_vaddr(instruction);
    uint8_t bytes[MOST_INSTRUCTION_BYTES] = {0};
    const size_t size = bytes_of(instruction, bytes);
    watch_call(instruction, address, bytes, size);
    const struct ObserverFunction* function = recorder_function(&recorder, address);
    if (function == NULL) return;
    void* const index = (void*)(uintptr_t)recorder_index(&recorder, function);
    if ((function->watched & OBSERVER_ENTRY) != 0 && address == function->entry)
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, entered, WITH_REGISTERS, index);
    if ((function->watched & OBSERVER_LEAVE) != 0 && recorder_leaves(&recorder, function, address, bytes, size))
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, left, WITHOUT_REGISTERS, index);
    if ((function->watched & OBSERVER_ACCESS) != 0 && !recorder_jumps(&recorder, bytes, size))
        qemu_plugin_register_vcpu_mem_cb(instruction, touched, WITHOUT_REGISTERS, READS_AND_WRITES, index);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
    (void)id;
    pthread_mutex_lock(&taking);
    const bool ready = recorder_ready(&recorder);
    pthread_mutex_unlock(&taking);
    if (!ready) return;
    if (qemu_plugin_tb_n_insns(block) > 0) watch_return(qemu_plugin_tb_get_insn(block, 0));
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) watch(qemu_plugin_tb_get_insn(block, i));
}

/* Returns the descriptor of "fd=N", or -1. */
static int descriptor_of(const char* argument) {
    char* end = NULL;
    if (strncmp(argument, "fd=", 3) != 0) return -1;
    const long number = strtol(argument + 3, &end, 10);
    return end != argument + 3 && *end == '\0' && number >= 0 && number < 1 << 16 ? (int)number : -1;
}

static bool open_shared(int descriptor, const struct RecorderGuest* guest) {
    struct stat status;
    if (fstat(descriptor, &status) != 0 || status.st_size <= 0) return false;
    const size_t bytes = (size_t)status.st_size;
    void* const memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory != MAP_FAILED && recorder_open(&recorder, memory, bytes, OBSERVER_INTERFACE, guest);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t* info, int argc, char** argv) {
    if (argc == 0) return 0;
    const int descriptor = argc == 1 ? descriptor_of(argv[0]) : -1;
    if (descriptor < 0 || !open_shared(descriptor, registers_of(info->target_name))) {
        fprintf(stderr, "memrig's observer: no shared memory at \"%s\"\n", argv[0]);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
