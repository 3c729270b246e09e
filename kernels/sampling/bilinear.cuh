// Shared by affine_sample.cu and flow_sample.cu: bilinear interpolation and its transpose.
//
// One block works on one image at a time. An image that fits is copied to shared memory (SHARED) with
// two pixels of zero padding on each side: a position clamped into the padding reads zeros, so the inner
// loop has no bounds tests. The row stride is odd; with an even one, a rotation by 90 degrees would read
// 32 pixels from one memory bank. A larger image is read from global memory, with bounds tests.
//
// The image gradient must not depend on the order in which threads add to a pixel, and must not use
// float atomics, which are compare-and-swap loops in shared memory. It is therefore summed in integer
// multiples of a step, a power of two chosen for each image (`choose_step`). Let `overlap` be the largest
// number of output pixels that lie between the same four input pixels, and |g| < 2^e. At most 4 overlap
// output pixels reach any one input pixel, so
//     step = 2^(e + c - BITS),  2^c >= 4 overlap,  BITS = 30 (float) or 62 (double)
// keeps every sum below 2^BITS steps (the rounding of each addition, half a step, is far from doubling
// it). The error of a pixel that n outputs reach is at most n step / 2 <= n overlap 2^-27 max|g| for
// float, n overlap 2^-59 max|g| for double: below the rounding of float sums while overlap is small, as it
// is for anything near the identity, and 6e-6 n max|g| if all 28 x 28 outputs read one position.
// If g holds a NaN or an infinity, the whole image's gradient is NaN. No step is smaller than 2^-126
// (double: 2^-1022), so an image whose float gradients are all below 2^-98 = 3e-30 loses digits.

typedef REAL Real;
#define DEVICE __device__ __forceinline__

constexpr int PADDING = 2, WARP = 32, MOST_THREADS = 512;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int MOST_BLOCKS = 2;  // a multiprocessor runs 1024 threads
#else
constexpr int MOST_BLOCKS = 3;
#endif
// The largest numbers of blocks without spills.
constexpr int FORWARD_BLOCKS = sizeof(Real) == 4 ? MOST_BLOCKS : 1, BACKWARD_BLOCKS = sizeof(Real) == 4 ? 2 : 1;

template <class R> struct Fixed;  // fixed-point sums of R
template <> struct Fixed<float> {
    typedef unsigned Sum;
    static constexpr int BITS = 30, MANTISSA = 23, BIAS = 126, NOT_FINITE = 255;
    static DEVICE unsigned magnitude_bits(float value) { return __float_as_uint(value) & 0x7fffffffu; }
    static DEVICE void add(Sum* sum, float steps) { atomicAdd(sum, (unsigned)__float2int_rn(steps)); }
    static DEVICE float value(Sum sum) { return (float)(int)sum; }
};
template <> struct Fixed<double> {
    typedef unsigned long long Sum;
    static constexpr int BITS = 62, MANTISSA = 20, BIAS = 1022, NOT_FINITE = 2047;  // of the upper word
    static DEVICE unsigned magnitude_bits(double value) { return (unsigned)__double2hiint(value) & 0x7fffffffu; }
    static DEVICE void add(Sum* sum, double steps) {  // two halves: shared memory has native 32-bit atomics only
        const Sum whole = (Sum)__double2ll_rn(steps);
        const unsigned low = (unsigned)whole, before = atomicAdd((unsigned*)sum, low);
        atomicAdd((unsigned*)sum + 1, (unsigned)(whole >> 32) + (before + low < low ? 1u : 0u));
    }
    static DEVICE double value(Sum sum) { return (double)(long long)sum; }
};
typedef Fixed<Real>::Sum Sum;

// f(k, i, j) for each pixel k = i w + j of an h x w image, divided among the block's threads and gridDim.y blocks.
template <class F> DEVICE void for_each_pixel(int h, int w, F f) {
    const int stride = blockDim.x * gridDim.y, down = stride / w, right = stride - down * w;
    int k = blockIdx.y * blockDim.x + threadIdx.x, i = k / w, j = k - i * w;
#pragma unroll 1  // small images take two or three iterations; more threads are a better use of registers
    for (; k < h * w; k += stride) {
        f(k, i, j);
        i += down, j += right;
        if (j >= w) ++i, j -= w;
    }
}

DEVICE int padded_stride(int w) { return (w + 2 * PADDING) | 1; }
DEVICE int padded_size(int h, int w) { return (h + 2 * PADDING) * padded_stride(w); }

template <class T, bool SHARED> struct Image {
    T* origin;  // pixel (0, 0)
    int h, w, row_stride;
    DEVICE Image(T* padded, T* global, int h, int w)
        : origin(SHARED ? padded + PADDING * padded_stride(w) + PADDING : global),
          h(h), w(w), row_stride(SHARED ? padded_stride(w) : w) {}
    DEVICE T* at(int i, int j) const { return origin + i * row_stride + j; }
    DEVICE bool contains(int i, int j) const { return SHARED || (i >= 0 && i < h && j >= 0 && j < w); }
    DEVICE Real read(int i, int j) const { return contains(i, j) ? *at(i, j) : 0; }
};

