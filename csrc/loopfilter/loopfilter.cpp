#include "loopfilter/loopfilter.h"

#include <algorithm>
#include <vector>

namespace zvc {
namespace {

constexpr std::size_t kLanes = 16;

std::size_t rounded_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }
std::size_t blocks_of(std::size_t size) { return (size + kFilterBlock - 1) / kFilterBlock; }

// The last rows of a plane with margins, as many as a band needs.
class MarginRows {
public:
    explicit MarginRows(const FilterPlane& plane)
        : plane_(plane), stride_(kFilterMargin + rounded_up(plane.width, kLanes) + kFilterMargin), buffer_(kHeld * stride_) {}

    // Any row; those beyond the picture are its first or last. Asked for in rising order, with kHeld between the first and the last in use.
    const std::uint16_t* operator[](std::ptrdiff_t y) {
        const auto row = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(y, 0, static_cast<std::ptrdiff_t>(plane_.height) - 1));
        while (ready_ <= row) fetch(ready_++);
        return at(row);
    }

private:
    static constexpr std::size_t kHeld = 16;
    static_assert(kHeld >= kFilterRows);

    std::uint16_t* at(std::size_t row) { return &buffer_[row % kHeld * stride_ + kFilterMargin]; }

    void fetch(std::size_t row) {
        const std::uint16_t* from = plane_.samples + row * plane_.width;
        std::uint16_t* to = at(row);
        std::fill(to - kFilterMargin, to, from[0]);
        std::copy(from, from + plane_.width, to);
        std::fill(to + plane_.width, to + stride_ - kFilterMargin, from[plane_.width - 1]);
    }

    FilterPlane plane_;
    std::size_t stride_, ready_ = 0;
    std::vector<std::uint16_t> buffer_;
};

// Classes of one band's blocks, kUnfiltered where they are copied or `filtered` is false for the class.
class BandKinds {
public:
    BandKinds(const FilterKinds& kinds, std::size_t width, const bool* filtered)
        : kinds_(kinds), blocks_(blocks_of(width)), buffer_(rounded_up(blocks_, kLanes / kFilterBlock), kUnfiltered) {
        for (int n = 0; n < kFilterClasses; ++n) kind_[n] = filtered[n] ? static_cast<std::uint8_t>(n) : kUnfiltered;
    }

    std::size_t blocks() const { return blocks_; }

    const std::uint8_t* operator[](std::size_t band) {
        const std::uint8_t* classes = kinds_.classes == nullptr ? nullptr : kinds_.classes + band * blocks_;
        for (std::size_t block = 0; block < blocks_; ++block) buffer_[block] = kind_[classes == nullptr ? 0 : classes[block]];
        if (kinds_.copied == nullptr) return buffer_.data();
        const std::size_t side = kinds_.side / kFilterBlock, columns = (blocks_ + side - 1) / side;
        const std::uint8_t* copied = kinds_.copied + band / side * columns;
        for (std::size_t column = 0; column < columns; ++column)
            if (copied[column] != 0) std::fill(&buffer_[column * side], &buffer_[0] + std::min((column + 1) * side, blocks_), kUnfiltered);
        return buffer_.data();
    }

private:
    FilterKinds kinds_;
    std::size_t blocks_;
    std::vector<std::uint8_t> buffer_;
    std::uint8_t kind_[kFilterClasses];
};

int rows_left(std::size_t height, std::size_t y) { return static_cast<int>(std::min<std::size_t>(kFilterBlock, height - y)); }

void take_rows(MarginRows& rows, std::size_t y, const std::uint16_t* (&out)[kFilterRows]) {
    for (int n = 0; n < kFilterRows; ++n) out[n] = rows[static_cast<std::ptrdiff_t>(y) + n - kFilterReach];
}

FilterTable table_of(const std::int8_t* coefficients, int depth) {
    int centre = 1 << kFilterShift;
    for (int tap = 0; tap < kFilterTaps; ++tap) centre -= 2 * coefficients[tap];
    const int rounding = 1 << (kFilterShift + kFilterDepth - depth - 1);
    FilterTable table;
    for (int n = 0; n < 8; ++n) {
        for (int pair = 0; pair < kFilterTaps / 2; ++pair) table.pairs[pair][n] = coefficients[2 * pair + n % 2];
        table.pairs[kFilterTaps / 2][n] = static_cast<std::int16_t>(n % 2 == 0 ? centre : rounding);
    }
    return table;
}

template <class Sample>
void widen_blocks(std::uint16_t* plane, const Sample* prediction, std::size_t width, std::size_t height, int shift, const std::uint8_t* copied,
                  std::size_t side) {
    const std::size_t columns = (width + side - 1) / side;
    for (std::size_t top = 0; top < height; top += side, copied += columns)
        for (std::size_t first = 0, last; first < columns; first = last) {
            // Neighbours at once: rows of one block are short.
            for (last = first; last < columns && copied[last] == copied[first];) ++last;
            if (copied[first] == 0) continue;
            for (std::size_t y = top; y < std::min(top + side, height); ++y)
                for (std::size_t at = y * width + first * side; at < y * width + std::min(last * side, width); ++at)
                    plane[at] = static_cast<std::uint16_t>(prediction[at] << shift);
        }
}

template <class Sample>
void widen_row(const Sample* from, std::size_t count, int shift, std::uint16_t* to) {
    for (std::size_t x = 0; x < count; ++x) to[x] = static_cast<std::uint16_t>(from[x] << shift);
}

}  // namespace

const LoopFilterKernels& loop_filter_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx2) return kLoopFilterAvx2;
#endif
    (void)isa;
    return kLoopFilterScalar;
}

