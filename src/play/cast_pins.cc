// Pages that an actor keeps where they are, and who has to wait for them.
#include <algorithm>

#include "play/cast.h"
#include "play/while_running.h"

namespace memrig {

Status Cast::pin(const Actor& actor) {
    MEMRIG_TRY(const BlockRange blocks, blocks_for(actor));
    MEMRIG_TRY(const std::uint64_t pfn, while_running(conductor_, [&] {
                   return machine_.agent().pin_page(actor.name, blocks.first, blocks.last,
                                                    Deadline::after(kAgentPatience));
               }));
    if (!actor.keeps) MEMRIG_CHECK(unpin(actor));
    MEMRIG_CHECK(conductor_.pause());
    const std::uint64_t block = pfn / (order_.block_bytes / order_.before.figures.page_bytes);
    if (!blocks.contains(block))
        return fail(Fault::guest, "{} pinned page frame {:#x}, which is none of memory{} to memory{}", actor.name, pfn,
                    blocks.first, blocks.last);
    wanted_[actor.name] = 1;
    seen.holds.push_back({actor.name, "a page", 0, block, steady_clock().now(), {}, pfn});
    timeline_.add(actor.name, "pins", fmt::format("page frame {:#x} of memory{}", pfn, block));
    return {};
}

Status Cast::unpin(const Actor& actor) {
    return while_running(conductor_,
                         [&] { return machine_.agent().unpin_page(actor.name, Deadline::after(kAgentPatience)); });
}

Status Cast::let_page_go(const Actor& actor) {
    const auto hold = std::ranges::find_if(
        seen.holds, [&](const HoldRecord& one) { return one.actor == actor.name && !one.released; });
    if (hold == seen.holds.end()) return {};
    // Whoever had to wait for it has not finished by now.
    for (const auto& step : order_.schedule.steps) {
        if (!step.asks_for(Observation::Kind::stalled) || !finished(*order_.schedule.find(step.actor))) continue;
        seen.overtaking.push_back(fmt::format("{} did not wait for {}, which kept a page of memory{} pinned",
                                              step.actor, actor.name, *hold->block));
        timeline_.add(step.actor, "overtakes", actor.name);
    }
    hold->released = steady_clock().now();
    if (actor.keeps) MEMRIG_CHECK(unpin(actor));
    calls_[actor.name]++;
    timeline_.add(actor.name, "unpins", fmt::format("page frame {:#x}", *hold->pfn));
    return conductor_.pause();
}

}  // namespace memrig
