// The layers of EffiSegNet with what follows them in the same pass (hair_inference.py).

#include "matrix.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

inline vec exp(vec x) {  // within 3e-6 of its value
    typedef int ints __attribute__((vector_size(4 * LANES)));
    const vec high = vec{} + 87.0f, t = (x > high ? high : x < -high ? -high : x) * 1.44269504f;
    const vec magic = vec{} + 12582912.0f, whole = (t + magic) - magic;  // to the nearest integer
    const vec f = (t - whole) * 0.69314718f;
    const vec series = 1.0f + f * (1.0f + f * (0.5f + f * (1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120)))));
    const ints power = (__builtin_convertvector(whole, ints) + 127) << 23;
    vec scale;
    std::memcpy(&scale, &power, sizeof scale);
    return series * scale;
}

inline vec inverse(vec v) {
#ifdef __AVX512F__  // an estimate and a Newton step: a quarter of a division's time
    const vec r = (vec)_mm512_rcp14_ps((__m512)v);
    return r * (2.0f - v * r);
#else
    return 1.0f / v;
#endif
}

inline vec activated(vec v, int activation) {
    const vec zero{};
    if (activation == SILU) return v * inverse(1.0f + exp(-v));
    return activation == RELU ? (v > zero ? v : zero) : v;
}

// Depthwise convolution of one row, 16 channels: a column's taps are the `kernel` columns from
// column * stride - before on of each row. Rows outside the map are given as zeros. `finish` takes
// the value and its column.
template <int K, class F>
void depthwise_row(const float* const* rows, int width, int channels, int stride, int before,
                   int columns, const float* weights, F finish) {
    vec w[K][K];
    for (int i = 0; i < K; ++i)
        for (int j = 0; j < K; ++j) w[i][j] = load(weights + (i * K + j) * channels);
    for (int column = 0; column < columns; ++column) {
        const int left = column * stride - before;
        vec sum{};
        if (left >= 0 && left + K <= width) {
#pragma GCC unroll 5
            for (int i = 0; i < K; ++i)
#pragma GCC unroll 5
                for (int j = 0; j < K; ++j) sum += load(rows[i] + (left + j) * channels) * w[i][j];
        } else {
            for (int i = 0; i < K; ++i)
                for (int j = std::max(0, -left); j < std::min(K, width - left); ++j)
                    sum += load(rows[i] + (left + j) * channels) * w[i][j];
        }
        finish(sum, column);
    }
}

}  // namespace

