// rANS encoder (docs/FORMAT.md, Entropy coding; exact). The whole device maps a frame's symbols to entries and raw bits; then a warp codes
// each substream, a lane of the warp is a lane of the coder.
//
// A frame's substreams are bands of its rows; of every call, a band's symbols are neighbours in the call's arrays, and begin and end at multiples
// of 8. Words are given in the order of lanes, which the ballot of those that give one says. The chain from a state to the next is what takes
// the time: a comparison, a selection, a product, a shift, a product. All else of a round waits for none of the round before.
#include "rans.h"

namespace zvc {

// An encoder's symbols are mapped in parts; a band's parts of a call follow each other.
struct Part {
    uint32_t begin, end;  // symbols of the call
    uint32_t coded, raw;  // how many symbols and raw bits it has; after rans_offsets: where they go
    uint32_t band, call;
    uint32_t cost;        // in 1/16 bit, raw bits included
    uint32_t unused;
};

// A thread's eight symbols.
struct Eight {
    uint32_t at, coded;
    uint2 indices;
    uint4 values;
};

__device__ __forceinline__ Eight eight_of(const Part& part, const int16_t* values, const uint8_t* index, int skip_below, const uint8_t* left_out, int run) {
    Eight out{};
    out.at = part.begin + kPerThread * threadIdx.x;
    if (out.at >= part.end) return out;
    out.indices = *reinterpret_cast<const uint2*>(index + out.at);
    out.values = *reinterpret_cast<const uint4*>(values + out.at);
    out.coded = coded_of(out.indices, out.at, skip_below, left_out, run);
    return out;
}

__device__ __forceinline__ int32_t value_of(const Eight& eight, unsigned n) {
    const uint32_t pair = n < 2 ? eight.values.x : n < 4 ? eight.values.y : n < 6 ? eight.values.z : eight.values.w;
    return static_cast<int16_t>(pair >> 16 * (n & 1));
}

// Symbols and raw bits of a part in one word, at most 2^11 and 2^16 of them.
constexpr unsigned kRawField = 20;

}  // namespace zvc

// pairs (tables, 256): what rans_encode takes of a symbol, from encode (tables, 256) (csrc/rans/arithmetic.h).
extern "C" __global__ void __launch_bounds__(256) rans_pairs(const uint32_t* encode, uint32_t* pairs) {
    using namespace zvc;
    const uint32_t at = 256 * blockIdx.x + threadIdx.x, entry = encode[at];
    const DividedEntry divided = divided_entry(entry);
    pairs[2 * at] = divided.factor;
    pairs[2 * at + 1] = divided.packed;
}

// Counts of each part; a block of 256 threads each. `first`: number of this call's first part. values 16-byte, index 8-byte aligned.
extern "C" __global__ void __launch_bounds__(256) rans_count(const int16_t* values, const uint8_t* index, int skip_below, const uint8_t* left_out, int run,
                                                             const uint32_t* encode, const uint32_t* info, int first, uint32_t* parts) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* sums = reinterpret_cast<uint32_t*>(memory);
    Part& part = reinterpret_cast<Part*>(parts)[first + static_cast<int>(blockIdx.x)];
    const Eight eight = eight_of(part, values, index, skip_below, left_out, run);
    uint32_t raw = 0, cost = 0, counts = 0, costs = 0;
#pragma unroll
    for (unsigned n = 0; n < kPerThread; ++n) {
        if (!(eight.coded >> n & 1)) continue;
        const uint32_t table = byte_of(eight.indices, n);
        const TableInfo t = unpack_info(info[table]);
        const uint32_t symbol = symbol_of(value_of(eight, n), t);
        if (has_raw_bits(symbol, t)) raw += raw_code(value_of(eight, n), symbol, t).count;
        cost += encode[table << 8 | symbol] >> 24;
    }
    block_sum_before(static_cast<uint32_t>(__popc(eight.coded)) << kRawField | raw, sums, counts);
    block_sum_before(cost, sums, costs);
    if (threadIdx.x != 0) return;
    part.coded = counts >> kRawField;
    part.raw = counts & ((1u << kRawField) - 1);
    part.cost = costs + 16 * part.raw;
}

