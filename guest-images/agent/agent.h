/* The guest agent: init of the guest, which acts there for the rig. docs/agent-protocol.md describes the protocol.
 *
 * Threads. The main thread reads the link and starts the writers. It makes no call that can wait for a hotplug lock.
 * Workers handle requests that may block in the kernel. The reporter sends the writers' reports. It is a thread of its
 * own, since the main thread's read of a tty waits for the kernel's unbound workqueue (flush_to_ldisc()), whose worker
 * may be on a held vCPU. All these threads run on CPU 0, the housekeeping vCPU, which the rig never holds.
 * A writer runs on a vCPU that may be held at any instruction, so it takes no lock that other threads take: it
 * allocates nothing, prints nothing, and reports through memory that it alone writes.
 */
#ifndef MEMRIG_AGENT_H
#define MEMRIG_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTOCOL_VERSION = 3,
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

/* The room for the next bytes from the link; never zero after decoder_next() has returned false. */
char* decoder_room(struct decoder* decoder, size_t* room);

/* Takes the next complete and intact frame; all other bytes are skipped. Copies the payload to `payload`, which has
 * room for MAX_PAYLOAD + 1 bytes. False if there is no such frame. */
bool decoder_next(struct decoder* decoder, struct frame* frame, char* payload);

/* --- link.c: the serial line --- */

/* Opens the device that memrig.link= on the kernel command line names, or ttyS1. Returns its descriptor, or -1 with
 * errno. `name` gets the device's name. */
int link_open(char* name, size_t name_bytes);
void link_send(uint8_t type, uint32_t id, uint16_t sequence, const char* payload, size_t length);
/* Waits until all sent bytes have left the UART. */
void link_drain(void);

/* --- text.c: payloads --- */

/* Writes `value` to `out`, percent-escaping the bytes that a value must not contain. Stops when `out` is full. Returns
 * the length that it wrote. */
size_t escape(char* out, size_t room, const char* value, size_t length);
/* The unescaped value of the first `key` in `payload`. False if there is none, if it does not fit, or is malformed. */
bool find_value(const char* payload, const char* key, char* out, size_t room, size_t* length);
bool find_number(const char* payload, const char* key, uint64_t* out);
/* The raw value of the next `key` after *cursor; moves *cursor behind it. NULL at the end. */
const char* next_value(const char** cursor, const char* key, size_t* length);
/* Decodes `length` bytes. False if they are malformed or do not fit into `room`, which includes a closing NUL. */
bool unescape(char* out, size_t room, const char* value, size_t length, size_t* out_length);

/* --- reply.c --- */

/* An unfinished reply. Its lines are sent in parts, whenever one is full; the status follows last. */
struct reply {
    uint32_t id;
    uint16_t parts;
    size_t used;
    bool may_deflate;
    void* deflate; /* the stream, once the reply is deflated */
    char text[PART_BYTES + 8192];
};

/* `may_deflate`: the rig accepts a deflated reply. An agent built with zlib deflates replies of more than one part. */
void reply_begin(struct reply* reply, uint32_t id, bool may_deflate);
/* Adds one line of printf-like text, at most 511 bytes, and its newline. Does not escape: for values that may hold any
 * byte, use reply_field(). */
__attribute__((format(printf, 2, 3))) void reply_line(struct reply* reply, const char* format, ...);
/* Adds " key=value", or "key=value" at the start of a line. Escapes the value. */
void reply_field(struct reply* reply, const char* key, const char* value, size_t length);
void reply_newline(struct reply* reply);
/* Makes room for at least `bytes` more, at most 8192. The caller writes there and adds to reply->used. Call it at the
 * start of a line only, since it may send the text so far. */
char* reply_room(struct reply* reply, size_t bytes);
void reply_ok(struct reply* reply);
/* `doing`: what failed, such as "open /proc/x". `error`: the errno. */
void reply_error(struct reply* reply, const char* doing, int error);
void reply_error_to(uint32_t id, const char* doing, int error);

/* --- setup.c --- */

/* Mounts file systems, loads modules, pins the agent to CPU 0. A failure becomes a warning in the greeting. */
void set_up(void);
__attribute__((format(printf, 1, 2))) void warn(const char* format, ...);
void send_hello(uint32_t id);
/* The size of a memory block; 0 if the kernel has no memory hotplug. */
uint64_t get_block_bytes(void);
/* The text after `key` in the kernel command line's first word that starts with it. False if there is none, or it
 * does not fit. */
bool command_line_word(const char* key, char* out, size_t room);

/* --- clock.c --- */

/* Restarts every CPU's timers, which may stand still in a restored guest. It moves to each CPU in turn, so call it only
 * for the greeting, when no CPU is held yet. */
void restart_clocks(void);

/* --- worker.c --- */

typedef void (*handler)(struct reply* reply, const char* payload);

bool start_workers(void);
/* Runs `run` on a worker with a copy of the payload. If all workers are busy, answers the request with an error. */
void run_on_worker(handler run, uint32_t id, const char* payload);

/* --- the requests --- */

void do_symbols(struct reply* reply, const char* payload);
void do_blocks(struct reply* reply, const char* payload);
void do_memory(struct reply* reply, const char* payload);
void do_slabs(struct reply* reply, const char* payload);
void do_pin_page(struct reply* reply, const char* payload);
void do_unpin_page(struct reply* reply, const char* payload);
void do_fill_memory(struct reply* reply, const char* payload);
/* Adds a line for each name whose memory is filled. */
void send_fills(struct reply* reply);
void do_blocked_tasks(struct reply* reply, const char* payload);
void do_read_file(struct reply* reply, const char* payload);
void do_write_file(struct reply* reply, const char* payload);
void do_sysrq(struct reply* reply, const char* payload);
void do_power_off(struct reply* reply, const char* payload);
void do_pass_time(struct reply* reply, const char* payload);

/* --- writer.c --- */

/* Starts the thread that sends the writers' reports. False with errno if it cannot. */
bool start_reporter(void);
void writer_start(uint32_t id, const char* payload);
void writer_stop(uint32_t id, const char* payload);

/* --- file.c: small helpers around files --- */

/* Reads at most `room` - 1 bytes and adds a NUL. Returns the length, or -1 with errno. */
long read_small(const char* path, char* out, size_t room);

#endif
