// Prototypes from BTF that libbpf itself writes: which functions can fail, and how.
#include "kernel/prototypes.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

namespace memrig {
namespace {

constexpr auto kNoMemory = static_cast<std::uint64_t>(-12);

class PrototypesTest : public ::testing::Test {
protected:
    PrototypesTest() : types(btf__new_empty()) {
        number = btf__add_int(types, "int", 4, BTF_INT_SIGNED);
        word = btf__add_int(types, "unsigned int", 4, 0);
        truth = btf__add_int(types, "bool", 1, BTF_INT_BOOL);
        status = btf__add_typedef(types, "acpi_status", word);
        pointer = btf__add_ptr(types, 0);
        const int block = btf__add_struct(types, "notifier_block", 8);
        notifier = btf__add_ptr(types, block);
        const int head = btf__add_struct(types, "blocking_notifier_head", 8);
        chain = btf__add_ptr(types, head);
    }
    ~PrototypesTest() override { btf__free(types); }

    void add(const char* function, int returned, int argument = 0) {
        const int proto = btf__add_func_proto(types, returned);
        if (argument != 0) btf__add_func_param(types, "argument", argument);
        btf__add_func(types, function, BTF_FUNC_STATIC, proto);
    }
    Prototypes parsed() {
        std::uint32_t size = 0;
        const auto* data = static_cast<const char*>(btf__raw_data(types, &size));
        auto made = Prototypes::parse({data, size});
        EXPECT_TRUE(made) << made.error().message;
        return made ? *std::move(made) : Prototypes();
    }

    btf* types;
    int number = 0, word = 0, truth = 0, status = 0, pointer = 0, notifier = 0, chain = 0;
};

TEST_F(PrototypesTest, EachTypeHasItsOwnFailure) {
    add("online_pages", number);
    add("acpi_get_handle", status);
    add("slab_memory_callback", number, notifier);
    add("blocking_notifier_call_chain", number, chain);
    add("register_memory_resource", pointer);
    const Prototypes prototypes = parsed();
    EXPECT_EQ(prototypes.failure_of("online_pages", {}), kNoMemory);
    EXPECT_EQ(prototypes.failure_of("acpi_get_handle", {}), 4u);
    EXPECT_EQ(prototypes.failure_of("slab_memory_callback", {}), 0x8002u);
    // The listeners would not hear of it, and the rules of notices would be broken.
    EXPECT_EQ(prototypes.failure_of("blocking_notifier_call_chain", {}), std::nullopt);
    EXPECT_EQ(prototypes.failure_of("register_memory_resource", PointerFailure::error), kNoMemory);
    EXPECT_EQ(prototypes.failure_of("register_memory_resource", PointerFailure::null), 0u);
    EXPECT_TRUE(prototypes.returns_acpi_status("acpi_get_handle"));
    EXPECT_FALSE(prototypes.returns_acpi_status("online_pages"));
}

TEST_F(PrototypesTest, WithoutAValueForAFailureThereIsNone) {
    add("lock_device_hotplug", 0);
    add("pages_isolated", truth);
    add("count_pages", word);
    add("find_zone", pointer);
    const Prototypes prototypes = parsed();
    for (const char* function : {"lock_device_hotplug", "pages_isolated", "count_pages", "find_zone", "not_there"})
        EXPECT_EQ(prototypes.failure_of(function, {}), std::nullopt) << function;
}

TEST_F(PrototypesTest, TwoFunctionsOfOneNameThatDifferAreNotKnown) {
    add("state_store", number);
    add("state_store", 0);
    add("online_store", number);
    add("online_store", number);
    EXPECT_EQ(parsed().failure_of("state_store", {}), std::nullopt);
    EXPECT_EQ(parsed().failure_of("online_store", {}), kNoMemory);
}

TEST_F(PrototypesTest, BytesThatAreNoBtfAreRefused) {
    EXPECT_FALSE(Prototypes::parse(""));
    EXPECT_FALSE(Prototypes::parse("this is not BTF, whatever it says"));
    add("online_pages", number);
    std::uint32_t size = 0;
    const auto* data = static_cast<const char*>(btf__raw_data(types, &size));
    for (std::uint32_t part = 0; part < size; part++) {
        const auto cut = Prototypes::parse({data, part});
        EXPECT_TRUE(!cut || !cut->failure_of("online_pages", {})) << part;
    }
}

}  // namespace
}  // namespace memrig