// Where each part's entries go in its band and call, and its raw bits in its band; a block for each band, with a warp for each call, five at most.
// first_parts (calls, bands) and one more: first of the band's parts. totals (bands, 8): symbols of each call; [5] raw bits, [6] cost.
extern "C" __global__ void __launch_bounds__(160) rans_offsets(uint32_t* parts, const uint32_t* first_parts, uint32_t* totals) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* raws = reinterpret_cast<uint32_t*>(memory);
    uint32_t* costs = raws + 5;
    const unsigned lane = lane_of(), call = threadIdx.x / kWarp, calls = blockDim.x / kWarp;
    Part* all = reinterpret_cast<Part*>(parts);
    const uint32_t begin = first_parts[call * gridDim.x + blockIdx.x], end = first_parts[call * gridDim.x + blockIdx.x + 1];
    uint32_t raw = 0, cost = 0, coded = 0, total = 0;
    for (uint32_t n = begin + lane; n < end; n += kWarp) {
        raw += all[n].raw;
        cost += all[n].cost;
    }
    sum_before(raw, lane, raw);
    sum_before(cost, lane, cost);
    if (lane == 0) {
        raws[call] = raw;
        costs[call] = cost;
    }
    __syncthreads();
    raw = 0;
    for (unsigned n = 0; n < call; ++n) raw += raws[n];
    for (uint32_t from = begin; from < end; from += kWarp) {
        const uint32_t n = from + lane;
        const bool mine = n < end;
        const uint32_t place = coded + sum_before(mine ? all[n].coded : 0, lane, total);
        coded += total;
        const uint32_t raw_place = raw + sum_before(mine ? all[n].raw : 0, lane, total);
        raw += total;
        if (!mine) continue;
        all[n].coded = place;
        all[n].raw = raw_place;
    }
    if (lane != 0) return;
    uint32_t* out = totals + 8 * blockIdx.x;
    out[call] = coded;
    if (call + 1 != calls) return;
    cost = 0;
    for (unsigned n = 0; n < calls; ++n) cost += costs[n];
    out[5] = raw;
    out[6] = cost;
}

// Entries of a call's symbols, and their raw bits, first one on top of the first word. call_begin (bands): where a band's entries of this call
// begin; raw_begin (bands): first word of a band's raw bits, which are zero. pairs as of rans_pairs; entries likewise.
extern "C" __global__ void __launch_bounds__(256) rans_map(const int16_t* values, const uint8_t* index, int skip_below, const uint8_t* left_out, int run,
                                                           const uint32_t* pairs, const uint32_t* info, int first, const uint32_t* parts,
                                                           const uint32_t* call_begin, const uint32_t* raw_begin, uint32_t* entries,
                                                           uint32_t* raw_words) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* sums = reinterpret_cast<uint32_t*>(memory);
    const Part part = reinterpret_cast<const Part*>(parts)[first + static_cast<int>(blockIdx.x)];
    const Eight eight = eight_of(part, values, index, skip_below, left_out, run);
    const uint2* pair_of = reinterpret_cast<const uint2*>(pairs);
    uint2 mine[kPerThread] = {};
    uint32_t with_raw = 0, raw = 0, unused = 0;
#pragma unroll
    for (unsigned n = 0; n < kPerThread; ++n) {
        if (!(eight.coded >> n & 1)) continue;
        const uint32_t table = byte_of(eight.indices, n);
        const TableInfo t = unpack_info(info[table]);
        const uint32_t symbol = symbol_of(value_of(eight, n), t);
        mine[n] = pair_of[table << 8 | symbol];
        if (!has_raw_bits(symbol, t)) continue;
        with_raw |= 1u << n;
        raw += raw_code(value_of(eight, n), symbol, t).count;
    }
    const uint32_t before = block_sum_before(static_cast<uint32_t>(__popc(eight.coded)) << kRawField | raw, sums, unused);
    uint2* to = reinterpret_cast<uint2*>(entries) + call_begin[part.band] + part.coded + (before >> kRawField);
#pragma unroll
    for (unsigned n = 0; n < kPerThread; ++n)
        if (eight.coded >> n & 1) *to++ = mine[n];
    if (with_raw == 0) return;
    uint32_t bit = part.raw + (before & ((1u << kRawField) - 1));
    uint32_t* words = raw_words + raw_begin[part.band];
#pragma unroll
    for (unsigned n = 0; n < kPerThread; ++n) {
        if (!(with_raw >> n & 1)) continue;
        const TableInfo t = unpack_info(info[byte_of(eight.indices, n)]);
        const RawCode code = raw_code(value_of(eight, n), symbol_of(value_of(eight, n), t), t);
        if (code.count == 0) continue;
        // On top of the 64 bits that begin at this bit's word.
        const uint64_t placed = static_cast<uint64_t>(code.bits) << (64 - code.count) >> (bit & 31);
        atomicOr(words + bit / 32, static_cast<uint32_t>(placed >> 32));
        if (static_cast<uint32_t>(placed) != 0) atomicOr(words + bit / 32 + 1, static_cast<uint32_t>(placed));
        bit += code.count;
    }
}

namespace zvc {

// Rounds whose entries are loaded together, while those before are coded: their time is to be longer than the way to memory.
constexpr unsigned kAhead = 16;

// Goes through a band's entries backwards.
struct Backwards {
    const uint2* entries;
    uint32_t counts, begins;  // lane n has those of call n
    int call;                 // all before it are to come
    uint32_t first, count, rounds;  // of the call that it is in; rounds to come

