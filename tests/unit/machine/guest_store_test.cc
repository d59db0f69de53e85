// Saved guests: booted once, loaded ever after, never half there.
#include "kernel/image.h"
#include "unit/support/cache_fixture.h"

namespace memrig {
namespace {

class GuestStoreTest : public WithCache {
protected:
    void SetUp() override {
        WithCache::SetUp();
        kernel = *kernel_from_file(kernel_path());
        bench = *load_bench("q35");
    }
    Result<std::shared_ptr<const PreparedGuest>> prepare() {
        GuestStore store(backend, [this](const std::string& what) { progress.push_back(what); });
        return store.prepare(bench, kernel, Accelerator::tcg);
    }
    std::shared_ptr<const PreparedGuest> prepared() {
        auto guest = prepare();
        if (guest) return *guest;
        ADD_FAILURE() << guest.error().message;
        return nullptr;
    }
    void expect_refused(Fault fault, const std::string& words) {
        const auto guest = prepare();
        ASSERT_FALSE(guest);
        EXPECT_EQ(guest.error().fault, fault) << guest.error().message;
        EXPECT_NE(guest.error().message.find(words), std::string::npos) << guest.error().message;
        EXPECT_EQ(saved(), 0u) << "something is left in the cache";
    }
    // Spoils each machine that is booted.
    void on_boot(std::function<void(FakeMachine&)> spoil) {
        backend.on_create = [spoil](FakeMachine& machine, unsigned) -> Status {
            spoil(machine);
            return {};
        };
    }

