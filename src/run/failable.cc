#include "run/failable.h"

#include <algorithm>
#include <array>

namespace memrig {

namespace {

constexpr std::uint64_t kNull = 0;
constexpr auto kNoMemory = static_cast<std::uint64_t>(-12);  // -ENOMEM, also as ERR_PTR
// XA_ERROR(-ENOMEM), include/linux/xarray.h: the errno in the upper bits of a pointer that ends in the bits 10.
constexpr auto kNoEntry = static_cast<std::uint64_t>(-46);

struct Allocator {
    std::string_view name;
    std::uint64_t failed;
    bool profiled = true;  // it may have the suffix _noprof
};

constexpr std::array kAllocators = {
    // mm/slub.c, mm/slab_common.c, mm/util.c
    Allocator{"__kmalloc", kNull}, Allocator{"__kmalloc_node", kNull}, Allocator{"__kmalloc_node_track_caller", kNull},
    Allocator{"__kmalloc_track_caller", kNull}, Allocator{"kmalloc_trace", kNull},
    Allocator{"kmalloc_node_trace", kNull}, Allocator{"kmem_cache_alloc_trace", kNull},
    Allocator{"kmem_cache_alloc_node_trace", kNull}, Allocator{"__kmalloc_cache", kNull},
    Allocator{"__kmalloc_cache_node", kNull}, Allocator{"__kmalloc_large", kNull},
    Allocator{"__kmalloc_large_node", kNull}, Allocator{"kmalloc_large", kNull}, Allocator{"kmalloc_large_node", kNull},
    Allocator{"kmalloc_order", kNull}, Allocator{"kmem_cache_alloc", kNull}, Allocator{"kmem_cache_alloc_node", kNull},
    Allocator{"kmem_cache_alloc_lru", kNull}, Allocator{"kmem_cache_alloc_bulk", kNull},
    Allocator{"kvmalloc_node", kNull}, Allocator{"__kvmalloc_node", kNull},
    // mm/page_alloc.c, mm/mempolicy.c
    Allocator{"__alloc_pages", kNull}, Allocator{"__alloc_frozen_pages", kNull}, Allocator{"__folio_alloc", kNull},
    Allocator{"alloc_pages_exact", kNull}, Allocator{"get_free_pages", kNull},
    // mm/vmalloc.c, mm/percpu.c, mm/sparse-vmemmap.c
    Allocator{"__vmalloc_node_range", kNull}, Allocator{"vmalloc", kNull}, Allocator{"vzalloc", kNull},
    Allocator{"pcpu_alloc", kNull}, Allocator{"__alloc_percpu", kNull}, Allocator{"vmemmap_alloc_block", kNull, false},
    Allocator{"vmemmap_alloc_block_buf", kNull, false},
    // mm/memblock.c
    Allocator{"memblock_add_range", kNoMemory, false}, Allocator{"memblock_alloc_try_nid", kNull, false},
    // arch/x86/mm/init.c
    Allocator{"alloc_low_pages", kNull, false},
    // lib/idr.c, lib/xarray.c, lib/radix-tree.c
    Allocator{"ida_alloc_range", kNoMemory, false}, Allocator{"idr_alloc_u32", kNoMemory, false},
    Allocator{"__xa_store", kNoEntry, false}, Allocator{"__xa_alloc", kNoMemory, false},
    Allocator{"__xa_insert", kNoMemory, false}, Allocator{"radix_tree_insert", kNoMemory, false}};

}  // namespace

const std::vector<std::string>& allocators() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto& allocator : kAllocators) {
            all.emplace_back(allocator.name);
            if (allocator.profiled) all.push_back(std::string(allocator.name) + "_noprof");
        }
        return all;
    }();
    return names;
}

std::optional<std::uint64_t> failed_allocation(std::string_view function) {
    constexpr std::string_view suffix = "_noprof";
    const auto is_it = [&](const Allocator& allocator) {
        return function == allocator.name || (allocator.profiled && function.ends_with(suffix) &&
                                              function.substr(0, function.size() - suffix.size()) == allocator.name);
    };
    const auto found = std::ranges::find_if(kAllocators, is_it);
    return found == kAllocators.end() ? std::nullopt : std::optional(found->failed);
}

}  // namespace memrig
