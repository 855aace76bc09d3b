// rANS (docs/FORMAT.md, Entropy coding; exact): a warp codes a substream, a lane of the warp is a lane of the coder.
//
// A frame's substreams are bands of its rows; of every call, a band's symbols are neighbours in the call's array. Symbols below `skip_below`
// are not coded. Words are taken in the order of lanes, which the ballot of those that need one gives; raw bits likewise, by a sum of their
// counts, except behind an escape, whose length is known only when it has been read.
#include "device.h"
#include "rans/arithmetic.h"

namespace zvc {

constexpr unsigned kMaxLanes = 32;

// What is kept of a substream between calls.
struct Reader {
    uint32_t states[kMaxLanes];
    uint32_t begin, size;  // of its bytes in the payload buffer; begin is even, 16 bytes before and 8 behind may be read
    uint32_t word;         // bytes read from the front, states included
    uint32_t raw;          // bits read from the end
    uint32_t coded;        // whether any symbol was
    uint32_t failure;      // RansStatus of csrc/rans/rawbits.h
};

enum Failure : uint32_t { kWordsEnd = 1, kRawEnd = 2, kBadEscape = 3, kBadState = 4, kUnread = 5 };

// 57 bits or more that lie `used` bits before `end`, the next one on top.
__device__ __forceinline__ uint64_t raw_window(const uint8_t* end, uint32_t used) {
    const uint8_t* at = end - (used >> 3) - 8;
    uint64_t window = 0;
    for (int n = 7; n >= 0; --n) window = window << 8 | at[n];
    return window << (used & 7);
}

struct DecodeTables {
    const uint32_t* decode;  // [table][slot]: symbol 8 | frequency - 1: 12 | slot - cumulative: 12
    const uint32_t* info;    // [table]
};

constexpr unsigned kEach = 16, kScan = kWarp * kEach;  // indices that a warp looks at together
constexpr unsigned kQueue = kScan + kWarp;

struct Queue {
    uint32_t at[kQueue];    // place in the call
    uint8_t table[kQueue];
};

// Symbols queue[first .. first + count), count <= lanes, of one round.
__device__ __forceinline__ void decode_round(const Queue& queue, unsigned first, unsigned count, const uint8_t* bytes, const uint8_t* end,
                                             const DecodeTables& tables, unsigned lane, uint32_t& state, Reader& reader, int16_t* values) {
    const bool active = lane < count;
    const uint32_t table = active ? queue.table[first + lane] : 0;
    uint32_t symbol = 0;
    if (active) {
        const uint32_t entry = tables.decode[table << kProbBits | (state & (kProbTotal - 1))];
        symbol = entry >> 24;
        state = entry_frequency(entry) * (state >> kProbBits) + entry_start(entry);  // entry's last field is the offset here
    }
    const bool needs = active && state < kLowerBound;
    const unsigned need = __ballot_sync(kWholeWarp, needs);
    if (needs) {
        const uint32_t at = reader.word + 2 * static_cast<unsigned>(__popc(need & lanes_below(lane)));
        // Behind the end anything will do: the call is found too long when it has been read.
        const uint32_t word = at + 2 <= reader.size ? bytes[at] | static_cast<uint32_t>(bytes[at + 1]) << 8 : 0;
        state = state << 16 | word;
    }
    reader.word += 2 * static_cast<unsigned>(__popc(need));

    const TableInfo t = unpack_info(active ? tables.info[table] : 0);
    const bool escape = active && symbol == t.escape;
    int32_t value = t.first + static_cast<int32_t>(symbol);
    if (__any_sync(kWholeWarp, active && has_raw_bits(symbol, t))) {
        unsigned total = 0;
        uint32_t position = reader.raw + sum_before(active && !escape ? t.shift : 0, lane, total);
        total += reader.raw;
        for (unsigned escapes = __ballot_sync(kWholeWarp, escape); escapes != 0; escapes &= escapes - 1) {
            const unsigned next = static_cast<unsigned>(__ffs(static_cast<int>(escapes))) - 1;
            unsigned length = 0;
            if (lane == next) {
                const RawValue read = position <= 8 * reader.size ? raw_value(raw_window(end, position), symbol, t) : RawValue{0, 0, false};
                if (!read.valid) reader.failure = kBadEscape;
                value = read.value;
                length = read.count;
            }
            length = __shfl_sync(kWholeWarp, length, next);
            if (lane > next) position += length;
            total += length;
        }
        if (active && !escape && t.shift != 0 && position <= 8 * reader.size) value = raw_value(raw_window(end, position), symbol, t).value;
        reader.raw = total;
    }
    if (active) values[queue.at[first + lane]] = static_cast<int16_t>(value);
}

}  // namespace zvc

