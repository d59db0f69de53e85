/* The guest agent: init of the guest, and the rig's hands inside it. docs/agent-protocol.md has the protocol.
 *
 * Threads. The main thread reads the link and starts the writers; it makes no call that can wait for a hotplug
 * lock. Workers do what may block in the kernel. The reporter sends what the writers did, and is not the main thread
 * since reading a tty waits for the kernel's unbound workqueue (flush_to_ldisc()), whose worker may sit on a held
 * vCPU. All these run on CPU 0, the housekeeping vCPU, which the rig never holds.
 * A writer runs on a vCPU that may be held at any instruction, so it takes no lock that the others take: it
 * allocates nothing, prints nothing, and reports through memory that it alone writes.
 */
#ifndef MEMRIG_AGENT_H
#define MEMRIG_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTOCOL_VERSION = 2,
    HEADER_BYTES = 20,
    CRC_BYTES = 4,
    MAX_PAYLOAD = 64 * 1024,
    MAX_FRAME = HEADER_BYTES + MAX_PAYLOAD + CRC_BYTES,
    PART_BYTES = 16 * 1024, /* a reply is sent in parts of about this size */
    PATH_BYTES = 4096
};

enum frame_type { FRAME_HELLO = 1, FRAME_REQUEST, FRAME_REPLY, FRAME_PART, FRAME_EVENT, FRAME_DEFLATED_PART };

/* --- frame.c: the wire format --- */

struct frame {
    uint8_t type;
    uint16_t sequence;
    uint32_t id;
    const char* payload; /* ends in a NUL that is not counted */
    size_t length;
};

struct decoder {
    size_t used;
    char bytes[MAX_FRAME + 4096];
};

/* Makes one frame in `out`, which has room for MAX_FRAME bytes, and returns its size. */
size_t frame_encode(char* out, uint8_t type, uint32_t id, uint16_t sequence, const char* payload, size_t length);

/* Room for what is read from the link next; never zero after decoder_next() said that there is no frame. */
char* decoder_room(struct decoder* decoder, size_t* room);

/* Takes the next whole and sound frame; anything else is skipped. The payload is copied to `payload`, which has room
 * for MAX_PAYLOAD + 1 bytes. */
bool decoder_next(struct decoder* decoder, struct frame* frame, char* payload);

/* --- link.c: the serial line --- */

/* Opens the device that the kernel command line names. Returns its descriptor, or -1 with errno. */
int link_open(char* name, size_t name_bytes);
void link_send(uint8_t type, uint32_t id, uint16_t sequence, const char* payload, size_t length);
/* Waits until all that was sent has left the UART. */
void link_drain(void);

/* --- text.c: payloads --- */

/* Appends with the bytes that must not stand in a value percent-escaped; returns the length of what it wrote. */
size_t escape(char* out, size_t room, const char* value, size_t length);
/* The unescaped value of the first `key` in `payload`. False if there is none, or if it does not fit or is malformed. */
bool find_value(const char* payload, const char* key, char* out, size_t room, size_t* length);
bool find_number(const char* payload, const char* key, uint64_t* out);
/* The raw value of the next `key`, from *cursor on; moves *cursor. NULL at the end. */
const char* next_value(const char** cursor, const char* key, size_t* length);
/* Decodes `length` bytes; false if malformed or too long for `room`, which includes a closing NUL. */
bool unescape(char* out, size_t room, const char* value, size_t length, size_t* out_length);

/* --- reply.c --- */

/* A reply in the making: lines go out in parts as they fill up, the status goes last. */
struct reply {
    uint32_t id;
    uint16_t parts;
    size_t used;
    bool may_deflate;
    void* deflate; /* the stream, once the reply is deflated */
    char text[PART_BYTES + 8192];
};

/* A reply of more than one part may be deflated where the rig says so, if the agent was built with zlib. */
void reply_begin(struct reply* reply, uint32_t id, bool may_deflate);
/* One line of printf-like text, without its newline. Values that may hold anything: first reply_value(). */
__attribute__((format(printf, 2, 3))) void reply_line(struct reply* reply, const char* format, ...);
/* " key=value" or "key=value", escaped, added to the line that is open. */
void reply_field(struct reply* reply, const char* key, const char* value, size_t length);
void reply_newline(struct reply* reply);
/* Room for at least `bytes` more (at most 8192); the caller adds to reply->text and reply->used itself. */
char* reply_room(struct reply* reply, size_t bytes);
void reply_ok(struct reply* reply);
/* What failed, "open /proc/x", and the errno. */
void reply_error(struct reply* reply, const char* doing, int error);
void reply_error_to(uint32_t id, const char* doing, int error);

/* --- setup.c --- */

/* Mounts, modules, affinity. What fails becomes a warning of the greeting. */
void set_up(void);
__attribute__((format(printf, 1, 2))) void warn(const char* format, ...);
void send_hello(uint32_t id);
/* Sets every CPU's clock going again, which may stand still in a guest that was saved. Goes from CPU to CPU, so only
 * for the greeting, when none is held yet. */
void restart_clocks(void);
/* The size of a memory block; 0 where the kernel has no memory hotplug. */
uint64_t get_block_bytes(void);
/* The word after `key` on the kernel command line. */
bool command_line_word(const char* key, char* out, size_t room);

/* --- worker.c --- */

typedef void (*handler)(struct reply* reply, const char* payload);

bool start_workers(void);
/* Runs `run` on a worker with a copy of the payload. If every worker is busy, the request is answered with an error. */
void run_on_worker(handler run, uint32_t id, const char* payload);

/* --- the requests --- */

void do_symbols(struct reply* reply, const char* payload);
void do_blocks(struct reply* reply, const char* payload);
void do_memory(struct reply* reply, const char* payload);
void do_slabs(struct reply* reply, const char* payload);
void do_pin_page(struct reply* reply, const char* payload);
void do_unpin_page(struct reply* reply, const char* payload);
void do_blocked_tasks(struct reply* reply, const char* payload);
void do_read_file(struct reply* reply, const char* payload);
void do_write_file(struct reply* reply, const char* payload);
void do_sysrq(struct reply* reply, const char* payload);
void do_power_off(struct reply* reply, const char* payload);

/* --- writer.c --- */

/* The thread that says on the link what the writers did. */
bool start_reporter(void);
void writer_start(uint32_t id, const char* payload);
void writer_stop(uint32_t id, const char* payload);

/* --- file.c: small helpers around files --- */

/* Reads at most `room` - 1 bytes and closes the text with a NUL. Returns the length, or -1 with errno. */
long read_small(const char* path, char* out, size_t room);

#endif
