// rANS decoder (docs/FORMAT.md, Entropy coding; exact). The whole device lists a call's coded symbols; then a block decodes each substream.
//
// A frame's substreams are bands of its rows; of every call, a band's symbols are neighbours in the call's arrays, and begin and end at multiples
// of 8. Of a block's warps one decodes, a lane of the warp is a lane of the coder, and does nothing else; one makes values of the symbols and
// reads their raw bits, some rounds later; the others bring the list and the stream's words to shared memory, some rounds earlier. They meet
// every kRounds rounds. Tables are in shared memory, since the chain from a state to the next is what takes the time: the guess of a
// symbol, its entry, a product, the ballot of those that need a word, the word.
#include "rans.h"

namespace zvc {

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

constexpr unsigned kRounds = 16, kChunk = kRounds * kMaxLanes, kWords = 2 * kChunk;
constexpr unsigned kThreads = 256, kLists = 3, kFirstLoader = 64;

// A block's shared memory: this, then the guesses, then the entries.
struct Work {
    uint32_t at[kLists][kChunk];     // places of symbols in the call
    uint2 tables[kLists][kChunk];    // their tables: where guesses and entries begin in shared memory
    uint16_t words[kWords + kMaxLanes];  // word n of the stream is at n % kWords; the first ones are behind the last once more
    uint8_t symbols[2][kChunk];
    uint32_t info[256];
    uint32_t word[2];                // where the decoding warp was after the last chunks
    uint32_t raw, bad_escape;
};
static_assert(sizeof(Work) == 22608, "is in zvc69/cuda/entropy.py too");

// 57 bits or more that lie `used` bits before `end`, the next one on top. Reads whole words: 15 bytes before and 8 behind what there is.
__device__ __forceinline__ uint64_t raw_window(const uint8_t* end, uint32_t used) {
    const auto at = reinterpret_cast<uint64_t>(end) - (used >> 3) - 8;
    const uint64_t* words = reinterpret_cast<const uint64_t*>(at & ~uint64_t{7});
    const unsigned skipped = 8 * (at & 7);
    return (words[0] >> skipped | words[1] << 1 << (63 - skipped)) << (used & 7);
}

// Sum of the shifts of the lanes before this one; `total` is that of all.
__device__ __forceinline__ unsigned shifts_before(unsigned shift, unsigned lane, unsigned& total) {
    static_assert(kMaxShift < 16);
    unsigned before = 0;
    total = 0;
#pragma unroll
    for (unsigned bit = 0; bit < 4; ++bit) {
        const unsigned have = __ballot_sync(kWholeWarp, shift >> bit & 1);
        before += static_cast<unsigned>(__popc(have & lanes_below(lane))) << bit;
        total += static_cast<unsigned>(__popc(have)) << bit;
    }
    return before;
}

struct Lookup {
    device::Shared guesses;  // [table][slot >> group]: symbol of the group's first slot, a byte
    device::Shared entries;  // of a table's symbols one behind the other, then one that begins at kProbTotal: frequency 16 | start 16
    unsigned group;
};

// What of a substream is brought to shared memory: symbols [from, from + count) of its list, words [begin, end). Loads come before stores:
// the way to memory is gone once. kTaking threads take part, of which this is number `thread`.
template <unsigned kTaking, unsigned kMostWords>
__device__ __forceinline__ void bring(Work& work, const Lookup& lookup, unsigned buffer, const uint2* list, uint32_t from, uint32_t count,
                                      const uint8_t* bytes, uint32_t size, uint32_t begin, uint32_t end, unsigned thread) {
    constexpr unsigned kSymbols = (kChunk + kTaking - 1) / kTaking, kEach = (kMostWords + kTaking - 1) / kTaking;
    uint2 symbols[kSymbols] = {};
    uint16_t words[kEach] = {};  // behind the end anything will do: the call is found too long when it has been read
#pragma unroll
    for (unsigned n = 0; n < kSymbols; ++n)
        if (n * kTaking + thread < count) symbols[n] = list[from + n * kTaking + thread];
#pragma unroll
    for (unsigned n = 0; n < kEach; ++n) {
        const uint32_t at = begin + n * kTaking + thread;
        if (at < end && 2 * at + 2 <= size) words[n] = *reinterpret_cast<const uint16_t*>(bytes + 2 * at);
    }
#pragma unroll
    for (unsigned n = 0; n < kSymbols; ++n) {
        if (n * kTaking + thread >= count) continue;
        work.at[buffer][n * kTaking + thread] = symbols[n].x;
        const uint32_t table = symbols[n].y & 255, entry = symbols[n].y >> 8;
        work.tables[buffer][n * kTaking + thread] = make_uint2(lookup.guesses + (table << (kProbBits - lookup.group)), lookup.entries + 4 * entry);
    }
#pragma unroll
    for (unsigned n = 0; n < kEach; ++n) {
        const uint32_t at = begin + n * kTaking + thread;
        if (at >= end) continue;
        work.words[at % kWords] = words[n];
        if (at % kWords < kMaxLanes) work.words[kWords + at % kWords] = words[n];
    }
}

// `left` symbols, rounds of `width`. kPairs: groups are of two slots, the second of which belongs to the first one's symbol or to the next.
// coarse: Lookup's group where it is another. kWhole: of 32 lanes, all of which have a symbol in every round. What does not wait for a state is
// loaded rounds before.
template <bool kPairs, bool kWhole>
__device__ __forceinline__ void decode_chunk(const uint2* tables, unsigned coarse, const uint16_t* words, uint8_t* symbols, unsigned left, unsigned lanes,
                                             unsigned lane, uint32_t below, uint32_t& state, uint32_t& word) {
    const unsigned group = kPairs ? 1 : coarse, width = kWhole ? kMaxLanes : lanes;
    const bool there = kWhole || lane < width;
    const uint2 first = there && lane < left ? tables[lane] : tables[0];  // lanes without a symbol look up another one's
    const auto table_of = [&](unsigned begin) { return there && begin + (kWhole ? 0 : lane) < left ? tables[begin + lane] : first; };
    uint2 next = first, second_next = table_of(width);
    uint32_t ahead = words[word % kWords + lane];  // the words that the lanes might take
#pragma unroll 1
    for (unsigned begin = 0; begin < left; begin += width) {
        const bool active = kWhole || (there && begin + lane < left), more = begin + width < left;
        const uint2 table = next;
        next = second_next;
        second_next = table_of(begin + 2 * width);

        const uint32_t slot = state & (kProbTotal - 1), high = state >> kProbBits;
        uint32_t symbol = device::load_byte(table.x + (slot >> group));
        const device::Shared at = table.y + 4 * symbol;
        uint32_t own = device::load_word(at), other = device::load_word(at + 4);
        while (!kPairs && slot >= (other & 0xFFFF)) {
            own = other;
            other = device::load_word(table.y + 4 * ++symbol + 4);
        }
        uint32_t decoded = (own >> 16) * high + (slot - (own & 0xFFFF));
        if (kPairs) {
            const uint32_t otherwise = (other >> 16) * high + (slot - (other & 0xFFFF));
            const bool second = slot >= (other & 0xFFFF);
            decoded = second ? otherwise : decoded;
            symbol += second;
        }
        if (!kWhole) decoded = active ? decoded : state;
        const bool needs = decoded < kLowerBound;  // not where nothing was decoded
        const unsigned need = __ballot_sync(kWholeWarp, needs);
        const uint32_t taken = __shfl_sync(kWholeWarp, ahead, __popc(need & below));
        state = needs ? decoded << 16 | taken : decoded;
        word += static_cast<unsigned>(__popc(need));
        if (more) ahead = words[word % kWords + lane];
        if (active) symbols[begin + lane] = static_cast<uint8_t>(symbol);
    }
}

__device__ __forceinline__ void load_table(uint8_t* to, const uint8_t* from, int bytes) {
    constexpr int kEach = 8;
    for (int at = static_cast<int>(threadIdx.x); at < bytes / 16; at += kEach * kThreads) {
        uint4 held[kEach];
#pragma unroll
        for (int n = 0; n < kEach; ++n)
            if (at + n * static_cast<int>(kThreads) < bytes / 16) held[n] = reinterpret_cast<const uint4*>(from)[at + n * kThreads];
#pragma unroll
        for (int n = 0; n < kEach; ++n)
            if (at + n * static_cast<int>(kThreads) < bytes / 16) reinterpret_cast<uint4*>(to)[at + n * kThreads] = held[n];
    }
}

// Values of `left` symbols that have been decoded, with their raw bits.
__device__ __forceinline__ void make_values(const Work& work, const Lookup& lookup, unsigned list, const uint8_t* symbols, unsigned left, unsigned width,
                                            unsigned lane, const uint8_t* end, uint32_t size, uint32_t& raw, bool& bad_escape, int16_t* values) {
    struct Decoded {
        uint32_t symbol, info, at;
    };
    const auto of_round = [&](unsigned begin) {
        const unsigned n = begin + lane;
        if (lane >= width || n >= left) return Decoded{0, 0, 0};
        return Decoded{symbols[n], work.info[(work.tables[list][n].x - lookup.guesses) >> (kProbBits - lookup.group)], work.at[list][n]};
    };
    Decoded next = of_round(0);
#pragma unroll 1
    for (unsigned begin = 0; begin < left; begin += width) {
        const bool active = lane < width && begin + lane < left;
        const uint32_t symbol = next.symbol, at = next.at;
        const TableInfo t = unpack_info(next.info);
        next = of_round(begin + width);
        int32_t value = t.first + static_cast<int32_t>(symbol);
        if (__any_sync(kWholeWarp, active && has_raw_bits(symbol, t))) {
            const bool escape = active && symbol == t.escape, plain = active && !escape && t.shift != 0;
            unsigned total = 0;
            uint32_t position = raw + shifts_before(plain ? t.shift : 0, lane, total);
            total += raw;
            for (unsigned escapes = __ballot_sync(kWholeWarp, escape); escapes != 0; escapes &= escapes - 1) {
                const unsigned next = static_cast<unsigned>(__ffs(static_cast<int>(escapes))) - 1;
                unsigned length = 0;
                if (lane == next) {
                    const RawValue read = position <= 8 * size ? raw_value(raw_window(end, position), symbol, t) : RawValue{0, 0, false};
                    bad_escape |= !read.valid;
                    value = read.value;
                    length = read.count;
                }
                length = __shfl_sync(kWholeWarp, length, next);
                if (lane > next) position += length;
                total += length;
            }
            if (plain && position <= 8 * size) value = raw_value(raw_window(end, position), symbol, t).value;
            raw = total;
        }
        if (active) values[at] = static_cast<int16_t>(value);
    }
}

__device__ __forceinline__ uint32_t coded_of_thread(const uint8_t* index, uint32_t size, int skip_below, const uint8_t* left_out, int run, uint2& indices) {
    const uint32_t at = kPart * blockIdx.x + kPerThread * threadIdx.x;
    indices = uint2{};
    if (at >= size) return 0;
    indices = *reinterpret_cast<const uint2*>(index + at);
    return coded_of(indices, at, skip_below, left_out, run);
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

// Coded symbols of each part of a call's `size`, which is a multiple of 8; a block of 256 threads each. index is 8-byte aligned.
extern "C" __global__ void __launch_bounds__(256) rans_coded(const uint8_t* index, int size, int skip_below, const uint8_t* left_out, int run,
                                                             uint32_t* counts) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint2 indices;
    const uint32_t coded = coded_of_thread(index, static_cast<uint32_t>(size), skip_below, left_out, run, indices);
    uint32_t total = 0;
    block_sum_before(static_cast<uint32_t>(__popc(coded)), reinterpret_cast<uint32_t*>(memory), total);
    if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// The list of a call's coded symbols: their places, and first entry << 8 | table. One part more than rans_coded has at least, so that some part
// holds `size`. base: first entry of each of 256 tables.
// bands (count + 1): where each band begins, and where the last one ends. starts likewise, in the list.
extern "C" __global__ void __launch_bounds__(256) rans_list(const uint8_t* index, int size, int skip_below, const uint8_t* left_out, int run,
                                                            const uint32_t* counts, const uint32_t* bands, int count, const uint32_t* base, uint32_t* starts,
                                                            uint32_t* list) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* sums = reinterpret_cast<uint32_t*>(memory);
    uint32_t* begins = sums + kPartThreads / kWarp;
    uint2 indices;
    const uint32_t coded = coded_of_thread(index, static_cast<uint32_t>(size), skip_below, left_out, run, indices);
    uint32_t before = 0, first = 0, unused = 0;
    for (uint32_t part = threadIdx.x; part < blockIdx.x; part += kPartThreads) before += counts[part];
    block_sum_before(before, sums, first);
    uint32_t to = first + block_sum_before(static_cast<uint32_t>(__popc(coded)), sums, unused);
    begins[threadIdx.x] = to;
    const uint32_t at = kPart * blockIdx.x + kPerThread * threadIdx.x;
#pragma unroll
    for (unsigned n = 0; n < kPerThread; ++n) {
        if (!(coded >> n & 1)) continue;
        const uint32_t table = byte_of(indices, n);
        reinterpret_cast<uint2*>(list)[to++] = make_uint2(at + n, base[table] << 8 | table);
    }
    __syncthreads();
    for (uint32_t n = threadIdx.x; n <= static_cast<uint32_t>(count); n += kPartThreads)
        if (bands[n] / kPart == blockIdx.x) starts[n] = begins[bands[n] % kPart / kPerThread];
}

// One call, as rans_list has it; a block for each substream. guesses (tables, 4096 >> group) and entries as in Lookup; info of 256 tables.
// Values of symbols that are not coded are left as they are: the caller has made them zero.
extern "C" __global__ void __launch_bounds__(256) rans_decode(const uint8_t* payload, uint32_t* readers, const uint32_t* starts, const uint32_t* list,
                                                              const uint8_t* guesses, int guess_bytes, int group, const uint32_t* entries, int entry_count,
                                                              const uint32_t* info, int lanes, int16_t* values) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    Work& work = *reinterpret_cast<Work*>(memory);
    uint8_t* own_guesses = memory + sizeof(Work);
    uint32_t* own_entries = reinterpret_cast<uint32_t*>(own_guesses + guess_bytes);
    Reader& kept = reinterpret_cast<Reader*>(readers)[blockIdx.x];
    const uint32_t first = starts[blockIdx.x], count = starts[blockIdx.x + 1] - first;
    if (count == 0 || kept.failure != 0) return;