// The padding is cleared once and stays zero; an image in global memory needs neither function.
template <bool SHARED> DEVICE void clear_padded(Real* padded, int h, int w) {
    if (SHARED) {
        for (int k = threadIdx.x; k < padded_size(h, w); k += blockDim.x) padded[k] = 0;
        __syncthreads();
    }
}
template <bool SHARED> DEVICE void load_padded(Real* padded, const Real* x, int h, int w) {
    if (SHARED) {
        const Image<Real, SHARED> image(padded, padded, h, w);
        for_each_pixel(h, w, [&](int k, int i, int j) { *image.at(i, j) = x[k]; });
    }
}
template <bool SHARED> DEVICE void clear_sums(const Image<Sum, SHARED>& sums) {
    for_each_pixel(sums.h, sums.w, [&](int, int i, int j) { *sums.at(i, j) = 0; });
}

struct Position {  // row i and column j of the pixel above and left, distances s to the right of it and t below it
    int i, j;
    Real s, t;
    bool moves_x = true, moves_y = true;  // false where the position is clamped, so that the derivative is 0
};
struct Sample { Real value, dx, dy; };  // the interpolated value and its derivatives

DEVICE Real between(Real a, Real b, Real s) { return a - s * a + s * b; }  // exactly a at s = 0, and b at 1

template <class T, bool SHARED> DEVICE Sample sample(const Image<T, SHARED>& image, const Position& p) {
    const int i = p.i, j = p.j;
    const Real northwest = image.read(i, j), northeast = image.read(i, j + 1);
    const Real southwest = image.read(i + 1, j), southeast = image.read(i + 1, j + 1);
    const Real north = northeast - northwest, south = southeast - southwest;
    const Real west = southwest - northwest, east = southeast - northeast;
    const Real value = between(between(northwest, northeast, p.s), between(southwest, southeast, p.s), p.t);
    return {value, p.moves_x ? north + p.t * (south - north) : 0, p.moves_y ? west + p.s * (east - west) : 0};
}

template <bool SHARED> DEVICE void scatter(const Image<Sum, SHARED>& sums, const Position& p, Real steps) {
    const Real below = steps * p.t, above = steps - below, southeast = below * p.s, northeast = above * p.s;
    const int i = p.i, j = p.j;
    if (sums.contains(i, j)) Fixed<Real>::add(sums.at(i, j), above - northeast);
    if (sums.contains(i, j + 1)) Fixed<Real>::add(sums.at(i, j + 1), northeast);
    if (sums.contains(i + 1, j)) Fixed<Real>::add(sums.at(i + 1, j), below - southeast);
    if (sums.contains(i + 1, j + 1)) Fixed<Real>::add(sums.at(i + 1, j + 1), southeast);
}

struct Step { Real per_unit, size; };  // number of steps in 1, size of a step

// The step for an image with gradient g (channels, ho, wo), read at positions(i, j); `sums` is its workspace.
template <bool SHARED, class Positions>
DEVICE Step choose_step(
    const Image<Sum, SHARED>& sums, const Real* g, int channels, int ho, int wo, Positions positions) {
    typedef Fixed<Real> F;
    __shared__ unsigned overlap, peak;
    if (threadIdx.x == 0) overlap = peak = 0;
    clear_sums(sums);
    __syncthreads();
    unsigned most = 1, largest = 0;
    for_each_pixel(ho, wo, [&](int k, int i, int j) {
        const Position p = positions(i, j);
        if (p.i >= -1 && p.i < sums.h && p.j >= -1 && p.j < sums.w)  // -1 counts as 0: an upper bound
            most = max(most, atomicAdd((unsigned*)sums.at(max(p.i, 0), max(p.j, 0)), 1u) + 1);
        for (int c = 0; c < channels; ++c) largest = max(largest, F::magnitude_bits(g[(size_t)c * ho * wo + k]));
    });
    for (int other = WARP / 2; other; other /= 2) {
        most = max(most, __shfl_down_sync(0xffffffffu, most, other));
        largest = max(largest, __shfl_down_sync(0xffffffffu, largest, other));
    }
    if (threadIdx.x % WARP == 0) atomicMax(&overlap, most), atomicMax(&peak, largest);
    __syncthreads();
    const int exponent = (int)(peak >> F::MANTISSA), c = 2 + 32 - __clz((int)(overlap - 1));
    const int k = min(F::BITS - (exponent - F::BIAS) - c, F::BIAS);
    return {ldexp(Real(1), k), exponent == F::NOT_FINITE ? Real(nan("")) : ldexp(Real(1), -k)};
}

// Converts the sums to the gradient; in global memory each overwrites its sum.
template <bool SHARED> DEVICE void write_sums(const Image<Sum, SHARED>& sums, const Step& step, Real* grad) {
    for_each_pixel(sums.h, sums.w, [&](int k, int i, int j) {
        grad[k] = Fixed<Real>::value(*sums.at(i, j)) * step.size;
    });
}

// Sums each of COUNT values over the block in a fixed order; thread m < COUNT gets the m-th sum.
template <int COUNT> DEVICE Real block_sum(Real (&values)[COUNT]) {
    __shared__ Real partial[MOST_THREADS / WARP][COUNT];
    for (int m = 0; m < COUNT; ++m) {
        for (int other = WARP / 2; other; other /= 2) values[m] += __shfl_down_sync(0xffffffffu, values[m], other);
        if (threadIdx.x % WARP == 0) partial[threadIdx.x / WARP][m] = values[m];
    }
    __syncthreads();
    Real total = 0;
    if (threadIdx.x < COUNT)
        for (int warp = 0; warp < (int)blockDim.x / WARP; ++warp) total += partial[warp][threadIdx.x];
    return total;
}