    KernelImage kernel;
    Bench bench;
    std::vector<std::string> progress;
};

// QEMU's TCG, now and then.
TEST_F(GuestStoreTest, ABootThatAnInt3EndedIsMadeAgain) {
    const auto spoil = [](FakeMachine& machine) {
        machine.print("Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n");
        machine.guest.greeting = fail(Fault::rig, "the agent is gone");
        machine.ended = Error{Fault::rig, "QEMU ended", {}};
    };
    backend.on_create = [spoil](FakeMachine& machine, unsigned number) -> Status {
        if (number == 1) spoil(machine);
        return {};
    };
    ASSERT_TRUE(prepared());
    EXPECT_EQ(backend.created(), 2u);
}

TEST_F(GuestStoreTest, AHostThatIsGoneIsNoKernelThatStopped) {
    on_boot([](FakeMachine& machine) {
        machine.guest.greeting = fail(Fault::rig, "the agent is gone");
        machine.ended = Error{Fault::host, "libvirt is gone", {}};
    });
    expect_refused(Fault::host, "libvirt is gone");
}

TEST_F(GuestStoreTest, ABootThatAlwaysEndsSoIsNotMadeForEver) {
    on_boot([](FakeMachine& machine) {
        machine.print("Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n");
        machine.guest.greeting = fail(Fault::rig, "the agent is gone");
        machine.ended = Error{Fault::rig, "QEMU ended", {}};
    });
    expect_refused(Fault::guest, "the kernel stopped before the agent spoke");
    EXPECT_EQ(backend.created(), 3u);
}

TEST_F(GuestStoreTest, IsBootedOnce) {
    const auto first = prepared();
    ASSERT_TRUE(first);
    EXPECT_FALSE(first->from_cache);
    EXPECT_FALSE(progress.empty());
    progress.clear();
    const auto second = prepared();
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->from_cache);
    EXPECT_EQ(backend.created(), 1u);
    EXPECT_TRUE(progress.empty()) << "nothing took time";
    EXPECT_EQ(second->key, first->key);
    EXPECT_EQ(second->hello.release, "6.1.0-fake");
    EXPECT_EQ(second->hello.block_bytes, 128u << 20);
    EXPECT_EQ(second->hello.cpus, 3u);
    EXPECT_EQ(second->boot_seconds, first->boot_seconds);
    EXPECT_EQ(second->symbols.unique("state_store"), 0xffffffff81000100u);
    EXPECT_EQ(second->symbols.size(), 2u);
    EXPECT_EQ(second->symbols.list()[1].type, 'T');
    EXPECT_TRUE(fs::exists(second->state));
}

// A host that cannot save guests: memrig keeps what the first boot told, and boots the guest for each trial.
TEST_F(GuestStoreTest, IsBootedForEachTrialWhereItCannotBeSaved) {
    backend.keeps = false;
    on_boot([](FakeMachine& machine) {
        machine.save_status = fail(Fault::rig, "it cannot be saved");
        machine.guest.symbol_table = std::vector<GuestSymbol>{{0x100, 't', "state_store"}};
    });
    ASSERT_TRUE(prepared());
    const auto guest = prepared();
    ASSERT_TRUE(guest);
    EXPECT_TRUE(guest->from_cache);
    EXPECT_TRUE(guest->state.empty());
    EXPECT_EQ(backend.created(), 1u);
    on_boot([](FakeMachine& machine) {
        machine.guest.symbol_table = std::vector<GuestSymbol>{{0x200, 't', "state_store"}};
    });
    const auto live = begin_guest(backend, guest, {});
    ASSERT_TRUE(live) << live.error().line();
    EXPECT_EQ(backend.created(), 2u);
    EXPECT_EQ(backend.restored(), 0u);
    EXPECT_EQ(live->guest->symbols.unique("state_store"), 0x200u) << "where this boot has put it";
    EXPECT_EQ(live->guest->hello.block_bytes, guest->hello.block_bytes);
    EXPECT_EQ(live->guest->key, guest->key);
}

// A machine that does not run on after it was saved: the same, whatever the host can do.
TEST_F(GuestStoreTest, IsBootedForEachTrialWhereTheBenchSaysSo) {
    bench.restorable = false;
    on_boot([](FakeMachine& machine) { machine.save_status = fail(Fault::rig, "it is not to be saved"); });
    const auto guest = prepared();
    ASSERT_TRUE(guest);
    EXPECT_TRUE(guest->state.empty());
    ASSERT_TRUE(begin_guest(backend, guest, {}));
    EXPECT_EQ(backend.created(), 2u);
    EXPECT_EQ(backend.restored(), 0u);
}

TEST_F(GuestStoreTest, IsDiscardedWhereItCannotBeSaved) {
    backend.keeps = false;
    const auto guest = prepared();
    ASSERT_TRUE(guest);
    EXPECT_TRUE(GuestStore(backend, {}).discard(*guest));
    EXPECT_EQ(saved(), 0u);
}

TEST_F(GuestStoreTest, WhateverGoesIntoItIsPartOfItsKey) {
    const std::string key = prepared()->key;
    bench.append += " quiet";
    EXPECT_NE(prepared()->key, key) << "the command line";
    bench = *load_bench("q35");
    bench.text += "\n# other\n";
    EXPECT_NE(prepared()->key, key) << "the bench";
    bench = *load_bench("q35");
    kernel.sha256[0] = kernel.sha256[0] == '0' ? '1' : '0';
    EXPECT_NE(prepared()->key, key) << "the kernel";
    kernel = *kernel_from_file(kernel_path());
    bench.emulator.identity = "another build";
    EXPECT_NE(prepared()->key, key) << "the emulator";
    EXPECT_EQ(backend.created(), 5u);
}

TEST_F(GuestStoreTest, AKernelOfAnotherArchitectureIsTheUsersMistake) {
    kernel.arch = "aarch64";
    expect_refused(Fault::user_input, "is for aarch64, but bench q35 is x86_64");
    EXPECT_EQ(backend.created(), 0u);
}

TEST_F(GuestStoreTest, AKernelWithoutMemoryHotplugIsRefused) {
    on_boot([](FakeMachine& machine) { machine.guest.greeting->block_bytes = 0; });
    expect_refused(Fault::guest, "has no memory hotplug");
}

TEST_F(GuestStoreTest, AKernelThatCannotBeSetUpIsKnownNotToFit) {
    const std::string unbind = "/sys/bus/dax/drivers/kmem/unbind";
    bench.writes = {{unbind, "dax0.0"}};
    for (const bool cached : {false, true}) {
        const auto guest = prepared();
        ASSERT_TRUE(guest);
        EXPECT_EQ(guest->from_cache, cached);
        EXPECT_EQ(guest->symbols.size(), 2u) << "so that it can be told what the kernel lacks";
        const Status fit = check_fit(*guest);
        ASSERT_FALSE(fit);
        EXPECT_EQ(fit.error().fault, Fault::guest);
        EXPECT_NE(fit.error().message.find("cannot be set up as bench q35 wants it"), std::string::npos);
        EXPECT_NE(fit.error().message.find("ENOENT"), std::string::npos);
    }
    bench.text += "# another";
    on_boot([&](FakeMachine& machine) { machine.guest.files[unbind] = ""; });
    const auto guest = prepared();
    ASSERT_TRUE(guest);
    EXPECT_TRUE(check_fit(*guest));
}

TEST_F(GuestStoreTest, AKernelThatStopsIsTheGuestsFaultWithItsLastWords) {
    on_boot([](FakeMachine& machine) {
        machine.print("Kernel panic - not syncing: No working init found.\n");
        machine.guest.greeting = fail(Fault::rig, "the channel is gone");
        machine.ended = Error{Fault::rig, "QEMU ended: exit status 0", {}};
    });
    expect_refused(Fault::guest, "| Kernel panic - not syncing: No working init found.");
}

TEST_F(GuestStoreTest, AnAgentThatDoesNotSpeakIsTheGuestsFault) {
    on_boot([](FakeMachine& machine) { machine.guest.greeting = fail(Fault::guest, "no answer in time"); });
    expect_refused(Fault::guest, "its console is empty");
}

TEST_F(GuestStoreTest, AnInterruptionIsPassedOn) {
    on_boot([](FakeMachine& machine) { machine.guest.greeting = fail(Fault::interrupted, "stopped"); });
    expect_refused(Fault::interrupted, "stopped");
}

TEST_F(GuestStoreTest, WhatFailsOnTheWayLeavesNothing) {
    backend.on_create = [](FakeMachine&, unsigned) -> Status { return fail(Fault::host, "no QEMU here"); };
    expect_refused(Fault::host, "no QEMU here");
    on_boot([](FakeMachine& machine) { machine.start_status = fail(Fault::rig, "does not start"); });
    expect_refused(Fault::rig, "does not start");
    on_boot([](FakeMachine& machine) { machine.guest.symbol_table = fail(Fault::guest, "no kallsyms"); });
    expect_refused(Fault::guest, "no kallsyms");
    on_boot([](FakeMachine& machine) { machine.save_status = fail(Fault::rig, "does not save"); });
    expect_refused(Fault::rig, "does not save");
}

TEST_F(GuestStoreTest, ADamagedOneIsBootedAnew) {
    const fs::path place = prepared()->state.parent_path();
    const std::pair<const char*, const char*> damages[] = {
        {"symbols", "garbage\n"}, {"symbols", "ffffffff81000100 t\n"}, {"hello.json", "{"}, {"hello.json", "[]"}};
    unsigned boots = 1;
    for (const auto& [file, text] : damages) {
        ASSERT_TRUE(write_file(place / file, text));
        EXPECT_FALSE(prepared()->from_cache) << file << ": " << text;
        EXPECT_EQ(backend.created(), ++boots);
        EXPECT_TRUE(prepared()->from_cache);
    }
    for (const auto* file : {"symbols", "hello.json", "state"}) {
        fs::remove(place / file);
        EXPECT_FALSE(prepared()->from_cache) << file << " is missing";
    }
    EXPECT_EQ(saved(), 1u);
}

TEST_F(GuestStoreTest, ADiscardedOneIsBootedAnew) {
    const auto guest = prepared();
    GuestStore store(backend, {});
    EXPECT_TRUE(store.discard(*guest));
    EXPECT_EQ(saved(), 0u);
    EXPECT_TRUE(store.discard(*guest)) << "somebody else was faster";
    EXPECT_FALSE(prepared()->from_cache);
    EXPECT_EQ(backend.created(), 2u);
}

// A space ends the name of a module of Multiboot (load_multiboot(), hw/i386/multiboot.c).
TEST_F(GuestStoreTest, AHypervisorGetsNoFileWhosePathHasASpace) {
    bench = *load_bench("xen");
    kernel.image = "/my kernels/vmlinuz";
    const auto guest = prepare();
    ASSERT_FALSE(guest);
    EXPECT_EQ(guest.error().fault, Fault::user_input);
    EXPECT_NE(guest.error().message.find("/my kernels/vmlinuz"), std::string::npos) << guest.error().message;
}

}  // namespace
}  // namespace memrig