    // The next kAhead rounds of a call, the last one first; lanes and rounds that are not there leave a state as it is. False if nothing is left.
    __device__ __forceinline__ bool load(uint2 (&out)[kAhead], unsigned lane, unsigned width) {
        while (rounds == 0 && call > 0) {
            --call;
            count = __shfl_sync(kWholeWarp, counts, call);
            first = __shfl_sync(kWholeWarp, begins, call);
            rounds = (count + width - 1) / width;
        }
        if (rounds == 0) return false;
        const uint32_t last = (rounds - 1) * width + lane;
        const uint2* from = entries + first + last;
#pragma unroll
        for (unsigned n = 0; n < kAhead; ++n) {
            const bool there = lane < width && (n == 0 ? last < count : n < rounds);  // other rounds than a call's last one are full
            out[n] = there ? *from : make_uint2(0, kNothing);
            from -= width;
        }
        rounds = rounds > kAhead ? rounds - kAhead : 0;
        return true;
    }
};

// Words that a round gives, stored a round later: the chain does not wait for their places.
struct Given {
    uint16_t* out;
    uint32_t at, below, self;  // next words end at out[at]; masks of lanes
    uint32_t giving, state;    // of the round before

    __device__ __forceinline__ void store() {
        at -= static_cast<uint32_t>(__popc(giving));
        if (giving & self) out[at + static_cast<uint32_t>(__popc(giving & below))] = static_cast<uint16_t>(state);
    }
};

}  // namespace zvc

// Substreams of `calls` calls; a block for each band, whose first warp codes, while the others write the raw bits and make their words zero again.
// call_begin (calls, bands).
// middle (bands): place in `out` up to which a band's states and words go, even, and behind which its raw bits come; before it there is room
// for 2 bytes a symbol and 4 a lane. span (bands, 2): where it begins, bytes.
extern "C" __global__ void __launch_bounds__(128) rans_encode(const uint32_t* totals, const uint32_t* call_begin, int calls, const uint32_t* entries,
                                                              const uint32_t* raw_begin, uint32_t* raw_words, const uint32_t* middle, int lanes,
                                                              uint8_t* out, uint32_t* span) {
    using namespace zvc;
    const unsigned lane = lane_of(), width = static_cast<unsigned>(lanes), band = blockIdx.x, bands = gridDim.x;
    const uint32_t* total = totals + 8 * band;
    const uint32_t meet = middle[band], bytes = (total[5] + 7) / 8;
    if (warp_of_block() != 0) {
        uint32_t* words = raw_words + raw_begin[band];
        for (uint32_t n = threadIdx.x - kWarp; 4 * n < bytes; n += blockDim.x - kWarp) {
            const uint32_t word = words[n];
            words[n] = 0;
#pragma unroll
            for (unsigned k = 0; k < 4; ++k)
                if (4 * n + k < bytes) out[meet + bytes - 1 - (4 * n + k)] = static_cast<uint8_t>(word >> (24 - 8 * k));
        }
        return;
    }
    const bool has = static_cast<int>(lane) < calls;
    Backwards from{reinterpret_cast<const uint2*>(entries), has ? total[lane] : 0, has ? call_begin[lane * bands + band] : 0, calls, 0, 0, 0};
    uint2 now[kAhead], next[kAhead];
    uint32_t state = kLowerBound;
    Given given{reinterpret_cast<uint16_t*>(out), meet / 2, lanes_below(lane), 1u << lane, 0, 0};
    make_now(given.below);
    make_now(given.self);
    bool more = from.load(next, lane, width);
    if (!more) {
        if (lane < 2) span[2 * band + lane] = lane == 0 ? meet : 0;
        return;
    }
    while (more) {
#pragma unroll
        for (unsigned n = 0; n < kAhead; ++n) now[n] = next[n];
        more = from.load(next, lane, width);
#pragma unroll
        for (unsigned n = 0; n < kAhead; ++n) {
            const DividedEntry entry{now[n].x, now[n].y};
            const bool gives = gives_word(state, entry);
            const uint32_t giving = __ballot_sync(kWholeWarp, gives), before = state;
            state = encoded_state(gives ? state >> 16 : state, entry);
            given.store();
            given.giving = giving;
            given.state = before;
        }
    }
    given.store();
    const uint32_t begin = 2 * given.at - 4 * width;
    if (lane < width) {
        given.out[begin / 2 + 2 * lane] = static_cast<uint16_t>(state);
        given.out[begin / 2 + 2 * lane + 1] = static_cast<uint16_t>(state >> 16);
    }
    if (lane != 0) return;
    span[2 * band] = begin;
    span[2 * band + 1] = meet + bytes - begin;
}

// Substreams behind each other in `out`, which has room for `room` bytes: sizes of all of them, then their bytes. A row of blocks of 256 threads for each.
extern "C" __global__ void __launch_bounds__(256) rans_gather(const uint8_t* from, const uint32_t* span, int room, uint8_t* out) {
    const uint32_t bands = gridDim.y, band = blockIdx.y, size = span[2 * band + 1];
    uint32_t to = 4 * bands;
    for (uint32_t n = 0; n < band; ++n) to += span[2 * n + 1];
    if (blockIdx.x == 0 && threadIdx.x == 0) reinterpret_cast<uint32_t*>(out)[band] = size;
    const uint8_t* bytes = from + span[2 * band];
    for (uint32_t n = 256 * blockIdx.x + threadIdx.x; n < size && to + n < static_cast<uint32_t>(room); n += 256 * gridDim.x) out[to + n] = bytes[n];
}
