// The passes of a style generator that PyTorch has no fast form of (inference.py).
//
// A map is stored before its instance norm and style: these are one factor and one offset for each
// image and channel, applied where the map is read, so they cost no pass of their own.

#include "matrix.h"

#include <type_traits>

namespace {

// What follows a convolution: noise and bias, leaky ReLU, and the sums that the next norm needs.
struct Finish {
    const float* bias;      // [channels]
    const float* strength;  // [channels], of the noise
    const float* noise;     // [rows * columns], or null
    int channels;
    float slope = 0.2f;         // of the negative side
    std::vector<float> sums{};  // [2][channels]: values, squares

    void start() { sums.assign(2 * channels, 0.0f); }

    vec operator()(vec v, int pixel, int c) {
        v += load(bias + c);
        if (noise) v += noise[pixel] * load(strength + c);
        v = v > slope * v ? v : slope * v;
        float* s = sums.data();
        store(s + c, load(s + c) + v);
        store(s + channels + c, load(s + channels + c) + v * v);
        return v;
    }

    void flush(double* totals) {  // [2][channels]
        for (int c = 0; c < 2 * channels; ++c) {
#pragma omp atomic
            totals[c] += sums[c];
        }
        start();
    }
};

// Winograd F(4x4, 3x3) (Lavin and Gray 2016): 36 products make 16 outputs that otherwise take 144.
inline void to_domain(const vec d[6], vec t[6]) {
    vec a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1];
    vec c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
    t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

inline void from_domain(const vec m[6], vec y[4]) {
    vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2.0f * e;
    y[2] = a + 4.0f * c;
    y[3] = b + 8.0f * e + m[5];
}

// Nearest upsampling, 3-tap filter, [1,2,1]/4 blur along one axis, from the products of each low
// resolution pixel with each tap (p: pixel before, c: this one, n: after). The blur pads with
// zeros: before and after are 0.25 inside and 0 at the map's edges.
inline void upsample(vec p0, vec p1, vec c0, vec c1, vec c2, vec n1, vec n2, float before,
                     float after, vec& first, vec& second) {
    vec u0 = p0 + c1 + c2, u1 = c0 + c1 + n2;
    first = before * (p0 + p1 + c2) + 0.5f * u0 + 0.25f * u1;
    second = 0.25f * u0 + 0.5f * u1 + after * (c0 + n1 + n2);
}

struct Map {
    const float* x;
    const float* factor;  // [images][channels]
    const float* offset;
    int height, width, channels;
};

// domain: 36 planes [tiles][channels], `stride` apart, of `count` 4x4 tiles from number `first` on, counted over all images
void transform_tiles(const Map& map, int first, int count, int64_t stride, float* domain) {
    const int across = map.width / 4, each = map.height / 4 * across, channels = map.channels;
    for (int t = 0; t < count; ++t) {
        const int image = (first + t) / each, top = (first + t) % each / across * 4 - 1;
        const int left = (first + t) % across * 4 - 1;
        const float* base = map.x + int64_t(image) * map.height * map.width * channels;
        for (int c = 0; c < channels; c += LANES) {
            const vec factor = load(map.factor + image * channels + c);
            const vec offset = load(map.offset + image * channels + c);
            vec half[6][6];
            for (int j = 0; j < 6; ++j) {
                vec d[6], out[6];
                for (int i = 0; i < 6; ++i) {
                    const int y = top + i, x = left + j;
                    const bool inside = unsigned(y) < unsigned(map.height) && unsigned(x) < unsigned(map.width);
                    d[i] = inside ? load(base + (int64_t(y) * map.width + x) * channels + c) * factor + offset : vec{};
                }
                to_domain(d, out);
                for (int i = 0; i < 6; ++i) half[i][j] = out[i];
            }
            float* target = domain + int64_t(t) * channels + c;
            for (int i = 0; i < 6; ++i) {
                vec out[6];
                to_domain(half[i], out);
                for (int j = 0; j < 6; ++j) store(target + (i * 6 + j) * stride, out[j]);
            }
        }
    }
}

void finish_tiles(const float* domain, int first, int count, int64_t stride, int height,
                  int width, Finish& finish, float* y, double* totals) {
    const int across = width / 4, each = height / 4 * across;
    const int channels = finish.channels;
    finish.start();
    for (int t = 0; t < count; ++t) {
        const int image = (first + t) / each, top = (first + t) % each / across * 4;
        const int left = (first + t) % across * 4;
        float* base = y + int64_t(image) * height * width * channels;
        for (int c = 0; c < channels; c += LANES) {
            const float* source = domain + int64_t(t) * channels + c;
            vec half[4][6];
            for (int j = 0; j < 6; ++j) {
                vec m[6], out[4];
                for (int i = 0; i < 6; ++i) m[i] = load(source + (i * 6 + j) * stride);
                from_domain(m, out);
                for (int i = 0; i < 4; ++i) half[i][j] = out[i];
            }
            for (int i = 0; i < 4; ++i) {
                vec out[4];
                from_domain(half[i], out);
                for (int j = 0; j < 4; ++j) {
                    const int pixel = (top + i) * width + left + j;
                    store(base + int64_t(pixel) * channels + c, finish(out[j], pixel, c));
                }
            }
        }
        if (t == count - 1 || (first + t + 1) % each == 0)
            finish.flush(totals + int64_t(image) * 2 * channels);
    }
}

// Nearest upsampling, 3x3 convolution with zero padding and [1,2,1]x[1,2,1]/16 blur: the nine taps
// of each low-resolution pixel as one product, then sums along rows and columns; a quarter of the
// multiplications of the folded kernel. y [b][2h][2w][outputs]. weights: [inputs][9 * outputs] in
// panels, tap by tap. products: in bfloat16 the product of x and weights, made by the caller.
template <class T>
void upsampled(const Map& map, const float* weights, const T* products, Finish finish, T* y,
               double* totals, int images) {
    const int height = map.height, width = map.width, inputs = map.channels, outputs = finish.channels;
    const int threads = omp_get_max_threads(), wide = 9 * outputs;
    const int group = std::min(height, std::max(1, 32 / width)), ring = group + 3;
    int strips = 1;  // of each image, so that the threads share them evenly
    while (images * strips % threads && strips * 2 * group <= height) strips *= 2;
    const int share = height / strips;
    const int64_t line = int64_t(2) * width * outputs;
#pragma omp parallel num_threads(threads) firstprivate(finish)
    {
        float* rows = scratch(0, int64_t(group) * width * (inputs + wide));
        float* taps = rows + int64_t(group) * width * inputs;
        float* kept = scratch(1, ring * 3 * line);  // [ring][vertical tap][2w][outputs]
#pragma omp for schedule(static)
        for (int job = 0; job < images * strips; ++job) {
            const int image = job / strips, top = job % strips * share, bottom = top + share;
            T* target = y + int64_t(image) * 4 * height * width * outputs;
            auto at = [&](int row, int tap) { return kept + ((row + ring) % ring * 3 + tap) * line; };
            int ready = std::max(top - 1, 0), done = top;
            if (top == 0) std::fill_n(at(-1, 0), 3 * line, 0.0f);
            finish.start();
            while (done < bottom) {
                // the products of the next rows with all taps, summed along each row
                const int count = std::min(group, std::min(height, bottom + 1) - ready);
                const int64_t first_pixel = (int64_t(image) * height + ready) * width;
                const T* made;
                if constexpr (std::is_same_v<T, float>) {
                    const float* f = map.factor + image * inputs;
                    const float* o = map.offset + image * inputs;
                    const float* source = map.x + first_pixel * inputs;
                    for (int64_t pixel = 0; pixel < count * width; ++pixel)
                        for (int c = 0; c < inputs; ++c)
                            rows[pixel * inputs + c] = source[pixel * inputs + c] * f[c] + o[c];
                    gemm(rows, count * width, weights, inputs, wide, taps);
                    made = taps;
                } else {
                    made = products + first_pixel * wide;
                }
                for (int r = 0; r < count; ++r)
                    for (int tap = 0; tap < 3; ++tap) {
                        float* out = at(ready + r, tap);
                        for (int column = 0; column < width; ++column) {
                            const bool starts = column == 0, ends = column == width - 1;
                            const T* here = made + (int64_t(r) * width + column) * wide + tap * 3 * outputs;
                            for (int c = 0; c < outputs; c += LANES) {
                                const T* at_c = here + c;
                                vec first, second, zero{};
                                upsample(starts ? zero : load(at_c - wide),
                                         starts ? zero : load(at_c - wide + outputs), load(at_c),
                                         load(at_c + outputs), load(at_c + 2 * outputs),
                                         ends ? zero : load(at_c + wide + outputs),
                                         ends ? zero : load(at_c + wide + 2 * outputs),
                                         starts ? 0.0f : 0.25f, ends ? 0.0f : 0.25f, first, second);
                                store(out + int64_t(2 * column) * outputs + c, first);
                                store(out + int64_t(2 * column + 1) * outputs + c, second);
                            }
                        }
                    }
                ready += count;
                if (ready == height) std::fill_n(at(height, 0), 3 * line, 0.0f);
                // the output rows whose neighbours are all there
                for (; done < bottom && (done + 1 < ready || ready == height); ++done) {
                    const float before = done ? 0.25f : 0.0f, after = done + 1 < height ? 0.25f : 0.0f;
                    const float* p0 = at(done - 1, 0);
                    const float* p1 = at(done - 1, 1);
                    const float* c0 = at(done, 0);
                    const float* c1 = at(done, 1);
                    const float* c2 = at(done, 2);
                    const float* n1 = at(done + 1, 1);
                    const float* n2 = at(done + 1, 2);
                    for (int column = 0; column < 2 * width; ++column)
                        for (int c = 0; c < outputs; c += LANES) {
                            const int64_t i = int64_t(column) * outputs + c;
                            vec first, second;
                            upsample(load(p0 + i), load(p1 + i), load(c0 + i), load(c1 + i), load(c2 + i),
                                     load(n1 + i), load(n2 + i), before, after, first, second);
                            const int pixel = 2 * done * 2 * width + column;
                            store(target + int64_t(pixel) * outputs + c, finish(first, pixel, c));
                            store(target + int64_t(pixel + 2 * width) * outputs + c,
                                  finish(second, pixel + 2 * width, c));
                        }
                    finish.flush(totals + int64_t(image) * 2 * outputs);  // floats add up few values
                }
            }
        }
    }
}

}  // namespace

