#include "observer/channel.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"

namespace memrig {

namespace {

constexpr std::size_t kMostFaults = 16;
constexpr std::size_t kWord = 8;

// std::atomic_ref would do, but the other side is C: the same builtins on both sides leave no doubt.
template <class T>
T load(const T& shared) {
    return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
}
template <class T>
void store(T& shared, T value) {
    __atomic_store_n(&shared, value, __ATOMIC_RELEASE);
}

}  // namespace

Result<std::unique_ptr<ObserverChannel>> ObserverChannel::make(std::uint32_t vcpus, std::uint32_t ring_events) {
    MEMRIG_ASSERT(vcpus > 0 && vcpus <= OBSERVER_MOST_VCPUS, "the observer has a ring for each vCPU");
    MEMRIG_ASSERT(std::has_single_bit(ring_events) && ring_events <= OBSERVER_MOST_EVENTS, "a ring is a power of two");
    Descriptor descriptor(::memfd_create("memrig-observer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!descriptor.valid()) return fail_errno(Fault::host, "make the observer's memory");
    const std::uint64_t bytes = observer_bytes(vcpus, ring_events);
    if (::ftruncate(descriptor.get(), static_cast<off_t>(bytes)) != 0 ||
        ::fcntl(descriptor.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail_errno(Fault::host, "set the size of the observer's memory");
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0);
    if (memory == MAP_FAILED) return fail_errno(Fault::host, "map the observer's memory");
    return std::unique_ptr<ObserverChannel>(new ObserverChannel(std::move(descriptor), memory, vcpus, ring_events));
}

ObserverChannel::ObserverChannel(Descriptor descriptor, void* memory, std::uint32_t vcpus, std::uint32_t ring_events)
    : descriptor_(std::move(descriptor)),
      shared_(static_cast<ObserverHeader*>(memory)),
      vcpus_(vcpus),
      ring_events_(ring_events),
      readers_(vcpus) {
    shared_->magic = OBSERVER_MAGIC;
    shared_->vcpus = vcpus;
    shared_->ring_events = ring_events;
}

ObserverChannel::~ObserverChannel() { ::munmap(shared_, observer_bytes(vcpus_, ring_events_)); }

bool ObserverChannel::is_installed() const { return load(shared_->state) != OBSERVER_ABSENT; }

bool ObserverChannel::reads_registers() const { return load(shared_->reads_registers) == 1; }

void ObserverChannel::watch(const ObserverTable& table) {
    MEMRIG_ASSERT(shared_->ready == 0, "the observer takes one table");
    MEMRIG_ASSERT(table.functions <= OBSERVER_MOST_FUNCTIONS, "the table has room for the functions");
    shared_->table = table;
    functions_ = table.functions;
    store(shared_->ready, 1u);
}

std::optional<std::uint32_t> ObserverChannel::add_span(const ObserverSpan& span) {
    if (spans_ == OBSERVER_MOST_SPANS || span.end <= span.start || span.end - span.start > OBSERVER_MOST_SPAN_BYTES ||
        span.host == 0 || span.host % kWord != 0)
        return std::nullopt;
    shared_->span[spans_] = span;
    store(shared_->spans, spans_ + 1);
    return spans_++;
}

// The rings lie behind the header, and the events of all rings behind them.
ObserverRing& ObserverChannel::ring(std::uint32_t vcpu) const {
    MEMRIG_ASSERT(vcpu < vcpus_, "the vCPU has a ring");
    return reinterpret_cast<ObserverRing*>(shared_ + 1)[vcpu];
}

bool ObserverChannel::is_good(const ObserverEvent& event, std::uint32_t vcpu, const Reader& reader) const {
    const bool accesses = event.kind == OBSERVER_EVENT_LOAD || event.kind == OBSERVER_EVENT_STORE;
    const bool passes =
        event.kind == OBSERVER_EVENT_ENTRY || event.kind == OBSERVER_EVENT_LEAVE || event.kind == OBSERVER_EVENT_ANSWER;
    return event.vcpu == vcpu && event.sequence > reader.sequence && event.function < functions_ &&
           (event.called_from == 0 || event.called < functions_) && event.arguments <= OBSERVER_ARGUMENTS &&
           event.words <= OBSERVER_WORDS && (passes || (accesses && event.span < spans_));
}

void ObserverChannel::read_ring(std::uint32_t vcpu, std::vector<ObserverEvent>& events) {
    ObserverRing& shared = ring(vcpu);
    Reader& reader = readers_[vcpu];
    const std::uint64_t dropped = load(shared.dropped);
    if (dropped != reader.dropped)
        tell(fmt::format("the ring of vCPU {} was full: {} events were dropped", vcpu, dropped - reader.dropped));
    reader.dropped = dropped;
    if (reader.damaged) return;
    const auto* const slots =
        reinterpret_cast<const ObserverEvent*>(&ring(vcpus_ - 1) + 1) + static_cast<std::size_t>(vcpu) * ring_events_;
    const std::uint64_t written = load(shared.written);
    reader.damaged = written - reader.read > ring_events_;
    for (; !reader.damaged && reader.read != written; reader.read++) {
        ObserverEvent event;
        std::memcpy(&event, slots + (reader.read & (ring_events_ - 1)), sizeof event);
        reader.damaged = !is_good(event, vcpu, reader);
        if (reader.damaged) break;
        reader.sequence = event.sequence;
        events.push_back(event);
    }
    if (reader.damaged) tell(fmt::format("the ring of vCPU {} is damaged", vcpu));
    store(shared.read, reader.read);
}

void ObserverChannel::check_header(bool guest_is_stopped) {
    if (load(shared_->state) == OBSERVER_BAD_TABLE) tell("the observer refused its table");
    if (load(shared_->early) != 0) tell("the guest ran before the observer had its table");
    if (load(shared_->strange) != 0) tell("a vCPU has no ring");
    if (load(shared_->blind) != 0) tell("it does not see the registers of some calls, or where they return to");
    if (guest_is_stopped && load(shared_->sequence) + 1 != next_)
        tell(fmt::format("event {} is the last that was read, but {} were made", next_ - 1, load(shared_->sequence)));
}

std::vector<ObserverEvent> ObserverChannel::read(bool guest_is_stopped) {
    for (std::uint32_t vcpu = 0; vcpu < vcpus_; vcpu++) read_ring(vcpu, waiting_);
    std::ranges::sort(waiting_, {}, &ObserverEvent::sequence);
    auto end = waiting_.begin();
    for (; end != waiting_.end(); ++end) {
        if (end->sequence != next_) {
            if (!guest_is_stopped && end->sequence > next_) break;
            tell(fmt::format("event {} is followed by event {}", next_ - 1, end->sequence));
        }
        next_ = end->sequence + 1;
    }
    std::vector<ObserverEvent> events(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    check_header(guest_is_stopped);
    return events;
}

void ObserverChannel::tell(std::string fault) {
    if (faults_.size() < kMostFaults && std::ranges::find(faults_, fault) == faults_.end())
        faults_.push_back(std::move(fault));
}

}  // namespace memrig
