// Vectors of 16 floats, one thread's working memory, and the matrix product of all kernels.
//
// The kernels are compiled at first use (native.py). Every feature map is
// [image][row][column][channel] float32 or bfloat16, its channels a multiple of 16; prepared weight
// matrices lie in panels of 32 columns (layout.py).

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include <omp.h>

namespace {

enum Activation { NONE, RELU, LEAKY_RELU, SILU };  // as in native.py

constexpr int LANES = 16;
constexpr int PANEL = 2 * LANES;  // columns of a prepared weight matrix that lie together
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

inline vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
inline void store(float* p, vec v) { *reinterpret_cast<vec*>(p) = v; }

// bfloat16: the upper half of a float, rounded to the nearest even one.
typedef uint16_t bf16;
typedef uint16_t halves __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

inline vec load(const bf16* p) {
    const words bits = __builtin_convertvector(*reinterpret_cast<const halves*>(p), words) << 16;
    vec v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
}

inline void store(bf16* p, vec v) {
    words bits;
    std::memcpy(&bits, &v, sizeof v);
    bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    *reinterpret_cast<halves*>(p) = __builtin_convertvector(bits, halves);
}

// Working memory of one thread, kept between calls: fresh pages cost more than the work on them.
float* scratch(int which, int64_t size) {
    thread_local std::vector<float> buffers[2];
    if (int64_t(buffers[which].size()) < size + LANES) buffers[which].resize(size + LANES);
    const auto address = reinterpret_cast<uintptr_t>(buffers[which].data());
    return reinterpret_cast<float*>((address + 63) / 64 * 64);  // whole cache lines
}

// c[M][16 V] = a[M][depth] @ b[depth][16 V]
template <int M, int V>
void small_gemm(const float* a, int lda, const float* b, int depth, float* c, int ldc) {
    vec sum[M][V] = {};
    for (int k = 0; k < depth; ++k, b += V * LANES) {
        vec right[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) right[v] = load(b + v * LANES);
#pragma GCC unroll 12
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) sum[m][v] += a[m * lda + k] * right[v];
    }
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) store(c + m * ldc + v * LANES, sum[m][v]);
}

template <int V>
void panel_gemm(const float* a, int rows, const float* b, int depth, float* c, int ldc) {
    int m = 0;
    for (; rows - m >= 12; m += 12) small_gemm<12, V>(a + m * depth, depth, b, depth, c + m * ldc, ldc);
    if (rows - m >= 8) {
        small_gemm<8, V>(a + m * depth, depth, b, depth, c + m * ldc, ldc);
        m += 8;
    }
    if (rows - m >= 4) small_gemm<4, V>(a + m * depth, depth, b, depth, c + m * ldc, ldc);
}

// c[rows][columns] = a[rows][depth] @ b; rows a multiple of 4, columns of 16. b: panels of 32 (the
// last perhaps of 16) columns, each [depth][columns of the panel].
void gemm(const float* a, int rows, const float* b, int depth, int columns, float* c) {
    for (int first = 0; first < columns; first += PANEL, b += PANEL * depth) {
        if (columns - first >= PANEL) panel_gemm<2>(a, rows, b, depth, c + first, columns);
        else panel_gemm<1>(a, rows, b, depth, c + first, columns);
    }
}

}  // namespace
