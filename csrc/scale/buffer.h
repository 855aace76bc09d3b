// Arrays that start at a cache line, so that no vector load of packed weights crosses one.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace zvc {

template <class T>
struct LineAllocator {
    using value_type = T;
    static constexpr std::align_val_t kLine{64};

    LineAllocator() = default;
    template <class U>
    LineAllocator(const LineAllocator<U>&) noexcept {}

    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLine)); }
    void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, kLine); }
    bool operator==(const LineAllocator&) const noexcept { return true; }
};

template <class T>
using Buffer = std::vector<T, LineAllocator<T>>;

}  // namespace zvc
