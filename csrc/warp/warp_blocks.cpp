// Splits a picture among threads and a row of blocks into runs of one vector.
#include <algorithm>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include "warp/block_overlap.h"
#include "warp/block_warper.h"

namespace zvc {
namespace {

template <class Sample>
void warp_plane(const WarpKernels& kernels, const WarpJob& job, int plane, const BlockVector* vectors, int columns,
                int first_row, int last, const BlockEdges* edges) {
    BlockWarper<Sample> warper(kernels, job, plane);
    const int block = warper.block(), width = job.width[plane], height = job.height[plane], blocks = (width + block - 1) / block;
    if (edges) return BlockOverlap<Sample>(kernels, warper, *edges).run(first_row, last);
    for (int i = first_row; i < last; ++i) {
        const BlockVector* row = vectors + static_cast<std::ptrdiff_t>(i) * columns;
        const int h = std::min(block, height - i * block);
        for (int j = 0; j < blocks;) {
            int next = j + 1;
            while (next < blocks && next - j < kRun / block && row[next] == row[j]) ++next;
            warper.warp(j * block, i * block, std::min(next * block, width) - j * block, h, row[j]);
            j = next;
        }
    }
}

// Runs part(first, last) over 0..count, split evenly; the last part on this thread.
template <class Part>
void share(int count, unsigned threads, const Part& part) {
    const int parts = static_cast<int>(std::min<unsigned>(threads, static_cast<unsigned>(count)));
    std::vector<std::thread> others;
    int begin = 0;
    for (int n = 1; n < parts; ++n) {
        const int end = static_cast<int>(static_cast<std::int64_t>(count) * n / parts);
        try {
            others.emplace_back(part, begin, end);
        } catch (const std::exception&) {
            break;  // no more threads to be had: the rest is done here
        }
        begin = end;
    }
    part(begin, count);
    for (auto& thread : others) thread.join();
}

}  // namespace

void warp_blocks(Isa isa, const WarpJob& job, const std::int16_t* vectors, int columns, unsigned threads) {
    const WarpKernels& kernels = warp_kernels(isa);
    const auto* field = reinterpret_cast<const BlockVector*>(vectors);
    const int luma = job.first == 0, size = luma ? 8 : 4;
    const int across = (job.width[!luma] + size - 1) / size, down = (job.height[!luma] + size - 1) / size;  // blocks: as many in each plane
    share(down, threads, [&](int first, int last) {
        std::optional<BlockEdges> edges;
        if (job.overlap) edges.emplace(field, columns, across, down, first, last);
        for (int plane = job.first; plane < job.last; ++plane) {
            if (job.depth == 8) {
                warp_plane<std::uint8_t>(kernels, job, plane, field, columns, first, last, edges ? &*edges : nullptr);
            } else {
                warp_plane<std::uint16_t>(kernels, job, plane, field, columns, first, last, edges ? &*edges : nullptr);
            }
        }
    });
}

void warp_flow(Isa isa, const WarpJob& job, const std::int16_t* vectors, unsigned threads) {
    const WarpKernels& kernels = warp_kernels(isa);
    const auto kernel = job.depth == 8 ? kernels.flow8 : kernels.flow16;
    share(job.height[0], threads, [&](int first, int last) {
        for (int plane = 0; plane < 3; ++plane) {
            const int luma = plane == 0;
            // A chroma row belongs to the part that has its first luma row.
            const int begin = luma ? first : (first + 1) / 2, end = luma ? last : (last + 1) / 2;
            for (int y = begin; y < end; ++y) {
                const std::ptrdiff_t flow_row = static_cast<std::ptrdiff_t>(luma ? y : 2 * y) * job.width[0] * 2;
                kernel({job.reference[plane], job.stride[plane], job.width[plane], job.height[plane],
                        vectors + flow_row, luma ? 2 : 4, luma ? 2 : 3, y, job.depth, job.taps,
                        job.out[plane] + y * job.out_stride[plane]});
            }
        }
    });
}

}  // namespace zvc