// Readers of `count` substreams: sizes[2 n] is where one begins, sizes[2 n + 1] its bytes. A warp each.
extern "C" __global__ void __launch_bounds__(32) rans_begin(const uint8_t* payload, const uint32_t* sizes, int lanes, uint32_t* readers) {
    using namespace zvc;
    const unsigned lane = lane_of();
    Reader& reader = reinterpret_cast<Reader*>(readers)[blockIdx.x];
    const uint32_t begin = sizes[2 * blockIdx.x], size = sizes[2 * blockIdx.x + 1];
    uint32_t state = kLowerBound, failure = 0;
    if (size != 0 && size < 4u * static_cast<unsigned>(lanes)) {
        failure = kWordsEnd;
    } else if (size != 0 && lane < static_cast<unsigned>(lanes)) {
        const uint8_t* at = payload + begin + 4 * lane;
        state = at[0] | static_cast<uint32_t>(at[1]) << 8 | static_cast<uint32_t>(at[2]) << 16 | static_cast<uint32_t>(at[3]) << 24;
    }
    if (__any_sync(kWholeWarp, state < kLowerBound)) failure = kBadState;
    reader.states[lane] = state;
    if (lane != 0) return;
    reader.begin = begin;
    reader.size = size;
    reader.word = size == 0 ? 0 : 4 * static_cast<unsigned>(lanes);
    reader.raw = reader.coded = 0;
    reader.failure = failure;
}

// One call. bands[n], bands[n + 1]: first and last-plus-one symbol of substream n in index and values; both ends multiples of 8, and index is
// 8-byte aligned. table_of: null, or the table of each index (z without state: channels). keep: null, or per `run` symbols whether they are
// coded at all. Values of symbols that are not coded are left as they are: the caller has made them zero.
extern "C" __global__ void __launch_bounds__(32) rans_decode(const uint8_t* payload, uint32_t* readers, const uint32_t* bands, const uint8_t* index,
                                                             int skip_below, const uint8_t* left_out, int run, const uint32_t* decode,
                                                             const uint32_t* info, int lanes, int16_t* values) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    Queue& queue = *reinterpret_cast<Queue*>(memory);
    const unsigned lane = lane_of(), width = static_cast<unsigned>(lanes);
    Reader& kept = reinterpret_cast<Reader*>(readers)[blockIdx.x];
    Reader reader;  // of its fields all lanes hold the same, but `failure`
    uint32_t state = kept.states[lane];
    reader.begin = kept.begin;
    reader.size = kept.size;
    reader.word = kept.word;
    reader.raw = kept.raw;
    reader.coded = kept.coded;
    reader.failure = kept.failure;
    if (reader.failure != 0) return;
    const uint8_t* bytes = payload + reader.begin;
    const uint8_t* end = bytes + reader.size;
    const DecodeTables tables{decode, info};
    const uint32_t last = bands[blockIdx.x + 1];
    unsigned waiting = 0;
    for (uint32_t from = bands[blockIdx.x]; from < last; from += kScan) {
        const uint32_t mine = from + kEach * lane;
        uint32_t coded = 0;
        uint2 indices[2] = {};
        for (unsigned half = 0; half < 2; ++half) {
            const uint32_t at = mine + 8 * half;
            if (at >= last) continue;
            indices[half] = *reinterpret_cast<const uint2*>(index + at);
            for (unsigned n = 0; n < 8; ++n) {
                const uint32_t sigma = (n < 4 ? indices[half].x : indices[half].y) >> 8 * (n & 3) & 255;
                const bool there = sigma >= static_cast<uint32_t>(skip_below) && (left_out == nullptr || left_out[(at + n) / static_cast<unsigned>(run)] == 0);
                coded |= static_cast<uint32_t>(there) << (8 * half + n);
            }
        }
        unsigned found = 0;
        unsigned to = waiting + sum_before(static_cast<unsigned>(__popc(coded)), lane, found);
        for (unsigned n = 0; n < kEach; ++n) {
            if (!(coded >> n & 1)) continue;
            const uint2 eight = indices[n / 8];
            queue.at[to] = mine + n;
            queue.table[to++] = static_cast<uint8_t>((n & 4 ? eight.y : eight.x) >> 8 * (n & 3));
        }
        waiting += found;
        __syncwarp();
        if (found == 0) continue;
        reader.coded = 1;
        unsigned done = 0;
        for (; waiting - done >= width; done += width)
            decode_round(queue, done, width, bytes, end, tables, lane, state, reader, values);
        // What is left comes to the front, less than a round.
        const unsigned rest = waiting - done;
        const uint32_t at = lane < rest ? queue.at[done + lane] : 0;
        const uint8_t table = lane < rest ? queue.table[done + lane] : 0;
        __syncwarp();
        if (lane < rest) {
            queue.at[lane] = at;
            queue.table[lane] = table;
        }
        __syncwarp();
        waiting = rest;
    }
    if (waiting != 0) decode_round(queue, 0, waiting, bytes, end, tables, lane, state, reader, values);
    if (reader.coded && reader.size == 0) reader.failure = kWordsEnd;
    if (8 * reader.word + reader.raw > 8 * reader.size) reader.failure = kRawEnd;
    const unsigned failed = __ballot_sync(kWholeWarp, reader.failure != 0);
    kept.states[lane] = state;
    if (failed != 0 && lane == static_cast<unsigned>(__ffs(static_cast<int>(failed))) - 1) kept.failure = reader.failure;
    if (lane != 0) return;
    kept.word = reader.word;
    kept.raw = reader.raw;
    kept.coded = reader.coded;
}