extern "C" {

// 3x3 convolution with zero padding. y [b][h][w][outputs]; totals [b][2][outputs] += sums of the
// new values and of their squares. weights: [36] matrices [inputs][outputs] in panels.
// activation: LEAKY_RELU, RELU or NONE.
void ohlora_conv(const float* x, const float* factor, const float* offset, const float* weights,
                 const float* bias, const float* strength, const float* noise, float* y,
                 double* totals, int images, int height, int width, int inputs, int outputs,
                 int activation) {
    const Map map{x, factor, offset, height, width, inputs};
    const int all = images * (height / 4) * (width / 4), threads = omp_get_max_threads();
    const int each = (height / 4) * (width / 4);
    // Many tiles at once where the weights are too large for the caches.
    int tiles = std::max(24, std::max(inputs, outputs) * 3 / 8);
    tiles = (std::min(tiles, (all + threads - 1) / threads) + 3) / 4 * 4;
    // Whole images, or the same parts of each: sums must not depend on an image's place.
    int parts = 1;
    if (tiles >= each) {
        tiles = tiles / each * each;
    } else {
        parts = ((each + tiles - 1) / tiles + threads - 1) / threads * threads;
        tiles = ((each + parts - 1) / parts + 3) / 4 * 4;
    }
    const int blocks = parts == 1 ? (all + tiles - 1) / tiles : images * parts;
#pragma omp parallel num_threads(threads)
    {
        // One line more than needed, or the 36 planes would share a few sets of the first cache.
        const int64_t in = tiles * inputs + LANES, out = tiles * outputs + LANES;
        float* before = scratch(0, 36 * in);
        float* after = scratch(1, 36 * out);
        Finish finish{bias, strength, noise, outputs};
        if (activation != LEAKY_RELU) finish.slope = activation == RELU ? 0.0f : 1.0f;
#pragma omp for schedule(static)
        for (int block = 0; block < blocks; ++block) {
            const int first = parts == 1 ? block * tiles : block / parts * each + block % parts * tiles;
            const int end = parts == 1 ? all : (block / parts + 1) * each;
            const int count = std::min(tiles, end - first);
            if (count <= 0) continue;
            transform_tiles(map, first, count, in, before);
            for (int64_t p = 0; p < 36; ++p)
                gemm(before + p * in, (count + 3) / 4 * 4, weights + p * inputs * outputs, inputs,
                     outputs, after + p * out);
            finish_tiles(after, first, count, out, height, width, finish, y, totals);
        }
    }
}

void ohlora_up(const float* x, const float* factor, const float* offset, const float* weights,
               const float* bias, const float* strength, const float* noise, float* y,
               double* totals, int images, int height, int width, int inputs, int outputs) {
    const Map map{x, factor, offset, height, width, inputs};
    upsampled<float>(map, weights, nullptr, {bias, strength, noise, outputs}, y, totals, images);
}

// The same from the products [b][h][w][9 * outputs] of the normed map and the weights.
void ohlora_up_bf16(const bf16* products, const float* bias, const float* strength,
                    const float* noise, bf16* y, double* totals, int images, int height, int width,
                    int outputs) {
    const Map map{nullptr, nullptr, nullptr, height, width, 0};
    upsampled<bf16>(map, nullptr, products, {bias, strength, noise, outputs}, y, totals, images);
}

// y = x * factor + offset, both [b][pixels][channels].
void ohlora_norm_bf16(const bf16* x, const float* factor, const float* offset, bf16* y, int images,
                      int pixels, int channels) {
#pragma omp parallel for schedule(static) collapse(2)
    for (int image = 0; image < images; ++image)
        for (int pixel = 0; pixel < pixels; ++pixel) {
            const int64_t start = (int64_t(image) * pixels + pixel) * channels;
            const float* f = factor + int64_t(image) * channels;
            const float* o = offset + int64_t(image) * channels;
            for (int c = 0; c < channels; c += LANES)
                store(y + start + c, load(x + start + c) * load(f + c) + load(o + c));
        }
}

// What follows a convolution without its bias, in place. y: [b][pixels][channels].
void ohlora_finish_bf16(const float* bias, const float* strength, const float* noise, bf16* y,
                        double* totals, int images, int pixels, int channels) {
    constexpr int BLOCK = 256;
    Finish shared{bias, strength, noise, channels};
#pragma omp parallel firstprivate(shared)
    {
#pragma omp for schedule(static) collapse(2)
        for (int image = 0; image < images; ++image)
            for (int first = 0; first < pixels; first += BLOCK) {
                shared.start();
                for (int pixel = first; pixel < std::min(first + BLOCK, pixels); ++pixel) {
                    bf16* p = y + (int64_t(image) * pixels + pixel) * channels;
                    for (int c = 0; c < channels; c += LANES)
                        store(p + c, shared(load(p + c), pixel, c));
                }
                shared.flush(totals + int64_t(image) * 2 * channels);
            }
    }
}

// 1x1 convolution to three planes: picture [b][3][pixels] = x [b][pixels][inputs] @ weights[b] +
// bias[b] [3]. weights: [b] matrices [inputs][16], of which three columns are used.
void ohlora_rgb(const float* x, const float* weights, const float* bias, float* picture, int images,
                int pixels, int inputs) {
    constexpr int BLOCK = 64;
#pragma omp parallel for schedule(static) collapse(2)
    for (int image = 0; image < images; ++image)
        for (int first = 0; first < pixels; first += BLOCK) {
            float made[BLOCK * LANES];
            const int count = std::min(BLOCK, pixels - first);
            gemm(x + (int64_t(image) * pixels + first) * inputs, count,
                 weights + int64_t(image) * inputs * LANES, inputs, LANES, made);
            for (int plane = 0; plane < 3; ++plane)
                for (int p = 0; p < count; ++p)
                    picture[(int64_t(image) * 3 + plane) * pixels + first + p] =
                        made[p * LANES + plane] + bias[image * 3 + plane];
        }
}

}  // extern "C"
