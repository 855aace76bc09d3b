// Blocks row by row on several threads, each after those at its left and above that it looks at.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace zvc {

// A moment, for what another thread is about to finish. Gives the core away if it takes long: there may be more threads than cores.
class Patience {
public:
    void wait() {
        if (++rounds_ > kRounds) return std::this_thread::yield();
#if defined(__x86_64__)
        _mm_pause();
#endif
    }

private:
    static constexpr int kRounds = 64;
    int rounds_ = 0;
};

// step(i, j) once for each of rows x columns, each row from left to right, after (i - 1, j + right) or the end of that row. So everything that comes
// before it in reading order, up to there, is done, and nothing of later rows but columns below j - right. step must not throw.
template <class Step>
void wavefront(int rows, int columns, int right, unsigned threads, const Step& step) {
    const auto done = std::make_unique<std::atomic<int>[]>(rows);  // blocks of each row
    std::atomic<int> next{0};
    // Rows are taken in order: the one above is always done or in work, however many threads there are.
    const auto work = [&] {
        for (int i; (i = next.fetch_add(1, std::memory_order_relaxed)) < rows;)
            for (int j = 0; j < columns; ++j) {
                const int needed = std::min(j + right + 1, columns);
                for (Patience patience; i > 0 && done[i - 1].load(std::memory_order_acquire) < needed;) patience.wait();
                step(i, j);
                done[i].store(j + 1, std::memory_order_release);
            }
    };
    std::vector<std::thread> others;
    try {
        for (unsigned n = 1; n < threads && n < static_cast<unsigned>(rows); ++n) others.emplace_back(work);
    } catch (const std::exception&) {
        // no more threads to be had: those that are there do all
    }
    work();
    for (auto& thread : others) thread.join();
}

}  // namespace zvc