// Whether everything was read and all states are back; failure[n] = 0 if so.
extern "C" __global__ void __launch_bounds__(32) rans_end(const uint8_t* payload, const uint32_t* readers, int lanes, uint32_t* failure) {
    using namespace zvc;
    const unsigned lane = lane_of();
    const Reader& reader = reinterpret_cast<const Reader*>(readers)[blockIdx.x];
    const bool back = lane >= static_cast<unsigned>(lanes) || reader.states[lane] == kLowerBound;
    const unsigned all = __ballot_sync(kWholeWarp, back);
    if (lane != 0) return;
    uint32_t found = reader.failure;
    if (found == 0 && reader.size != 0) {
        const uint32_t rest = reader.raw & 7, meet = reader.size - (reader.raw + 7) / 8;
        const bool clear = rest == 0 || (payload[reader.begin + meet] & ((1u << (8 - rest)) - 1)) == 0;
        if (!(reader.coded && meet == reader.word && clear && all == kWholeWarp)) found = kUnread;
    }
    failure[blockIdx.x] = found;
}

namespace zvc {

// An encoder's symbols are mapped to entries and raw bits in parts of kPart symbols; a band's parts of a call follow each other.
constexpr unsigned kPartThreads = 256, kPerThread = 8, kPart = kPartThreads * kPerThread;

struct Part {
    uint32_t begin, end;  // symbols of the call
    uint32_t coded, raw;  // how many symbols and raw bits it has; after rans_offsets: where they go
    uint32_t band, call;
    uint32_t cost;        // in 1/16 bit, raw bits included
    uint32_t unused;
};

struct EncodeTables {
    const uint32_t* encode;  // [table][symbol]: cost, frequency, cumulative
    const uint32_t* info;
};

__device__ __forceinline__ bool is_coded(const uint8_t* index, uint32_t at, int skip_below, const uint8_t* left_out, int run) {
    return index[at] >= skip_below && (left_out == nullptr || left_out[at / static_cast<unsigned>(run)] == 0);
}

// Sum over the block's threads before this one; `total` is that of all.
__device__ __forceinline__ uint32_t block_sum_before(uint32_t value, uint32_t* sums, uint32_t& total) {
    const unsigned lane = lane_of(), warp = threadIdx.x / kWarp;
    unsigned of_warp = 0;
    uint32_t before = sum_before(value, lane, of_warp);
    if (lane == 0) sums[warp] = of_warp;
    __syncthreads();
    total = 0;
    for (unsigned n = 0; n < kPartThreads / kWarp; ++n) {
        if (n < warp) before += sums[n];
        total += sums[n];
    }
    __syncthreads();
    return before;
}

}  // namespace zvc