extern "C" {

// y [b][pixels][outputs] = activation(x * factor @ weights + bias + added). factor [b][inputs] or
// null. added: null, or a map like y (halved = 0) or half as large (halved = 1), repeated.
void ohlora_pointwise(const float* x, const float* factor, const float* weights, const float* bias,
                      const float* added, float* y, int images, int pixels, int width, int inputs,
                      int outputs, int halved, int activation) {
    const int BLOCK = pixels > 256 ? 48 : 32;
#pragma omp parallel for schedule(static) collapse(2)
    for (int image = 0; image < images; ++image)
        for (int first = 0; first < pixels; first += BLOCK) {
            const int count = std::min(BLOCK, pixels - first);
            const float* a = x + (int64_t(image) * pixels + first) * inputs;
            float* out = y + (int64_t(image) * pixels + first) * outputs;
            if (factor) {
                float* scaled = scratch(0, BLOCK * inputs);
                const float* f = factor + int64_t(image) * inputs;
                for (int p = 0; p < count; ++p)
                    for (int c = 0; c < inputs; ++c) scaled[p * inputs + c] = a[p * inputs + c] * f[c];
                a = scaled;
            }
            gemm(a, count, weights, inputs, outputs, out);
            for (int p = 0; p < count; ++p) {
                const int row = (first + p) / width, column = (first + p) % width;
                const int64_t other = halved ? int64_t(image) * pixels / 4 + row / 2 * (width / 2) + column / 2
                                             : int64_t(image) * pixels + first + p;
                for (int c = 0; c < outputs; c += LANES) {
                    vec v = load(out + p * outputs + c) + load(bias + c);
                    if (added) v += load(added + other * outputs + c);
                    store(out + p * outputs + c, activated(v, activation));
                }
            }
        }
}

// y [b][h/stride][w/stride][channels] = SiLU(depthwise convolution + bias); totals [b][channels] +=
// its sums. weights: [kernel^2][channels]. before: rows and columns of padding above and left.
void ohlora_depthwise(const float* x, const float* weights, const float* bias, float* y,
                      double* totals, int images, int height, int width, int channels, int kernel,
                      int stride, int before) {
    const int rows = height / stride, columns = width / stride;
    const std::vector<float> zeros(width * channels);
#pragma omp parallel for schedule(static) collapse(2)
    for (int image = 0; image < images; ++image)
        for (int row = 0; row < rows; ++row)
            for (int c = 0; c < channels; c += LANES) {
                const float* sources[5];
                for (int i = 0; i < kernel; ++i) {
                    const int r = row * stride + i - before;
                    sources[i] = r < 0 || r >= height ? zeros.data() : x + (int64_t(image) * height + r) * width * channels;
                    sources[i] += c;
                }
                float* out = y + (int64_t(image) * rows + row) * columns * channels + c;
                const vec b = load(bias + c);
                vec sum{};
                const auto finish = [&](vec v, int column) {
                    v = activated(v + b, SILU);
                    sum += v;
                    store(out + column * channels, v);
                };
                if (kernel == 3) depthwise_row<3>(sources, width, channels, stride, before, columns, weights + c, finish);
                else depthwise_row<5>(sources, width, channels, stride, before, columns, weights + c, finish);
                for (int lane = 0; lane < LANES; ++lane) {
#pragma omp atomic
                    totals[int64_t(image) * channels + c + lane] += sum[lane];
                }
            }
}

// The end of EffiSegNet at full size, row by row: two ghost modules and the output layer.
// x [b][small^2][32]: primary features, product: theirs through the second module's 1x1 layer.
// index [size]: the small row or column that each large one repeats. first, second: [9][32] cheap
// kernels; weights: [32][32] panel of the first cheap features; factor, offset: of the second
// primary features; ends: [2][32] weights of the second primary and cheap features, then the bias.
void ohlora_ghosts(const float* x, const float* product, const int* index, const float* first,
                   const float* weights, const float* factor, const float* offset,
                   const float* second, const float* ends, float* y, int images, int small, int size) {
    constexpr int C = PANEL;
    const int strip = size / 8;
    const std::vector<float> zeros(size * C);
#pragma omp parallel for schedule(static) collapse(2)
    for (int image = 0; image < images; ++image)
        for (int top = 0; top < size; top += strip) {
            float* large = scratch(0, int64_t(4) * size * C);  // three enlarged rows
            float* cheap = large + int64_t(3) * size * C;
            float* kept = scratch(1, int64_t(3) * size * C);  // three rows of primary features
            const float* source = x + int64_t(image) * small * small * C;
            const int bottom = std::min(top + strip, size);
            auto enlarged = [&](int row) { return large + int64_t((row + 3) % 3) * size * C; };
            auto primary = [&](int row) { return kept + int64_t((row + 3) % 3) * size * C; };
            auto enlarge = [&](int row) {
                for (int column = 0; row < size && column < size; ++column)
                    std::memcpy(enlarged(row) + column * C, source + (index[row] * small + index[column]) * C, 4 * C);
            };
            auto around = [&](auto& rows, int row, int c, const float* near[3]) {
                for (int i = 0; i < 3; ++i) {
                    const int r = row + i - 1;
                    near[i] = (r < 0 || r >= size ? zeros.data() : rows(r)) + c;
                }
            };
            const int start = std::max(top - 1, 0);
            for (int row = std::max(start - 1, 0); row <= start; ++row) enlarge(row);
            for (int row = start; row < std::min(bottom + 1, size); ++row) {
                const float* near[3];
                enlarge(row + 1);
                for (int c = 0; c < C; c += LANES) {
                    around(enlarged, row, c, near);
                    depthwise_row<3>(near, size, C, 1, 1, size, first + c, [&](vec v, int column) {
                        store(cheap + column * C + c, activated(v, RELU));
                    });
                }
                gemm(cheap, size, weights, C, C, primary(row));
                const float* other = product + (int64_t(image) * small + index[row]) * small * C;
                for (int column = 0; column < size; ++column)
                    for (int c = 0; c < C; c += LANES) {
                        float* p = primary(row) + column * C + c;
                        const vec v = activated(load(p) + load(other + index[column] * C + c), RELU);
                        store(p, v * load(factor + c) + load(offset + c));
                    }
                // the row above has all its neighbours now; so has the last row of the picture
                for (int done = std::max(row - 1, top); done < (row == size - 1 ? size : row); ++done) {
                    float* out = y + (int64_t(image) * size + done) * size;
                    std::fill_n(out, size, ends[2 * C]);
                    for (int c = 0; c < C; c += LANES) {
                        around(primary, done, c, near);
                        const vec own = load(ends + c), other_end = load(ends + C + c);
                        depthwise_row<3>(near, size, C, 1, 1, size, second + c, [&](vec v, int column) {
                            v = activated(v, RELU) * other_end + load(primary(done) + column * C + c) * own;
                            float sum = 0;
                            for (int lane = 0; lane < LANES; ++lane) sum += v[lane];
                            out[column] += sum;
                        });
                    }
                }
            }
        }
}

}  // extern "C"
