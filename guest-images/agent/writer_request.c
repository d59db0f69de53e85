/* Reads the request for a writer. docs/agent-protocol.md describes it. */
#include "writer.h"

#include <sched.h>
#include <string.h>

/* Reads the optional field `path`, an absolute path, which openat() takes as it is. False if it is malformed. Only a
 * reader may go to /proc. */
static bool find_file(const char* payload, bool reads, char* out) {
    size_t length;
    *out = '\0';
    if (!find_value(payload, "path", out, FILE_BYTES, &length)) return strstr(payload, "path=") == NULL;
    return !strncmp(out, "/sys/", 5) || (reads && !strncmp(out, "/proc/", 6));
}

static bool find_word(const char* payload, const char* key, const char* allowed, char* out) {
    size_t length;
    return find_value(payload, key, out, WORD_BYTES, &length) && length > 0 && strspn(out, allowed) == length;
}

bool read_writer_request(struct writer* writer, const char* payload) {
    static const char words[] = "abcdefghijklmnopqrstuvwxyz_0123456789",
                      values[] = "abcdefghijklmnopqrstuvwxyz_.-0123456789",
                      names[] = "abcdefghijklmnopqrstuvwxyz-0123456789";
    char trigger[WORD_BYTES];
    uint64_t cpu, first, last, waits;
    if (!find_word(payload, "writer", names, writer->name) ||
        !find_word(payload, "attribute", words, writer->attribute) ||
        !find_word(payload, "value", values, writer->value) || !find_word(payload, "trigger", words, trigger) ||
        !find_number(payload, "cpu", &cpu) || !find_number(payload, "first", &first) ||
        !find_number(payload, "last", &last) || !find_number(payload, "doorbell", &waits))
        return false;
    writer->reads = !strcmp(writer->attribute, "read");
    if (!find_file(payload, writer->reads, writer->file) || (writer->reads && !*writer->file)) return false;
    if (*writer->file && last != first) return false;
    if (cpu >= CPU_SETSIZE || last < first || last - first >= MAX_BLOCKS) return false;
    if (!strcmp(trigger, "now")) writer->trigger = NOW;
    else if (!strcmp(trigger, "spin")) writer->trigger = SPIN;
    else if (!strcmp(trigger, "uevent")) writer->trigger = UEVENT;
    else return false;
    writer->waits = waits != 0;
    if (!find_number(payload, "repeat", &writer->repeat)) writer->repeat = 1;
    if (!writer->repeat || writer->repeat > MAX_REPEATS || (writer->repeat > 1 && writer->trigger == UEVENT))
        return false;
    writer->probes = !strcmp(writer->attribute, "probe");
    writer->block_bytes = get_block_bytes();
    if (writer->probes && (writer->trigger != NOW || !writer->block_bytes)) return false;
    writer->cpu = (unsigned)cpu;
    writer->first = first;
    writer->count = (size_t)(last - first + 1);
    return true;
}
