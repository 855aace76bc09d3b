#include "motion/reference.h"

#include <algorithm>
#include <cstring>

#include "motion/filter.h"
#include "motion/wavefront.h"
#include "warp/warp.h"

namespace zvc {
namespace {

constexpr int padded(int size) { return (size + 31) & ~31; }

template <class Sample>
void narrow_row(const Sample* row, int width, int shift, std::uint8_t* out) {
    for (int x = 0; x < width; ++x) out[x] = static_cast<std::uint8_t>(row[x] >> shift);
}

// Sums of columns first: that is what a compiler makes vectors of.
template <int factor>
void mean_row(const std::uint8_t* rows, std::ptrdiff_t stride, int width, std::uint8_t* out) {
    constexpr int kChunk = 128, kShift = factor == 2 ? 2 : 4;
    std::uint16_t sums[kChunk * factor];
    for (int start = 0; start < width; start += kChunk) {
        const int count = std::min(kChunk, width - start);
        const std::uint8_t* first = rows + factor * start;
        for (int x = 0; x < factor * count; ++x) {
            int sum = 0;
            for (int m = 0; m < factor; ++m) sum += first[m * stride + x];
            sums[x] = static_cast<std::uint16_t>(sum);
        }
        for (int x = 0; x < count; ++x) {
            int sum = 1 << (kShift - 1);
            for (int n = 0; n < factor; ++n) sum += sums[factor * x + n];
            out[start + x] = static_cast<std::uint8_t>(sum >> kShift);
        }
    }
}

}  // namespace

SearchPlane::SearchPlane(int width, int height, int border)
    : width_(width), height_(height), border_(border), stride_(width + 2 * border),
      samples_(new std::uint8_t[static_cast<std::size_t>(stride_) * (height + 2 * border) + kPlaneSlack]),
      origin_(samples_.get() + border * stride_ + border) {}

SearchPlane::SearchPlane(const LumaPlane& source, int border)
    : SearchPlane(padded(source.width), padded(source.height), border) {
    for (int y = 0; y < source.height; ++y) {
        const std::uint8_t* row = source.data + y * source.stride;
        if (source.depth == 8) {
            std::memcpy(at(0, y), row, source.width);
        } else {
            // The caller has seen to it that rows are aligned.
            narrow_row(reinterpret_cast<const std::uint16_t*>(row), source.width, source.depth - 8, at(0, y));
        }
    }
    extend(source.width, source.height);
}

SearchPlane SearchPlane::smaller(int factor, int border) const {
    SearchPlane small(width_ / factor, height_ / factor, border);
    for (int y = 0; y < small.height_; ++y) {
        const std::uint8_t* rows = at(0, factor * y);
        if (factor == 2)
            mean_row<2>(rows, stride_, small.width_, small.at(0, y));
        else
            mean_row<4>(rows, stride_, small.width_, small.at(0, y));
    }
    small.extend(small.width_, small.height_);
    return small;
}

void SearchPlane::extend(int inner_width, int inner_height) {
    for (int y = 0; y < inner_height; ++y) {
        std::uint8_t* row = at(0, y);
        std::fill(row - border_, row, row[0]);
        std::fill(row + inner_width, row + width_ + border_, row[inner_width - 1]);
    }
    const auto copy_row = [&](int from, int to) { std::memcpy(at(-border_, to), at(-border_, from), stride_); };
    for (int y = -border_; y < 0; ++y) copy_row(0, y);
    for (int y = inner_height; y < height_ + border_; ++y) copy_row(inner_height - 1, y);
}

ReferencePhases::ReferencePhases(const LumaPlane& source, Isa isa, bool sharp)
    : isa_(isa), sharp_(sharp), whole_(source, kBorder), tile_rows_((whole_.height() + 2 * kRoom) / kRows + 1),
      tile_columns_((whole_.width() + 2 * kRoom) / kColumns + 1),
      tiles_(15 * static_cast<std::size_t>(tile_rows_) * tile_columns_),
      plane_(static_cast<std::size_t>(whole_.stride()) * (whole_.height() + 2 * kBorder)) {
    phases_.reset(new std::uint8_t[15 * plane_]);
}

const std::uint8_t* ReferencePhases::at(int x, int y, int size, Vector v) {
    const int left = x + (v.x >> 2), top = y + (v.y >> 2), phase = (v.y & 3) * 4 + (v.x & 3);
    if (phase == 0) return whole_.at(left, top);
    const std::atomic<Tile>* tiles = &tiles_[static_cast<std::size_t>(phase - 1) * tile_rows_ * tile_columns_];
    const int last_row = (top + size - 1 + kRoom) / kRows, last_column = (left + size - 1 + kRoom) / kColumns;
    for (int row = (top + kRoom) / kRows; row <= last_row; ++row)
        for (int column = (left + kRoom) / kColumns; column <= last_column; ++column)
            if (tiles[row * tile_columns_ + column].load(std::memory_order_acquire) != Tile::kDone) fetch(phase, row, column);
    return phases_.get() + (phase - 1) * plane_ + (top + kBorder) * stride() + left + kBorder;
}

void ReferencePhases::fetch(int phase, int row, int column) {
    std::atomic<Tile>& tile = tiles_[(static_cast<std::size_t>(phase - 1) * tile_rows_ + row) * tile_columns_ + column];
    Tile state = Tile::kMissing;
    if (tile.compare_exchange_strong(state, Tile::kTaken, std::memory_order_relaxed)) {
        filter(phase, row, column);
        tile.store(Tile::kDone, std::memory_order_release);
        return;
    }
    for (Patience patience; tile.load(std::memory_order_acquire) != Tile::kDone;) patience.wait();
}

void ReferencePhases::filter(int phase, int row, int column) {
    // Widths are multiples of 8, so that no kernel leaves the border.
    const int left = column * kColumns - kRoom, top = row * kRows - kRoom;
    const int width = std::min(kColumns, whole_.width() + kRoom - left), height = std::min(kRows, whole_.height() + kRoom - top);
    const std::size_t offset = static_cast<std::size_t>(top + kBorder) * stride() + left + kBorder;
    const int x = phase & 3, y = phase >> 2;
    filter_area(isa_, whole_.at(left, top), stride(), phases_.get() + (phase - 1) * plane_ + offset, stride(), width, height,
                {sharp_, sharp_ ? kSharp.weight[x] : kBicubic.weight[2 * x], sharp_ ? kSharp.weight[y] : kBicubic.weight[2 * y]});
}

}  // namespace zvc