    const unsigned lane = lane_of(), warp = warp_of_block(), width = static_cast<unsigned>(lanes), chunk = kRounds * width;
    const uint8_t* bytes = payload + kept.begin;
    const uint32_t size = kept.size, word_before = kept.word / 2;
    const uint2* symbols = reinterpret_cast<const uint2*>(list) + first;
    const Lookup lookup{device::shared_address(own_guesses), device::shared_address(own_entries), static_cast<unsigned>(group)};
    load_table(own_guesses, guesses, guess_bytes);
    bring<kThreads, kWords>(work, lookup, 0, symbols, 0, count < chunk ? count : chunk, bytes, size, word_before, word_before + kWords, threadIdx.x);
#pragma unroll 4
    for (int n = static_cast<int>(threadIdx.x); n < entry_count; n += kThreads) own_entries[n] = entries[n];
    work.info[threadIdx.x] = info[threadIdx.x];
    uint32_t state = kept.states[lane], word = word_before, raw = kept.raw, loaded = word_before + kWords, below = lanes_below(lane);
    make_now(below);
    bool bad_escape = false;
    __syncthreads();

    const auto size_of = [&](uint32_t at) { return count - at < chunk ? count - at : chunk; };
    unsigned before = 2, here = 0, behind = 1;  // lists of the chunks of values, of the decoding warp, of the loading ones
    bool odd = false;
    for (uint32_t at = 0;; at += chunk) {
        if (warp == 0) {
            if (at < count) {
                const unsigned left = size_of(at);
                const uint2* from = work.tables[here];
                uint8_t* to = work.symbols[odd];
                if (group != 1) {
                    decode_chunk<false, false>(from, lookup.group, work.words, to, left, width, lane, below, state, word);
                } else if (width != kMaxLanes || left % kMaxLanes != 0) {
                    decode_chunk<true, false>(from, 1, work.words, to, left, width, lane, below, state, word);
                } else {
                    decode_chunk<true, true>(from, 1, work.words, to, left, width, lane, below, state, word);
                }
                if (lane == 0) work.word[odd] = word;
            }
        } else if (warp == 1) {
            if (at != 0) make_values(work, lookup, before, work.symbols[!odd], size_of(at - chunk), width, lane, bytes + size, size, raw, bad_escape, values);
        } else if (at + chunk < count) {
            const uint32_t so_far = at == 0 ? word_before : work.word[!odd];
            bring<kThreads - kFirstLoader, kChunk>(work, lookup, behind, symbols, at + chunk, size_of(at + chunk), bytes, size, loaded,
                                                   so_far + kWords, threadIdx.x - kFirstLoader);
            loaded = so_far + kWords;
        }
        if (warp == 1 && at >= count) {
            bad_escape = __any_sync(kWholeWarp, bad_escape);
            if (lane == 0) {
                work.raw = raw;
                work.bad_escape = bad_escape;
            }
        }
        __syncthreads();
        if (at >= count) break;
        const unsigned free = before;
        before = here;
        here = behind;
        behind = free;
        odd = !odd;
    }
    if (warp != 0) return;
    kept.states[lane] = state;
    if (lane != 0) return;
    kept.word = 2 * word;
    kept.raw = work.raw;
    kept.coded = 1;
    if (16 * word + work.raw > 8 * size) {
        kept.failure = kRawEnd;
    } else if (size == 0) {
        kept.failure = kWordsEnd;
    } else if (work.bad_escape) {
        kept.failure = kBadEscape;
    }
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
