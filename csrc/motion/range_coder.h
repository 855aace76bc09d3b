// Adaptive binary range coder of the motion section: sections of a few bytes, where a rANS state's 4 would count.
//
// Bytes behind the end of a section read as zero, and the writer leaves trailing zeros away: the answers 0 are at the
// low end of every interval, so that a section of nothing but expected answers is empty.
// G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace zvc {

// Probability of the answer 0, in 1/65536, and how many answers it has seen (or stands for).
struct Context {
    std::uint16_t probability;
    std::uint16_t count;
};

constexpr int kRates = 40;
constexpr auto kRate = [] {
    std::array<std::uint32_t, kRates> rates{};
    for (std::uint32_t n = 0; n < kRates; ++n) rates[n] = (655360 + 5 * n + 8) / (10 * n + 16);
    return rates;
}();

// In 1/32768, 1..32767: both answers keep a share of the range.
inline std::uint32_t coding_probability(const Context& context) {
    return std::max<std::uint32_t>(context.probability >> 1, 1);
}

// Rates are at most 40960: the products stay below 2^32, and the probability below 2^16 since a step rounds down.
inline void adapt(Context& context, bool answer) {
    const std::uint32_t p = context.probability, rate = kRate[context.count];
    const std::uint32_t step = answer ? p * rate >> 16 : (65536 - p) * rate >> 16;
    context.probability = static_cast<std::uint16_t>(answer ? p - step : p + step);
    if (context.count < kRates - 1) ++context.count;
}

constexpr std::uint32_t kEven = 1u << 14;  // probability 1/2
constexpr std::uint32_t kLeastRange = 1u << 24;

class RangeEncoder {
public:
    bool bit(Context& context, bool answer) {
        code(coding_probability(context), answer);
        adapt(context, answer);
        return answer;
    }

    bool even_bit(bool answer) {
        code(kEven, answer);
        return answer;
    }

    std::vector<std::uint8_t> finish() {
        // Of all values in the interval the one with the most trailing zeros.
        std::uint64_t value = low_;
        for (int zeros = 32; zeros >= 0; --zeros) {
            const std::uint64_t unit = std::uint64_t{1} << zeros;
            value = (low_ + unit - 1) & ~(unit - 1);
            if (value < low_ + range_) break;
        }
        low_ = value;
        for (int n = 0; n < 4; ++n) shift();
        while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
        return std::move(bytes_);
    }

private:
    void code(std::uint32_t probability, bool answer) {
        const std::uint32_t bound = (range_ >> 15) * probability;
        if (answer) {
            low_ += bound;
            range_ -= bound;
        } else {
            range_ = bound;
        }
        for (; range_ < kLeastRange; range_ <<= 8) shift();
    }

    void shift() {
        // A carry ends at the latest in the first byte: all that is written stays below 1.
        if (low_ >> 32)
            for (std::size_t n = bytes_.size(); n-- > 0 && ++bytes_[n] == 0;) {}
        bytes_.push_back(static_cast<std::uint8_t>(low_ >> 24));
        low_ = low_ << 8 & 0xFFFFFFFF;
    }

    std::uint64_t low_ = 0;  // below 2^33
    std::uint32_t range_ = 0xFFFFFFFF;
    std::vector<std::uint8_t> bytes_;
};

class RangeDecoder {
public:
    explicit RangeDecoder(std::span<const std::uint8_t> data) : data_(data) {
        for (int n = 0; n < 4; ++n) shift();
    }

    // The code lies below the range, always, if it does at the start: nothing overflows.
    bool starts() const { return code_ < range_; }

    bool bit(Context& context, bool) {
        const bool answer = decode(coding_probability(context));
        adapt(context, answer);
        return answer;
    }

    bool even_bit(bool) { return decode(kEven); }

    // Whether these can be all bytes of a section, once the last decision is read.
    bool closed() const { return at_ >= data_.size() && (data_.empty() || data_.back() != 0); }

private:
    bool decode(std::uint32_t probability) {
        const std::uint32_t bound = (range_ >> 15) * probability;
        const bool answer = code_ >= bound;
        if (answer) {
            code_ -= bound;
            range_ -= bound;
        } else {
            range_ = bound;
        }
        for (; range_ < kLeastRange; range_ <<= 8) shift();
        return answer;
    }

    void shift() {
        code_ = code_ << 8 | (at_ < data_.size() ? data_[at_] : 0u);
        ++at_;
    }

    std::span<const std::uint8_t> data_;
    std::size_t at_ = 0;
    std::uint32_t range_ = 0xFFFFFFFF, code_ = 0;
};

}  // namespace zvc
