#include "motion/search.h"

#include <algorithm>

#include "motion/rate.h"
#include "motion/sad.h"
#include "motion/satd.h"
#include "motion/wavefront.h"

namespace zvc {
namespace {

// Costs J = 256 SAD (or SATD, which is bounded alike) + lambda * bits, lambda and bits in 1/16: below 256 * 261120 + 2^12 * 16 * 2^9 < 2^32.
using Cost = std::uint32_t;
constexpr Cost kNoCost = 0xFFFFFFFF;

struct Effort {
    int window, stride;        // of the coarse level, in its samples: +-window, every stride-th
    int whole_steps[kLevels];  // rounds at whole pixels
    int fine_rounds;           // at halves and at quarters
    bool corners;              // fine rounds look at eight places, not four
    int passes;                // the second one around what the first one found, of later blocks too
    std::uint32_t worth[2];    // in 1/16 bit: 32x32 and 16x16 blocks that cost no more are not split
};
constexpr Effort kEfforts[] = {
    {8, 2, {6, 2, 1}, 1, false, 1, {4096, 1024}}, {24, 2, {24, 12, 8}, 4, true, 1, {}}, {24, 1, {32, 16, 16}, 8, true, 2, {}}};

constexpr int kCoarseBorder = SearchReference::kQuarterBorder;
static_assert(std::ranges::all_of(kEfforts, [](const Effort& effort) { return effort.window <= kCoarseBorder; }));
constexpr int kWindowColumns = (2 * kCoarseBorder + 1 + 7) & ~7;  // of the largest window, for SadKernels::row

struct Found {
    Vector vector;
    Cost cost = kNoCost;
};

constexpr Vector kDiamond[] = {{0, -1}, {-1, 0}, {1, 0}, {0, 1}};
constexpr Vector kSquare[] = {{0, -1}, {-1, 0}, {1, 0}, {0, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};

// Vectors of 64x64 areas at 1/16 size, in samples there, each by the 128x128 around it: what moves as a whole, nearly as far as a vector reaches.
class FarSearch {
public:
    FarSearch(const SadKernels& sads, const SearchPlane& quarter, const SearchJob& job)
        : sads_(sads), current_(quarter.smaller(4, kSize)), reference_(job.reference->sixteenth), job_(job), columns_((current_.width() + 3) / 4),
          vectors_(static_cast<std::size_t>(columns_) * ((current_.height() + 3) / 4)) {
        wavefront((current_.height() + 3) / 4, columns_, 0, job.threads, [this](int i, int j) { vectors_[i * columns_ + j] = search(i, j); });
    }

    // Of the area that a 32x32 block is in, in samples of 1/4 size.
    Vector at(int i, int j) const {
        const Vector v = vectors_[i / 2 * columns_ + j / 2];
        return {static_cast<std::int16_t>(v.x * 4), static_cast<std::int16_t>(v.y * 4)};
    }

private:
    Vector search(int i, int j) const {
        const int x = 4 * j - 2, y = 4 * i - 2;
        const std::uint8_t* block = current_.at(x, y);
        // A sample here stands for 256.
        const auto cost = [&](int dx, int dy, Cost sad) {
            return 256 * 256 * sad + static_cast<Cost>(job_.lambda) * 16 * 2 * std::bit_width(static_cast<unsigned>(std::abs(dx) + std::abs(dy)));
        };
        Found best{{}, cost(0, 0, sads_.sad[2](block, current_.stride(), reference_.at(x, y), reference_.stride()))};
        const int left = std::max(-kFarthest, -kBeyond - x), right = std::min(kFarthest, reference_.width() + kBeyond - kSize - x);
        const int top = std::max(-kFarthest, -kBeyond - y), bottom = std::min(kFarthest, reference_.height() + kBeyond - kSize - y);
        std::uint16_t sums[kColumns];
        for (int dy = top; dy <= bottom; ++dy) {
            sads_.row(block, current_.stride(), reference_.at(x + left, y + dy), reference_.stride(), (right - left + 8) & ~7, 1, sums);
            for (int dx = left; dx <= right; ++dx)
                if (const Cost c = cost(dx, dy, sums[dx - left]); c < best.cost) best = {{static_cast<std::int16_t>(dx), static_cast<std::int16_t>(dy)}, c};
        }
        return best.vector;
    }

    static constexpr int kSize = 8, kFarthest = kLargestVector / 64, kColumns = (2 * kFarthest + 8) & ~7;
    static constexpr int kBeyond = SearchReference::kQuarterBorder / 4;  // samples outside of the picture that blocks may touch
    // Rows of the kernel are read up to 7 columns beyond the last whole 8 of them, and blocks begin 2 outside of the picture.
    static_assert(kBeyond + kSize + 8 + 2 <= SearchReference::kSixteenthBorder);

    const SadKernels& sads_;
    const SearchPlane current_;
    const SearchPlane& reference_;
    const SearchJob& job_;
    int columns_;
    std::vector<Vector> vectors_;
};

// Vectors of 32x32 blocks at 1/4 size, in samples there.
class CoarseSearch {
public:
    CoarseSearch(const SadKernels& sads, const SearchPlane& current, const SearchJob& job)
        : sads_(sads), current_(current.smaller(4, 0)), reference_(job.reference->quarter), job_(job),
          effort_(kEfforts[job.effort]), far_(sads, current_, job), columns_(current.width() / 32),
          vectors_(static_cast<std::size_t>(columns_) * (current.height() / 32)) {
        wavefront(current.height() / 32, columns_, 1, job.threads, [this](int i, int j) { vectors_[i * columns_ + j] = search(i, j); });
    }

    // In quarter pixels.
    Vector at(int i, int j) const {
        const Vector v = vectors_[i * columns_ + j];
        return {static_cast<std::int16_t>(v.x * 16), static_cast<std::int16_t>(v.y * 16)};
    }

private:
    Vector search(int i, int j) const {
        const int x = 8 * j, y = 8 * i;
        Found best;
        const auto improve = [&](int dx, int dy, Cost sad) {
            // A sample here stands for 16; long vectors cost a few bits more, which keeps flat areas still.
            const auto steps = static_cast<unsigned>(std::abs(dx) + std::abs(dy));
            const Cost cost = 256 * 16 * sad + static_cast<Cost>(job_.lambda) * 16 * 2 * std::bit_width(steps);
            if (cost >= best.cost) return false;
            best = {{static_cast<std::int16_t>(dx), static_cast<std::int16_t>(dy)}, cost};
            return true;
        };
        const auto consider = [&](int dx, int dy) {
            if (x + dx < -kCoarseBorder || y + dy < -kCoarseBorder || x + dx + 8 > reference_.width() + kCoarseBorder ||
                y + dy + 8 > reference_.height() + kCoarseBorder || std::max(std::abs(dx), std::abs(dy)) > kFarthest)
                return false;
            return improve(dx, dy, sads_.sad[2](current_.at(x, y), current_.stride(), reference_.at(x + dx, y + dy), reference_.stride()));
        };
        consider(0, 0);
        for (const Vector* field : {job_.previous, job_.candidates}) {
            if (!field) continue;
            const Vector v = field[(4 * i + 2) * 4 * columns_ + 4 * j + 2];
            consider((v.x + 8) >> 4, (v.y + 8) >> 4);
        }
        if (j > 0) consider(vectors_[i * columns_ + j - 1].x, vectors_[i * columns_ + j - 1].y);
        if (i > 0) consider(vectors_[(i - 1) * columns_ + j].x, vectors_[(i - 1) * columns_ + j].y);
        if (i > 0 && j + 1 < columns_)
            consider(vectors_[(i - 1) * columns_ + j + 1].x, vectors_[(i - 1) * columns_ + j + 1].y);
        // All of the window is within the border, whatever the block.
        const int window = effort_.window, columns = (2 * window + 1 + 7) & ~7;
        std::uint16_t sums[kWindowColumns];
        for (int dy = -window; dy <= window; dy += effort_.stride) {
            sads_.row(current_.at(x, y), current_.stride(), reference_.at(x - window, y + dy), reference_.stride(), columns, effort_.stride, sums);
            for (int dx = -window; dx <= window; dx += effort_.stride) improve(dx, dy, sums[dx + window]);
        }
        if (const Vector far = far_.at(i, j); std::max(std::abs(far.x), std::abs(far.y)) > window) {
            for (int dy = -kAround; dy <= kAround; ++dy)
                for (int dx = -kAround; dx <= kAround; ++dx) consider(far.x + dx, far.y + dy);
        }
        for (bool moved = true; moved;) {
            const Vector centre = best.vector;
            moved = false;
            for (const Vector d : kSquare) moved |= consider(centre.x + d.x, centre.y + d.y);
        }
        return best.vector;
    }

    static constexpr int kFarthest = kLargestVector / 16;
    static constexpr int kAround = 2;  // of a vector found at 1/16 size, whose samples are four of those here

    const SadKernels& sads_;
    const SearchPlane current_;
    const SearchPlane& reference_;
    const SearchJob& job_;
    Effort effort_;
    FarSearch far_;
    int columns_;
    std::vector<Vector> vectors_;
};

// Vectors of 16x16 blocks at 1/2 size, in samples there: what moves on its own within a 32x32, too far for the steps at full size.
class MiddleSearch {
public:
    MiddleSearch(const SadKernels& sads, const SearchPlane& current, const SearchJob& job, const CoarseSearch& coarse)
        : sads_(sads), current_(current.smaller(2, 0)), reference_(job.reference->half), job_(job), coarse_(coarse),
          rows_(current.height() / 16), columns_(current.width() / 16), vectors_(static_cast<std::size_t>(columns_) * rows_) {
        wavefront(rows_, columns_, 0, job.threads, [this](int i, int j) { vectors_[i * columns_ + j] = search(i, j); });
    }

    // In quarter pixels.
    Vector at(int i, int j) const {
        const Vector v = vectors_[i * columns_ + j];
        return {static_cast<std::int16_t>(v.x * 8), static_cast<std::int16_t>(v.y * 8)};
    }

private:
    Vector search(int i, int j) const {
        const int x = 8 * j, y = 8 * i;
        Found best;
        const auto reaches = [&](int dx, int dy) {
            return x + dx >= -kBorder && y + dy >= -kBorder && x + dx + 8 <= reference_.width() + kBorder &&
                   y + dy + 8 <= reference_.height() + kBorder && std::max(std::abs(dx), std::abs(dy)) <= kFarthest;
        };
        const auto improve = [&](int dx, int dy, Cost sad) {
            const auto steps = static_cast<unsigned>(std::abs(dx) + std::abs(dy));
            const Cost cost = 256 * 4 * sad + static_cast<Cost>(job_.lambda) * 16 * 2 * std::bit_width(steps);
            if (cost >= best.cost) return false;
            best = {{static_cast<std::int16_t>(dx), static_cast<std::int16_t>(dy)}, cost};
            return true;
        };
        const auto consider = [&](int dx, int dy) {
            return reaches(dx, dy) && improve(dx, dy, sads_.sad[2](current_.at(x, y), current_.stride(), reference_.at(x + dx, y + dy), reference_.stride()));
        };
        const auto rough = [&](int m, int n) {
            if (m < 0 || n < 0 || m >= rows_ / 2 || n >= columns_ / 2) return;
            const Vector v = coarse_.at(m, n);
            consider(v.x / 8, v.y / 8);
        };
        const int m = i / 2, n = j / 2;
        rough(m, n);
        rough(m, n + ((j & 1) ? 1 : -1));
        rough(m + ((i & 1) ? 1 : -1), n);
        if (j > 0) consider(vectors_[i * columns_ + j - 1].x, vectors_[i * columns_ + j - 1].y);
        if (i > 0) consider(vectors_[(i - 1) * columns_ + j].x, vectors_[(i - 1) * columns_ + j].y);
        for (const Vector* field : {job_.previous, job_.candidates}) {
            if (!field) continue;
            const Vector v = field[(2 * i + 1) * 2 * columns_ + 2 * j + 1];
            consider((v.x + 4) >> 3, (v.y + 4) >> 3);
        }
        // A row of the window reaches beyond the border at most by what kBorder leaves of it.
        const Vector around = best.vector;
        std::uint16_t sums[kWindow];
        for (int dy = around.y - kWindow / 2; dy < around.y + kWindow / 2; ++dy) {
            if (!reaches(around.x, dy)) continue;
            sads_.row(current_.at(x, y), current_.stride(), reference_.at(x + around.x - kWindow / 2, y + dy), reference_.stride(), kWindow, 1, sums);
            for (int n = 0; n < kWindow; ++n)
                if (reaches(around.x - kWindow / 2 + n, dy)) improve(around.x - kWindow / 2 + n, dy, sums[n]);
        }
        for (bool moved = true; moved;) {
            const Vector centre = best.vector;
            moved = false;
            for (const Vector d : kSquare) moved |= consider(centre.x + d.x, centre.y + d.y);
        }
        return best.vector;
    }

    static constexpr int kBorder = 32, kWindow = 8;
    static_assert(kBorder + 2 * kWindow <= SearchReference::kHalfBorder);
    static constexpr int kFarthest = kLargestVector / 8;

    const SadKernels& sads_;
    const SearchPlane current_;
    const SearchPlane& reference_;
    const SearchJob& job_;
    const CoarseSearch& coarse_;
    int rows_, columns_;
    std::vector<Vector> vectors_;
};

// Which vectors a block has tried: neighbours' candidates agree, and the steps of a search come back to where they were. One that another has
// overwritten is tried again, which changes nothing.
class Tried {
public:
    bool before(Vector v) {
        const auto key = static_cast<std::uint32_t>(static_cast<std::uint16_t>(v.x)) << 16 | static_cast<std::uint16_t>(v.y);
        std::uint32_t& place = places_[(static_cast<unsigned>(v.y) * 8 + static_cast<unsigned>(v.x)) % kPlaces];
        if (place == key) return true;
        place = key;
        return false;
    }

private:
    static constexpr unsigned kPlaces = 64;
    static constexpr std::uint32_t kNone = 0x80008000;  // no vector: beyond kLargestVector

    std::array<std::uint32_t, kPlaces> places_ = [] {
        std::array<std::uint32_t, kPlaces> none;
        none.fill(kNone);
        return none;
    }();
};

class MotionSearch {
public:
    MotionSearch(Isa isa, const SearchJob& job)
        : job_(job), effort_(kEfforts[job.effort]), sads_(sad_kernels(isa)), satds_(satd_kernels(isa)), current_(job.current, 0),
          reference_(job.reference->phases), coarse_(sads_, current_, job), middle_(sads_, current_, job, coarse_),
          h_(current_.height() / 8), w_(current_.width() / 8), grid_(h_, w_) {}

    void run() {
        search_all();
        for (int pass = 1; pass < effort_.passes; ++pass) {
            found_.assign(job_.vectors, job_.vectors + static_cast<std::size_t>(h_) * w_);
            grid_ = BlockGrid(h_, w_);
            search_all();
        }
    }

private:
    void search_all() {
        // Of the rows of trees above, blocks see the one above at the right at most; of those below, one at the left, which is not known yet.
        wavefront(h_ / 4, w_ / 4, 1, job_.threads, [this](int i, int j) { job_.splits[i * (w_ / 4) + j] = search_tree(4 * i, 4 * j); });
        for (int i = 0; i < h_; ++i)
            for (int j = 0; j < w_; ++j) job_.vectors[i * w_ + j] = grid_.at(i, j).vector;
    }

    Cost rate(std::uint32_t bits) const { return static_cast<Cost>(job_.lambda) * bits; }

    // A block's search: starts from vectors that others found, moves by whole pixels, then, measuring transformed differences, by less.
    class Block {
    public:
        Block(MotionSearch& all, int i, int j, int level)
            : all_(all), i_(i), j_(j), level_(level), size_(32 >> level), measure_(all.sads_.sad[level]),
              rate_(all.grid_, all.job_.previous, all.w_, i, j, level) {
            consider_cheap();
            const int half = kBlocksOf[level] / 2, centre = (i + half) * all.w_ + j + half;
            if (all.job_.candidates) consider(all.job_.candidates[centre]);
            if (!all.found_.empty()) consider_found(centre);
        }

        const Found& best() const { return best_; }

        // Whether v is the best so far.
        bool consider(Vector v) {
            if (tried_.before(v) || !all_.reference_.reaches(8 * j_, 8 * i_, size_, v) ||
                std::max(std::abs(v.x), std::abs(v.y)) > kLargestVector)
                return false;
            const Cost bits = all_.rate(rate_.bits(v));
            if (bits >= best_.cost) return false;
            const Cost cost = bits + 256 * measure_(all_.current_.at(8 * j_, 8 * i_), all_.current_.stride(), all_.reference_.at(8 * j_, 8 * i_, size_, v),
                                                    all_.reference_.stride());
            if (cost >= best_.cost) return false;
            best_ = {v, cost};
            return true;
        }

        void refine() {
            for (int n = 0; n < all_.effort_.whole_steps[level_] && step(kDiamond, 4); ++n) {}
            measure_anew();
            for (const int length : {2, 1})
                for (int n = 0; n < all_.effort_.fine_rounds && (all_.effort_.corners ? step(kSquare, length) : step(kDiamond, length)); ++n) {}
        }

        // The block is to have the best vector found.
        void commit() const {
            BlockState state;
            state.vector = best_.vector;
            state.level = static_cast<std::uint8_t>(level_);
            state.merged = rate_.candidates().find(best_.vector) >= 0;
            state.known = true;
            all_.grid_.put(i_, j_, state);
        }

    private:
        // Vectors that cost few bits.
        void consider_cheap() {
            for (int n = 0; n < rate_.candidates().count; ++n) consider(rate_.candidates().vector[n]);
            consider(rate_.predicted());
            consider({});  // always within reach: every block has a vector
        }

        // From here on transformed differences count.
        void measure_anew() {
            const Vector found = best_.vector;
            measure_ = all_.satds_.satd[level_];
            best_ = {};
            tried_ = {};
            consider(found);
            consider_cheap();
        }

        // The first pass's vectors here, at the right and below.
        void consider_found(int centre) {
            const int size = kBlocksOf[level_];
            consider(all_.found_[centre]);
            if (j_ + size < all_.w_) consider(all_.found_[centre + size]);
            if (i_ + size < all_.h_) consider(all_.found_[centre + size * all_.w_]);
        }

        template <std::size_t N>
        bool step(const Vector (&pattern)[N], int length) {
            const Vector centre = best_.vector;
            bool moved = false;
            for (const Vector d : pattern)
                moved |= consider({static_cast<std::int16_t>(centre.x + d.x * length),
                                   static_cast<std::int16_t>(centre.y + d.y * length)});
            return moved;
        }

        MotionSearch& all_;
        int i_, j_, level_, size_;
        Sad measure_;
        VectorRate rate_;
        Tried tried_;
        Found best_;
    };

    // Four blocks of the level below cost at least that of being merged, whatever they predict.
    bool worth_splitting(int level, Cost cost) const {
        return cost > rate(std::max(effort_.worth[level], 4 * (merge_bits(0) + kSplitBits[level + 1])));
    }

    std::uint8_t search_tree(int i, int j) {
        Block whole(*this, i, j, 0);
        whole.consider(coarse_.at(i / 4, j / 4));
        whole.refine();
        if (!worth_splitting(0, whole.best().cost)) {
            whole.commit();
            return 0;
        }
        Cost cost = 0;
        std::uint8_t split = kSplit;
        for (int quadrant = 0; quadrant < 4; ++quadrant) {
            bool eights = false;
            cost += search_quadrant(i + 2 * (quadrant >> 1), j + 2 * (quadrant & 1), whole.best().vector, eights);
            split |= static_cast<std::uint8_t>(eights << quadrant);
        }
        if (cost < whole.best().cost) return split;
        whole.commit();
        return 0;
    }

    // Vectors of this 16x16 and of those at its right and below, which are not searched at full size yet.
    void consider_middle(Block& block, int m, int n) const {
        block.consider(middle_.at(m, n));
        if (2 * (n + 1) < w_) block.consider(middle_.at(m, n + 1));
        if (2 * (m + 1) < h_) block.consider(middle_.at(m + 1, n));
    }

    Cost search_quadrant(int i, int j, Vector parent, bool& eights) {
        Block whole(*this, i, j, 1);
        whole.consider(parent);
        consider_middle(whole, i / 2, j / 2);
        whole.refine();
        const Cost cost = whole.best().cost + rate(kSplitBits[1]);
        eights = false;
        if (worth_splitting(1, whole.best().cost)) {
            Cost four = rate(kSplitBits[1]);
            for (int quarter = 0; quarter < 4; ++quarter) {
                Block block(*this, i + (quarter >> 1), j + (quarter & 1), 2);
                block.consider(whole.best().vector);
                block.consider(parent);
                consider_middle(block, i / 2, j / 2);
                block.refine();
                block.commit();
                four += block.best().cost;
            }
            eights = four < cost;
            if (eights) return four;
        }
        whole.commit();
        return cost;
    }

    const SearchJob& job_;
    Effort effort_;
    const SadKernels& sads_;
    const SatdKernels& satds_;
    SearchPlane current_;
    ReferencePhases& reference_;
    CoarseSearch coarse_;
    MiddleSearch middle_;
    int h_, w_;
    BlockGrid grid_;
    std::vector<Vector> found_;  // by the pass before
};

}  // namespace

void search_motion(Isa isa, const SearchJob& job) { MotionSearch(isa, job).run(); }

}  // namespace zvc
