/*
 * Reads a vCPU's registers and memory, inside QEMU.
 *
 * Version 4 of the plugin interface has functions for that. Version 1 has none: there, the plugin looks for what QEMU's
 * own gdb stub reads them with (qemu_get_cpu(), x86_cpu_gdb_read_register() and cpu_memory_rw_debug() of QEMU 7.2). A
 * QEMU that is built with modules exports them, as Debian's is. So the registers are those between two blocks of
 * translated code: they are right in a callback of a block's first instruction, and behind instructions that change
 * none, as the nop at a function's entry.
 */
#ifndef MEMRIG_OBSERVER_REGISTERS_H
#define MEMRIG_OBSERVER_REGISTERS_H

#include "observer/recorder.h"

/* What QEMU tells a plugin (include/qemu/qemu-plugin.h). */
struct qemu_info_t {
    const char* target_name;
    struct {
        int min, cur;
    } version;
};

/* Returns the functions for the target ("x86_64"), or null if this QEMU has none, or if the target is not known. */
const struct RecorderGuest* registers_of(const char* target);

#endif
