// Luma planes as the motion search sees them: 8 bits, extended, the reference at all quarter-pel phases, at 1/2, 1/4 and 1/16 size.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/isa.h"
#include "motion/field.h"

namespace zvc {

// A luma plane of a source picture; rows are `stride` bytes apart.
struct LumaPlane {
    const std::uint8_t* data;
    std::ptrdiff_t stride;
    int width, height, depth;
};

// Samples behind the last row that kernels may load, and not use.
constexpr std::size_t kPlaneSlack = 16;

// 8-bit samples with a border of repeated edges; `width` and `height` are multiples of 32, or 1/2, 1/4 or 1/16 of that.
class SearchPlane {
public:
    SearchPlane(int width, int height, int border);
    // Samples of depth 10 and 12 lose their low bits: the search does not need them.
    SearchPlane(const LumaPlane& source, int border);
    SearchPlane(SearchPlane&&) = default;  // a copy's origin would be the first one's

    // Means of factor x factor samples: 2 or 4.
    SearchPlane smaller(int factor, int border) const;

    const std::uint8_t* at(int x, int y) const { return origin_ + y * stride_ + x; }
    std::uint8_t* at(int x, int y) { return origin_ + y * stride_ + x; }
    std::ptrdiff_t stride() const { return stride_; }
    int width() const { return width_; }
    int height() const { return height_; }
    int border() const { return border_; }

private:
    void extend(int inner_width, int inner_height);

    int width_, height_, border_;
    std::ptrdiff_t stride_;
    std::unique_ptr<std::uint8_t[]> samples_;   // not initialised
    std::uint8_t* origin_;
};

// The reference moved by every quarter pixel with the compensation's own filter. Tiles are filtered when asked for, by whichever thread asks first.
class ReferencePhases {
public:
    static constexpr int kBorder = 80;   // samples around the picture
    static constexpr int kRoom = 72;     // of it, that blocks may touch; filters read more

    ReferencePhases(const LumaPlane& source, Isa isa, bool sharp);

    const SearchPlane& whole() const { return whole_; }
    std::ptrdiff_t stride() const { return whole_.stride(); }

    // Prediction of the size x size block at (x, y) by v, which reaches() allows.
    const std::uint8_t* at(int x, int y, int size, Vector v);

    // Whether the block's prediction lies inside of the border.
    bool reaches(int x, int y, int size, Vector v) const {
        const int left = x + (v.x >> 2), top = y + (v.y >> 2);
        return left >= -kRoom && top >= -kRoom && left + size <= whole_.width() + kRoom &&
               top + size <= whole_.height() + kRoom;
    }

private:
    static constexpr int kRows = 32, kColumns = 128;  // of a tile; the first ones begin where blocks may

    enum class Tile : std::uint8_t { kMissing, kTaken, kDone };

    void fetch(int phase, int row, int column);
    void filter(int phase, int row, int column);

    Isa isa_;
    bool sharp_;
    SearchPlane whole_;
    int tile_rows_, tile_columns_;
    std::vector<std::atomic<Tile>> tiles_;       // of phases 1..15
    std::size_t plane_;
    std::unique_ptr<std::uint8_t[]> phases_;     // 15 planes laid out as whole_; not initialised
};

// A reference that any number of searches may share, at the same time too. Takes up to 17 times the memory of its picture.
class SearchReference {
public:
    static constexpr int kHalfBorder = 48, kQuarterBorder = 24, kSixteenthBorder = 24;

    SearchReference(const LumaPlane& source, Isa isa, bool sharp)
        : phases(source, isa, sharp), half(phases.whole().smaller(2, kHalfBorder)), quarter(phases.whole().smaller(4, kQuarterBorder)),
          sixteenth(quarter.smaller(4, kSixteenthBorder)) {}

    ReferencePhases phases;
    const SearchPlane half, quarter, sixteenth;
};

}  // namespace zvc
