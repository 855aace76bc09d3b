#include "rans/decoder.h"

#include <algorithm>

#include "rans/rans.h"

namespace zvc {

namespace {

constexpr std::size_t kFront = 16;         // raw_get_value reads up to 8 bytes before the substream
constexpr std::size_t kBack = 2 * kSlack;  // a round passes the end by 64 bytes at most, loading 64 more

}  // namespace

RansDecoder::RansDecoder(const uint8_t* data, std::size_t size, unsigned lanes)
    : buffer_(kFront + size + kBack), lanes_(lanes), empty_(size == 0) {
    std::copy_n(data, size, buffer_.data() + kFront);
    const uint8_t* const begin = buffer_.data() + kFront;
    raw_.end = begin + size;
    std::fill_n(states_, lanes, kLowerBound);
    words_ = begin;
    if (empty_) return;
    if (size < 4 * lanes) {
        status_ = RansStatus::kWordsEnd;
        return;
    }
    std::memcpy(states_, begin, 4 * lanes);
    words_ += 4 * lanes;
    // Coding keeps states at or above the bound, so a lower one was never written.
    if (std::any_of(states_, states_ + lanes, [](uint32_t x) { return x < kLowerBound; }))
        status_ = RansStatus::kBadState;
}

RansStatus RansDecoder::get(const uint8_t* index, std::size_t n, unsigned skip_below, const RansTables& tables,
                            Isa isa, int16_t* values) {
    if (status_ == RansStatus::kOk) status_ = decode(index, n, skip_below, tables, isa, values);
    return status_;
}

RansStatus RansDecoder::decode(const uint8_t* index, std::size_t n, unsigned skip_below, const RansTables& tables,
                               Isa isa, int16_t* values) {
    const RansKernels& kernels = rans_kernels(isa);
    const uint8_t* kept = index;
    std::size_t count = n;
    if (skip_below >= kMaxTables) {
        count = 0;
    } else if (skip_below > 0) {
        if (kept_.size() < n + kSlack) kept_.resize(n + kSlack);
        count = kernels.compact(index, n, skip_below, kept_.data());
        kept = kept_.data();
    }
    if (count == 0) {
        std::fill_n(values, n, int16_t{0});
        return RansStatus::kOk;
    }
    if (empty_) return RansStatus::kWordsEnd;
    coded_ = true;
    if (symbols_.size() < count + kSlack) symbols_.resize(count + kSlack);
    const uint8_t* const end = raw_.end - (raw_.used + 7) / 8;
    words_ = kernels.decode(states_, lanes_, words_, end, tables, kept, count, symbols_.data());
    if (words_ > end) return RansStatus::kWordsEnd;
    raw_.limit = 8 * static_cast<std::size_t>(raw_.end - words_);
    return kernels.expand(index, n, skip_below, symbols_.data(), tables.info(), raw_, values);
}

RansStatus RansDecoder::finish() const noexcept {
    if (status_ != RansStatus::kOk) return status_;
    if (empty_) return RansStatus::kOk;
    const unsigned rest = raw_.used & 7;
    const uint8_t* const meet = raw_.end - (raw_.used + 7) / 8;
    const bool padding_zero = rest == 0 || (*meet & ((1u << (8 - rest)) - 1)) == 0;
    const bool states_back = std::all_of(states_, states_ + lanes_, [](uint32_t x) { return x == kLowerBound; });
    return coded_ && meet == words_ && padding_zero && states_back ? RansStatus::kOk : RansStatus::kUnread;
}

}  // namespace zvc
