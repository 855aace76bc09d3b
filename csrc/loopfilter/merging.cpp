#include "loopfilter/merging.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <vector>

namespace zvc {
namespace {

constexpr int kMost = 63, kCountBits = 5;
constexpr double kLeastRidge = 1e-9, kNever = -std::numeric_limits<double>::infinity();

using Filter = std::array<std::int8_t, kFilterTaps>;

struct Group {
    FilterEquations sums;
    Filter filter;
    double saved;
    std::vector<int> classes;
};

FilterEquations sum_of(const FilterEquations& a, const FilterEquations& b) {
    FilterEquations out;
    for (int i = 0; i < kFilterTaps; ++i) {
        for (int j = 0; j < kFilterTaps; ++j) out.products[i][j] = a.products[i][j] + b.products[i][j];
        out.correlations[i] = a.correlations[i] + b.correlations[i];
    }
    out.ridge = a.ridge + b.ridge;
    return out;
}

// x of (products + ridge) x = correlations, by Cholesky's decomposition: the ridge makes it positive definite.
void solve(const FilterEquations& sums, double x[kFilterTaps]) {
    double lower[kFilterTaps][kFilterTaps];
    for (int i = 0; i < kFilterTaps; ++i)
        for (int j = 0; j <= i; ++j) {
            double left = sums.products[i][j] + (i == j ? sums.ridge + kLeastRidge : 0.0);
            for (int k = 0; k < j; ++k) left -= lower[i][k] * lower[j][k];
            lower[i][j] = i == j ? std::sqrt(std::max(left, kLeastRidge)) : left / lower[j][j];
        }
    for (int i = 0; i < kFilterTaps; ++i) {
        double left = sums.correlations[i];
        for (int k = 0; k < i; ++k) left -= lower[i][k] * x[k];
        x[i] = left / lower[i][i];
    }
    for (int i = kFilterTaps - 1; i >= 0; --i) {
        for (int k = i + 1; k < kFilterTaps; ++k) x[i] -= lower[k][i] * x[k];
        x[i] /= lower[i][i];
    }
}

// Of a signed Exp-Golomb code of order 0.
int bits_of(int coefficient) {
    const unsigned code = static_cast<unsigned>(std::abs(coefficient)) + 1;
    return 2 * std::bit_width(code) - 1 + (coefficient != 0);
}

double gain(const Group& a, const Group& b) {
    Filter filter;
    return fit_filter(sum_of(a.sums, b.sums), filter.data()) - a.saved - b.saved;
}

}  // namespace

double fit_filter(const FilterEquations& sums, std::int8_t coefficients[kFilterTaps]) noexcept {
    double x[kFilterTaps], saved = 0.0;
    solve(sums, x);
    for (int i = 0; i < kFilterTaps; ++i) {
        coefficients[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(128.0 * x[i]), -1.0 * kMost, 1.0 * kMost));
        x[i] = coefficients[i] / 128.0;
        saved -= bits_of(coefficients[i]);
    }
    for (int i = 0; i < kFilterTaps; ++i) {
        double along = 0.0;
        for (int j = 0; j < kFilterTaps; ++j) along += sums.products[i][j] * x[j];
        saved += x[i] * (2.0 * sums.correlations[i] - along);
    }
    if (saved > 0.0) return saved;
    std::memset(coefficients, 0, kFilterTaps);
    return 0.0;
}

double merge_filters(const FilterEquations sums[kFilterClasses], std::int8_t* coefficients) {
    std::vector<Group> groups;
    for (int c = 0; c < kFilterClasses; ++c) {
        if (!(sums[c].ridge > 0.0)) continue;
        Group group{sums[c], {}, 0.0, {c}};
        group.saved = fit_filter(group.sums, group.filter.data());
        groups.push_back(std::move(group));
    }
    const std::size_t count = groups.size();
    std::vector<double> gains(count * count, kNever);      // of merging two groups, the first one first
    std::vector<std::size_t> alive;
    for (std::size_t one = 0; one < count; ++one) {
        alive.push_back(one);
        for (std::size_t other = one + 1; other < count; ++other) gains[one * count + other] = gain(groups[one], groups[other]);
    }
    std::memset(coefficients, 0, static_cast<std::size_t>(kFilterClasses) * kFilterTaps);
    double best = 0.0;
    while (!alive.empty()) {
        std::set<Filter> different;
        double total = 0.0;
        for (const std::size_t n : alive) {
            total += groups[n].saved;
            if (groups[n].filter != Filter{}) different.insert(groups[n].filter);
        }
        total -= kCountBits + kFilterClasses * static_cast<int>(std::bit_width(different.size()));
        if (!different.empty() && total > best) {
            best = total;
            std::memset(coefficients, 0, static_cast<std::size_t>(kFilterClasses) * kFilterTaps);
            for (const std::size_t n : alive)
                for (const int c : groups[n].classes) std::memcpy(coefficients + c * kFilterTaps, groups[n].filter.data(), kFilterTaps);
        }
        if (alive.size() == 1) break;
        const auto at = static_cast<std::size_t>(std::max_element(gains.begin(), gains.end()) - gains.begin());
        const std::size_t one = at / count, other = at % count;
        groups[one].sums = sum_of(groups[one].sums, groups[other].sums);
        groups[one].classes.insert(groups[one].classes.end(), groups[other].classes.begin(), groups[other].classes.end());
        groups[one].saved = fit_filter(groups[one].sums, groups[one].filter.data());
        std::erase(alive, other);
        for (std::size_t n = 0; n < count; ++n) gains[other * count + n] = gains[n * count + other] = kNever;
        for (const std::size_t n : alive)
            if (n != one) gains[std::min(one, n) * count + std::max(one, n)] = gain(groups[one], groups[n]);
    }
    return best;
}

}  // namespace zvc