void classify(Isa isa, const FilterPlane& plane, std::uint8_t* classes) {
    const LoopFilterKernels& kernels = loop_filter_kernels(isa);
    constexpr std::size_t kHeld = 4, kBefore = 8, kBehind = 8;
    const std::size_t blocks = blocks_of(plane.width), bands = blocks_of(plane.height), stride = kBefore + blocks + kBehind;
    MarginRows rows(plane);
    std::vector<std::int32_t> buffer(kHeld * kDirections * stride);
    const auto sums_of = [&](std::size_t band, int direction) { return &buffer[(band % kHeld * kDirections + direction) * stride + kBefore]; };
    for (std::size_t ready = 0, band = 0; band < bands; ++band) {
        for (; ready < std::min(band + 2, bands); ++ready) {
            GradientBand gradients;
            gradients.width = plane.width;
            for (int n = 0; n < kFilterBlock; ++n) {
                const auto y = static_cast<std::ptrdiff_t>(std::min(kFilterBlock * ready + n, plane.height - 1));
                gradients.rows[n][1] = rows[y - 1];
                gradients.rows[n][0] = rows[y];
                gradients.rows[n][2] = rows[y + 1];
            }
            for (int d = 0; d < kDirections; ++d) gradients.sums[d] = sums_of(ready, d);
            kernels.gradients(gradients);
            for (std::int32_t* sums : gradients.sums) {
                sums[-1] = sums[0];
                sums[blocks] = sums[blocks - 1];
            }
        }
        ClassBand row;
        row.blocks = blocks;
        row.classes = classes + band * blocks;
        for (int d = 0; d < kDirections; ++d) {
            row.sums[0][d] = sums_of(band == 0 ? 0 : band - 1, d);
            row.sums[1][d] = sums_of(band, d);
            row.sums[2][d] = sums_of(std::min(band + 1, bands - 1), d);
        }
        kernels.classes(row);
    }
}

void apply_filter(Isa isa, const FilterPlane& plane, const FilterKinds& kinds, const std::int8_t* coefficients, int depth, void* out) {
    const auto apply = loop_filter_kernels(isa).apply[depth > 8];
    const int classes = kinds.classes == nullptr ? 1 : kFilterClasses;
    FilterTable tables[kFilterClasses];
    bool filtered[kFilterClasses] = {};
    for (int n = 0; n < classes; ++n) {
        const std::int8_t* own = coefficients + kFilterTaps * n;
        tables[n] = table_of(own, depth);
        filtered[n] = std::any_of(own, own + kFilterTaps, [](std::int8_t coefficient) { return coefficient != 0; });
    }
    MarginRows rows(plane);
    BandKinds of_band(kinds, plane.width, filtered);
    FilterBand band;
    band.tables = tables;
    band.width = plane.width;
    band.depth = depth;
    for (std::size_t y = 0; y < plane.height; y += kFilterBlock) {
        take_rows(rows, y, band.rows);
        band.kinds = of_band[y / kFilterBlock];
        band.out = static_cast<std::uint8_t*>(out) + y * plane.width * (depth > 8 ? 2 : 1);
        band.height = rows_left(plane.height, y);
        apply(band);
    }
}

void filter_statistics(Isa isa, const FilterPlane& plane, const FilterKinds& kinds, const void* target, int depth, std::int64_t* products,
                       std::int64_t* count) {
    const LoopFilterKernels& kernels = loop_filter_kernels(isa);
    const int classes = kinds.classes == nullptr ? 1 : kFilterClasses, shift = kFilterDepth - depth;
    bool filtered[kFilterClasses];
    std::fill(filtered, filtered + kFilterClasses, true);
    const std::size_t stride = rounded_up(plane.width, kLanes);
    MarginRows rows(plane);
    BandKinds of_band(kinds, plane.width, filtered);
    std::vector<std::uint16_t> targets(kFilterBlock * stride);
    std::vector<FilterSums> sums(classes);
    std::fill(count, count + classes, 0);
    StatisticsBand band;
    band.width = plane.width;
    for (std::size_t y = 0; y < plane.height; y += kFilterBlock) {
        take_rows(rows, y, band.rows);
        band.kinds = of_band[y / kFilterBlock];
        band.height = rows_left(plane.height, y);
        for (int n = 0; n < kFilterBlock; ++n) {
            std::uint16_t* row = &targets[n * stride];
            band.target[n] = row;
            if (n >= band.height) continue;
            const std::size_t from = (y + n) * plane.width;
            if (depth == 8) widen_row(static_cast<const std::uint8_t*>(target) + from, plane.width, shift, row);
            else widen_row(static_cast<const std::uint16_t*>(target) + from, plane.width, shift, row);
        }
        kernels.statistics(band, sums.data());
        for (std::size_t block = 0; block < of_band.blocks(); ++block)
            if (band.kinds[block] != kUnfiltered)
                count[band.kinds[block]] += band.height * static_cast<std::int64_t>(std::min<std::size_t>(kFilterBlock, plane.width - kFilterBlock * block));
    }
    for (FilterSums& own : sums) {
        kernels.finish(own);
        products = std::copy(own.products, own.products + kProducts, products);
    }
}

void widen(std::uint16_t* plane, const void* prediction, std::size_t width, std::size_t height, int depth, const std::uint8_t* copied,
           std::size_t side) noexcept {
    // Bound by memory: what the compiler makes of these loops at the baseline is as fast as any.
    const int shift = kFilterDepth - depth;
    if (depth == 8) widen_blocks(plane, static_cast<const std::uint8_t*>(prediction), width, height, shift, copied, side);
    else widen_blocks(plane, static_cast<const std::uint16_t*>(prediction), width, height, shift, copied, side);
}

}  // namespace zvc
