#include "motion/reference.h"

#include <algorithm>
#include <cstring>

#include "warp/warp.h"

namespace zvc {
namespace {

constexpr int padded(int size) { return (size + 31) & ~31; }

template <class Sample>
void narrow_row(const Sample* row, int width, int shift, std::uint8_t* out) {
    for (int x = 0; x < width; ++x) out[x] = static_cast<std::uint8_t>(row[x] >> shift);
}

}  // namespace

SearchPlane::SearchPlane(int width, int height, int border)
    : width_(width), height_(height), border_(border), stride_(width + 2 * border),
      samples_(static_cast<std::size_t>(stride_) * (height + 2 * border) + kPlaneSlack),
      origin_(samples_.data() + border * stride_ + border) {}

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
    const int shift = factor == 2 ? 2 : 4, half = 1 << (shift - 1);
    for (int y = 0; y < small.height_; ++y) {
        const std::uint8_t* rows = at(0, factor * y);
        std::uint8_t* out = small.at(0, y);
        for (int x = 0; x < small.width_; ++x) {
            int sum = half;
            for (int m = 0; m < factor; ++m)
                for (int n = 0; n < factor; ++n) sum += rows[m * stride_ + factor * x + n];
            out[x] = static_cast<std::uint8_t>(sum >> shift);
        }
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

ReferencePhases::ReferencePhases(const LumaPlane& source, Isa isa)
    : isa_(isa), whole_(source, kBorder), bands_((whole_.height() + 2 * kBorder) / kBand + 1),
      filtered_(15 * static_cast<std::size_t>(bands_)),
      plane_(static_cast<std::size_t>(whole_.stride()) * (whole_.height() + 2 * kBorder)) {
    phases_.reset(new std::uint8_t[15 * plane_]);
}

const std::uint8_t* ReferencePhases::at(int x, int y, int size, Vector v) {
    const int left = x + (v.x >> 2), top = y + (v.y >> 2), phase = (v.y & 3) * 4 + (v.x & 3);
    if (phase == 0) return whole_.at(left, top);
    const int first = (top + kBorder) / kBand, last = (top + size - 1 + kBorder) / kBand;
    for (int band = first; band <= last; ++band)
        if (!filtered_[(phase - 1) * bands_ + band]) filter(phase, band);
    return phases_.get() + (phase - 1) * plane_ + (top + kBorder) * stride() + left + kBorder;
}

void ReferencePhases::filter(int phase, int band) {
    // Columns and rows that blocks can touch; a multiple of 8 columns, so that no kernel leaves the border.
    constexpr int room = kBorder - kMargin;
    const int top = std::max(band * kBand - kBorder, -room);
    const int bottom = std::min(band * kBand - kBorder + kBand, whole_.height() + room);
    const std::size_t offset = static_cast<std::size_t>(top + kBorder) * stride() + kBorder - room;
    if (top < bottom)
        warp_kernels(isa_).block8(whole_.at(-room, top), stride(), phases_.get() + (phase - 1) * plane_ + offset,
                                  stride(), whole_.width() + 2 * room, bottom - top,
                                  kBicubic.weight[(phase & 3) * 2], kBicubic.weight[(phase >> 2) * 2]);
    filtered_[(phase - 1) * bands_ + band] = 1;
}

}  // namespace zvc