// Counts of each part; a block of 256 threads each. `first`: number of this call's first part.
extern "C" __global__ void __launch_bounds__(256) rans_count(const int16_t* values, const uint8_t* index, int skip_below, const uint8_t* left_out, int run,
                                                             const uint32_t* encode, const uint32_t* info, int first, uint32_t* parts) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* sums = reinterpret_cast<uint32_t*>(memory);
    Part& part = reinterpret_cast<Part*>(parts)[first + static_cast<int>(blockIdx.x)];
    uint32_t coded = 0, raw = 0, cost = 0;
    for (unsigned n = 0; n < kPerThread; ++n) {
        const uint32_t at = part.begin + kPerThread * threadIdx.x + n;
        if (at >= part.end || !is_coded(index, at, skip_below, left_out, run)) continue;
        const TableInfo t = unpack_info(info[index[at]]);
        const uint32_t symbol = symbol_of(values[at], t);
        ++coded;
        if (has_raw_bits(symbol, t)) raw += raw_code(values[at], symbol, t).count;
        cost += encode[index[at] << 8 | symbol] >> 24;
    }
    uint32_t counts = 0, raws = 0, costs = 0;
    block_sum_before(coded, sums, counts);
    block_sum_before(raw, sums, raws);
    block_sum_before(cost, sums, costs);
    if (threadIdx.x != 0) return;
    part.coded = counts;
    part.raw = raws;
    part.cost = costs + 16 * raws;
}

// Where each part's entries go in its band and call, and its raw bits in its band; a warp for each band. Parts are in order of calls, then bands.
// totals (bands, 8): symbols of calls 0..4, raw bits, cost, not used.
extern "C" __global__ void __launch_bounds__(32) rans_offsets(uint32_t* parts, int count, uint32_t* totals) {
    using namespace zvc;
    const unsigned lane = lane_of();
    Part* all = reinterpret_cast<Part*>(parts);
    uint32_t coded[5] = {}, raw = 0, cost = 0;
    for (int from = 0; from < count; from += kWarp) {
        const int n = from + static_cast<int>(lane);
        const bool mine = n < count && all[n].band == blockIdx.x;
        const uint32_t call = mine ? all[n].call : 0, symbols = mine ? all[n].coded : 0;
        uint32_t total = 0, place = 0;
#pragma unroll
        for (uint32_t c = 0; c < 5; ++c) {
            const uint32_t before = coded[c] + sum_before(call == c ? symbols : 0, lane, total);
            if (call == c) place = before;
            coded[c] += total;
        }
        const uint32_t raw_place = raw + sum_before(mine ? all[n].raw : 0, lane, total);
        raw += total;
        sum_before(mine ? all[n].cost : 0, lane, total);
        cost += total;
        if (mine) {
            all[n].coded = place;
            all[n].raw = raw_place;
        }
    }
    if (lane != 0) return;
    uint32_t* out = totals + 8 * blockIdx.x;
#pragma unroll
    for (int c = 0; c < 5; ++c) out[c] = coded[c];
    out[5] = raw;
    out[6] = cost;
    out[7] = 0;
}

