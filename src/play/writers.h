// The writers: the threads of the agent that stand for actors. Each spins on its vCPU until its doorbell rings.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/assert.h"
#include "play/context.h"

namespace memrig {

// The blocks that the thread writes to: those of the device that it is for, or of all devices that were plugged.
// Fault::user_input where there are none, or where they do not lie side by side.
Result<BlockRange> blocks_for(const Actor& thread, const PluggedBlocks& plugged);

// Not thread-safe.
class Writers {
public:
    // `attributes`: by thread, the chosen one of its attributes.
    Writers(PlayContext context, std::map<std::string, std::string> attributes)
        : context_(context), attributes_(std::move(attributes)) {}

    // REQUIRES: the trial has chosen an attribute for the thread.
    [[nodiscard]] const std::string& attribute_of(const std::string& thread) const {
        const auto found = attributes_.find(thread);
        MEMRIG_ASSERT(found != attributes_.end(), "the trial has chosen an attribute for the thread");
        return found->second;
    }

    // Puts each thread on its vCPU. `trigger` replaces that of every actor: then all act at once. The guest stands
    // still after.
    Status arm(std::optional<WriterTrigger> trigger);
    // For the next round of a loop, with the same trigger.
    Status arm_again();
    // Lets an armed thread begin. The guest stands still after.
    Status ring(const Actor& thread);

private:
    [[nodiscard]] WriterSpec spec_for(const Actor& thread) const;
    // REQUIRES: the thread was armed.
    [[nodiscard]] const Doorbell& doorbell_of(const Actor& thread) const;
    // Runs the guest until the thread spins on its vCPU.
    Status await_at_doorbell(const Actor& thread);

    PlayContext context_;
    std::map<std::string, std::string> attributes_;
    std::optional<WriterTrigger> trigger_;
    std::map<std::string, Doorbell> doorbells_;  // by thread
    BlockRange own_memory_;                      // what an adder that is a thread will plug
};

}  // namespace memrig
