#include "rans/encoder.h"

#include <algorithm>

#include "rans/rans.h"

namespace zvc {

namespace {

constexpr std::size_t kChunk = 4096;  // symbols mapped at a time: bounds the room kept for their raw bits
constexpr std::size_t kMaxLanes = 32;

}  // namespace

void RansEncoder::put(const int16_t* values, const uint8_t* index, std::size_t n, unsigned skip_below,
                      const RansTables& tables, Isa isa) {
    if (skip_below >= kMaxTables) return;  // kernels compare it as one byte
    const RansKernels& kernels = rans_kernels(isa);
    for (std::size_t done = 0; done < n; done += kChunk) {
        const std::size_t part = std::min(kChunk, n - done), old = entries_.size(), old_raw = raw_.size();
        entries_.resize(old + part + kSlack);
        raw_.resize(old_raw + part * (kMaxRawBits / 8) + 8);
        RawWriter raw{raw_.data() + old_raw, raw_held_, raw_count_};
        const std::size_t kept =
            kernels.map(values + done, index + done, part, skip_below, tables, raw, entries_.data() + old);
        entries_.resize(old + kept);
        raw_.resize(static_cast<std::size_t>(raw.out - raw_.data()));
        raw_held_ = raw.held;
        raw_count_ = raw.count;
        for (std::size_t i = old; i < old + kept; ++i) cost_ += entries_[i] >> 24;
    }
    if (entries_.size() != (call_ends_.empty() ? 0 : call_ends_.back())) call_ends_.push_back(entries_.size());
}

unsigned RansEncoder::suggest_lanes() const noexcept {
    const uint64_t bytes = (cost_ / 16 + raw_count_) / 8 + raw_.size();
    return bytes < 1024 ? 1 : bytes < 8192 ? 4 : bytes < 32768 ? 8 : 32;
}

void RansEncoder::finish(unsigned lanes, Isa isa, std::vector<uint8_t>& out) {
    const RansKernels& kernels = rans_kernels(isa);
    out.clear();
    if (!entries_.empty()) {
        if (raw_count_) raw_.push_back(static_cast<uint8_t>(raw_held_ << (8 - raw_count_)));
        const std::size_t header = 4 * lanes, room = 2 * (entries_.size() + kSlack) + header;
        out.resize(room + raw_.size());
        std::reverse_copy(raw_.begin(), raw_.end(), out.begin() + static_cast<std::ptrdiff_t>(room));
        uint32_t states[kMaxLanes];
        std::fill_n(states, lanes, kLowerBound);
        uint8_t* words = out.data() + room;
        for (std::size_t c = call_ends_.size(); c-- > 0;) {
            const std::size_t begin = c ? call_ends_[c - 1] : 0;
            words = kernels.encode(states, lanes, entries_.data() + begin, call_ends_[c] - begin, words);
        }
        words -= header;
        std::memcpy(words, states, header);  // little-endian, as are all processors that this builds for
        out.erase(out.begin(), out.begin() + (words - out.data()));
    }
    entries_.clear();
    call_ends_.clear();
    raw_.clear();
    raw_held_ = cost_ = 0;
    raw_count_ = 0;
}

}  // namespace zvc
