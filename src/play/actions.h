// The actions: what each kind of actor does when its step starts it, through QMP, the agent or a doorbell.
#pragma once

#include "hotplug/dimm.h"
#include "play/context.h"
#include "play/writers.h"

namespace memrig {

// Not thread-safe; `writers` must outlive it. An error is a fault of the rig, the host or the user. An expected
// refusal by QEMU is no error: it goes into the record.
class Actions {
public:
    Actions(PlayContext context, Writers& writers) : context_(context), writers_(writers) {}

    // The actor acts at one instant of the guest's time: the guest stands still, before and after.
    Status start(const Actor& actor);
    // Lets the pinner's page move again. An actor that did not wait for it goes into the record.
    Status let_page_go(const Actor& pinner);

private:
    Status plug(const Actor& actor);
    Status plug_one_dimm(const Actor& actor);
    Status find_at_boot(const Actor& actor);
    Result<Answer<PluggedDimm>> make_dimm(const Actor& actor);
    Status grow_balloon(const Actor& actor);
    Result<BlockRange> give_virtio_mem(const Actor& actor);
    void note_plugged(const Actor& actor, const BlockRange& blocks);
    Status resize(const Actor& actor);
    Status unplug(const Actor& actor);
    Result<Answer<void>> ask_to_unplug(const Actor& actor);
    Status plug_one_vcpu(const Actor& actor);
    Status pin(const Actor& actor);
    Status unpin(const Actor& actor);
    Status fill(const Actor& actor);

    PlayContext context_;
    Writers& writers_;
    std::uint64_t virtio_mem_blocks_ = 0;  // what the virtio-mem device gives now
};

}  // namespace memrig