// Entries of a call's symbols, and their raw bits, first one on top of the first word. call_begin (bands): where a band's entries of this call
// begin; raw_begin (bands): first word of a band's raw bits, which the caller has made zero.
extern "C" __global__ void __launch_bounds__(256) rans_map(const int16_t* values, const uint8_t* index, int skip_below, const uint8_t* left_out, int run,
                                                           const uint32_t* encode, const uint32_t* info, int first, const uint32_t* parts,
                                                           const uint32_t* call_begin, const uint32_t* raw_begin, uint32_t* entries,
                                                           uint32_t* raw_words) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* sums = reinterpret_cast<uint32_t*>(memory);
    const Part part = reinterpret_cast<const Part*>(parts)[first + static_cast<int>(blockIdx.x)];
    uint32_t coded = 0, raw = 0, unused = 0;
    for (unsigned n = 0; n < kPerThread; ++n) {
        const uint32_t at = part.begin + kPerThread * threadIdx.x + n;
        if (at >= part.end || !is_coded(index, at, skip_below, left_out, run)) continue;
        const TableInfo t = unpack_info(info[index[at]]);
        const uint32_t symbol = symbol_of(values[at], t);
        ++coded;
        if (has_raw_bits(symbol, t)) raw += raw_code(values[at], symbol, t).count;
    }
    uint32_t entry = call_begin[part.band] + part.coded + block_sum_before(coded, sums, unused);
    uint32_t bit = part.raw + block_sum_before(raw, sums, unused);
    uint32_t* words = raw_words + raw_begin[part.band];
    for (unsigned n = 0; n < kPerThread; ++n) {
        const uint32_t at = part.begin + kPerThread * threadIdx.x + n;
        if (at >= part.end || !is_coded(index, at, skip_below, left_out, run)) continue;
        const TableInfo t = unpack_info(info[index[at]]);
        const uint32_t symbol = symbol_of(values[at], t);
        entries[entry++] = encode[index[at] << 8 | symbol];
        if (!has_raw_bits(symbol, t)) continue;
        const RawCode code = raw_code(values[at], symbol, t);
        if (code.count == 0) continue;
        // On top of the 64 bits that begin at this bit's word.
        const uint64_t placed = static_cast<uint64_t>(code.bits) << (64 - code.count) >> (bit & 31);
        atomicOr(words + bit / 32, static_cast<uint32_t>(placed >> 32));
        if (static_cast<uint32_t>(placed) != 0) atomicOr(words + bit / 32 + 1, static_cast<uint32_t>(placed));
        bit += code.count;
    }
}

// Substreams of `calls` calls; a warp for each band. call_begin (calls, bands). middle (bands): place in `out` up to which a band's states and words
// go, and behind which its raw bits come; before it there is room for 2 bytes a symbol and 4 a lane. span (bands, 2): where it begins, bytes.
extern "C" __global__ void __launch_bounds__(32) rans_encode(const uint32_t* totals, const uint32_t* call_begin, int calls, const uint32_t* entries,
                                                             const uint32_t* raw_begin, const uint32_t* raw_words, const uint32_t* middle, int lanes,
                                                             uint8_t* out, uint32_t* span) {
    using namespace zvc;
    const unsigned lane = lane_of(), width = static_cast<unsigned>(lanes), band = blockIdx.x, bands = gridDim.x;
    const uint32_t* total = totals + 8 * band;
    uint32_t state = kLowerBound, at = middle[band], coded = 0;
    for (int call = calls - 1; call >= 0; --call) {
        const uint32_t count = total[call], first = call_begin[static_cast<unsigned>(call) * bands + band];
        coded += count;
        for (uint32_t left = count; left != 0;) {
            const uint32_t round = (left - 1) / width * width, symbols = left - round;
            const bool active = lane < symbols;
            const uint32_t entry = active ? entries[first + round + lane] : 0;
            const bool gives = active && gives_word(state, entry);
            const unsigned giving = __ballot_sync(kWholeWarp, gives);
            at -= 2 * static_cast<unsigned>(__popc(giving));
            if (gives) {
                uint8_t* word = out + at + 2 * __popc(giving & lanes_below(lane));
                word[0] = static_cast<uint8_t>(state);
                word[1] = static_cast<uint8_t>(state >> 8);
                state >>= 16;
            }
            if (active) state = encoded_state(state, entry);
            left = round;
        }
    }
    if (coded == 0) {
        if (lane < 2) span[2 * band + lane] = lane == 0 ? middle[band] : 0;
        return;
    }
    at -= 4 * width;
    if (lane < width)
        for (int n = 0; n < 4; ++n) out[at + 4 * lane + n] = static_cast<uint8_t>(state >> 8 * n);
    const uint32_t bytes = (total[5] + 7) / 8;
    const uint32_t* words = raw_words + raw_begin[band];
    for (uint32_t n = lane; n < bytes; n += kWarp) out[middle[band] + bytes - 1 - n] = static_cast<uint8_t>(words[n / 4] >> (24 - 8 * (n & 3)));
    if (lane == 0) {
        span[2 * band] = at;
        span[2 * band + 1] = middle[band] + bytes - at;
    }
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
