// Which columns of blocks of a step are computed, where some 4x4 blocks have no symbols.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace zvc {

struct Run {
    std::size_t first, last;  // columns first .. last - 1
};

class WantedColumns {
public:
    // left_out: (rows / 4, columns / 4), or null: every column of every row is wanted.
    WantedColumns(const std::uint8_t* left_out, std::size_t rows, std::size_t columns)
        : left_out_(left_out), rows_(rows), columns_(columns) {}

    std::vector<Run> of_row(std::size_t i) const { return runs(i / 4, i / 4, 0); }

    // Those within one block of a wanted one in this row, or the one above or below.
    std::vector<Run> around_row(std::size_t i) const { return runs(i > 0 ? (i - 1) / 4 : 0, std::min(i + 1, rows_ - 1) / 4, 1); }

private:
    // What bands first .. last of four rows want, and `beside` columns on either side.
    std::vector<Run> runs(std::size_t first, std::size_t last, std::size_t beside) const {
        if (left_out_ == nullptr) return {{0, columns_}};
        std::vector<Run> all;
        for (std::size_t j = 0; j < columns_; j += 4) {
            bool wanted = false;
            for (std::size_t band = first; band <= last; ++band) wanted |= !left_out_[band * (columns_ / 4) + j / 4];
            if (!wanted) continue;
            const Run run{j - std::min(j, beside), std::min(j + 4 + beside, columns_)};
            if (!all.empty() && all.back().last >= run.first) {
                all.back().last = run.last;
            } else {
                all.push_back(run);
            }
        }
        return all;
    }

    const std::uint8_t* left_out_;
    std::size_t rows_, columns_;
};

}  // namespace zvc
