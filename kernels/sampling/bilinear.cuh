// What affine_sample.cu and flow_sample.cu share: reading between pixels, and its transpose.
//
// One block works on one image at a time. Where it fits, the image lies in shared memory with a
// frame of two zero pixels around (TILE): a position moved into that frame reads zeros, so the inner
// loop has no bounds tests. The frame's pitch is odd, or a quarter turn would read 32 pixels of one
// memory bank. A larger image is read where it is, with tests.
//
// The gradient of the image must not depend on the order in which threads add to a pixel, and must
// not use float atomics, which are compare-and-swap loops in shared memory. So it is summed in whole
// multiples of a step, a power of two chosen for each image (`survey`): with `crowd` the most output
// pixels that lie between the same four input pixels, and |g| < 2^e, at most 4 crowd of them reach
// any one pixel, so
//     step = 2^(e + c - BITS),  2^c >= 4 crowd,  BITS = 30 (float) or 62 (double)
// keeps every sum below 2^BITS steps (the half steps by which additions are rounded come nowhere near
// doubling it). A pixel that n outputs reach is off by at most n step / 2 <= n crowd 2^-27 max|g| for
// float, n crowd 2^-59 max|g| for double: below the rounding of float sums while crowd is small, as it
// is for anything near the identity, and 6e-6 n max|g| if all of 28 x 28 outputs read one spot.
// If g holds a NaN or an infinity, the whole image's gradient is NaN. No step is smaller than 2^-126
// (double: 2^-1022), so float gradients of less than 2^-98 = 3e-30 throughout an image lose digits.

typedef REAL Real;

constexpr int FRAME = 2, WARP = 32, MOST_THREADS = 512;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int MOST_BLOCKS = 2;  // a multiprocessor runs 1024 threads
#else
constexpr int MOST_BLOCKS = 3;
#endif
constexpr int FORWARD_BLOCKS = sizeof(Real) == 4 ? MOST_BLOCKS : 1, BACKWARD_BLOCKS = sizeof(Real) == 4 ? 2 : 1;  // the most without spills

template <class R> struct Fixed;  // how sums of R's are held
template <> struct Fixed<float> {
    typedef unsigned Sum;
    static constexpr int BITS = 30, MANTISSA = 23, BIAS = 126, SPECIAL = 255;
    static __device__ __forceinline__ unsigned size_of(float value) { return __float_as_uint(value) & 0x7fffffffu; }
    static __device__ __forceinline__ void add(Sum* sum, float steps) { atomicAdd(sum, (unsigned)__float2int_rn(steps)); }
    static __device__ __forceinline__ float value(Sum sum) { return (float)(int)sum; }
};
template <> struct Fixed<double> {
    typedef unsigned long long Sum;
    static constexpr int BITS = 62, MANTISSA = 20, BIAS = 1022, SPECIAL = 2047;  // MANTISSA: of it, in the upper word
    static __device__ __forceinline__ unsigned size_of(double value) { return (unsigned)__double2hiint(value) & 0x7fffffffu; }
    static __device__ __forceinline__ void add(Sum* sum, double steps) {  // in two halves: shared memory adds 32 bits natively, not 64
        const Sum whole = (Sum)__double2ll_rn(steps);
        const unsigned low = (unsigned)whole, before = atomicAdd((unsigned*)sum, low);
        atomicAdd((unsigned*)sum + 1, (unsigned)(whole >> 32) + (before + low < low ? 1u : 0u));
    }
    static __device__ __forceinline__ double value(Sum sum) { return (double)(long long)sum; }
};
typedef Fixed<Real>::Sum Sum;

// f(k, i, j) for each pixel k = i w + j of an h x w image, shared among the block's threads and gridDim.y blocks.
template <class F> __device__ __forceinline__ void each_pixel(int h, int w, F f) {
    const int stride = blockDim.x * gridDim.y, down = stride / w, right = stride - down * w;
    int k = blockIdx.y * blockDim.x + threadIdx.x, i = k / w, j = k - i * w;
#pragma unroll 1  // small images take two or three rounds; registers are better spent on more threads
    for (; k < h * w; k += stride) {
        f(k, i, j);
        i += down, j += right;
        if (j >= w) ++i, j -= w;
    }
}

__device__ __forceinline__ int tile_pitch(int w) { return (w + 2 * FRAME) | 1; }
__device__ __forceinline__ int tile_size(int h, int w) { return (h + 2 * FRAME) * tile_pitch(w); }

template <class T, bool TILE> struct Image {
    T* origin;  // pixel (0, 0)
    int h, w, pitch;
    __device__ __forceinline__ Image(T* tile, T* place, int h, int w)
        : origin(TILE ? tile + FRAME * tile_pitch(w) + FRAME : place), h(h), w(w), pitch(TILE ? tile_pitch(w) : w) {}
    __device__ __forceinline__ T* at(int i, int j) const { return origin + i * pitch + j; }
    __device__ __forceinline__ bool has(int i, int j) const { return TILE || (i >= 0 && i < h && j >= 0 && j < w); }
};

// The tile's frame stays zero from the first to the last image; in place there is nothing to do.
template <bool TILE> __device__ __forceinline__ void clear_tile(Real* tile, int h, int w) {
    if (TILE) {
        for (int k = threadIdx.x; k < tile_size(h, w); k += blockDim.x) tile[k] = 0;
        __syncthreads();
    }
}
template <bool TILE> __device__ __forceinline__ void load_tile(Real* tile, const Real* x, int h, int w) {
    if (TILE) {
        const Image<Real, TILE> image(tile, tile, h, w);
        each_pixel(h, w, [&](int k, int i, int j) { *image.at(i, j) = x[k]; });
    }
}
template <bool TILE> __device__ __forceinline__ void clear_sums(const Image<Sum, TILE>& sums) {
    each_pixel(sums.h, sums.w, [&](int, int i, int j) { *sums.at(i, j) = 0; });
}

struct Spot {  // a position: the pixel above and left of it, and how far it is from there to the right and down
    int i, j;
    Real s, t;
};
struct Sampled { Real value, along_x, along_y; };

__device__ __forceinline__ Real between(Real a, Real b, Real s) { return a - s * a + s * b; }  // exactly a at s = 0, and b at 1

template <class T, bool TILE> __device__ __forceinline__ Sampled sample(const Image<T, TILE>& image, const Spot& p) {
    const int i = p.i, j = p.j;
    const Real northwest = image.has(i, j) ? *image.at(i, j) : 0, northeast = image.has(i, j + 1) ? *image.at(i, j + 1) : 0;
    const Real southwest = image.has(i + 1, j) ? *image.at(i + 1, j) : 0, southeast = image.has(i + 1, j + 1) ? *image.at(i + 1, j + 1) : 0;
    const Real north = northeast - northwest, south = southeast - southwest, west = southwest - northwest, east = southeast - northeast;
    return {between(between(northwest, northeast, p.s), between(southwest, southeast, p.s), p.t), north + p.t * (south - north), west + p.s * (east - west)};
}

template <bool TILE> __device__ __forceinline__ void scatter(const Image<Sum, TILE>& sums, const Spot& p, Real steps) {
    const Real below = steps * p.t, above = steps - below, southeast = below * p.s, northeast = above * p.s;
    const int i = p.i, j = p.j;
    if (sums.has(i, j)) Fixed<Real>::add(sums.at(i, j), above - northeast);
    if (sums.has(i, j + 1)) Fixed<Real>::add(sums.at(i, j + 1), northeast);
    if (sums.has(i + 1, j)) Fixed<Real>::add(sums.at(i + 1, j), below - southeast);
    if (sums.has(i + 1, j + 1)) Fixed<Real>::add(sums.at(i + 1, j + 1), southeast);
}

struct Step { Real per_unit, size; };  // steps in 1, and the size of one

// The step for the image with gradients g (channels, ho, wo), read at where(i, j). Counts in `sums`.
template <bool TILE, class Where>
__device__ __forceinline__ Step survey(const Image<Sum, TILE>& sums, const Real* g, int channels, int ho, int wo, Where where) {
    typedef Fixed<Real> F;
    __shared__ unsigned crowd, peak;
    if (threadIdx.x == 0) crowd = peak = 0;
    clear_sums(sums);
    __syncthreads();
    unsigned most = 1, largest = 0;
    each_pixel(ho, wo, [&](int k, int i, int j) {
        const Spot p = where(i, j);
        if (p.i >= -1 && p.i < sums.h && p.j >= -1 && p.j < sums.w)  // -1 counts as 0: a little more than is true
            most = max(most, atomicAdd((unsigned*)sums.at(max(p.i, 0), max(p.j, 0)), 1u) + 1);
        for (int c = 0; c < channels; ++c) largest = max(largest, F::size_of(g[(size_t)c * ho * wo + k]));
    });
    for (int other = WARP / 2; other; other /= 2) {
        most = max(most, __shfl_down_sync(0xffffffffu, most, other));
        largest = max(largest, __shfl_down_sync(0xffffffffu, largest, other));
    }
    if (threadIdx.x % WARP == 0) atomicMax(&crowd, most), atomicMax(&peak, largest);
    __syncthreads();
    const int exponent = (int)(peak >> F::MANTISSA), c = 2 + 32 - __clz((int)(crowd - 1));
    const int k = min(F::BITS - (exponent - F::BIAS) - c, F::BIAS);
    return {ldexp(Real(1), k), exponent == F::SPECIAL ? Real(nan("")) : ldexp(Real(1), -k)};
}

// The gradient itself; in place it takes the place of its sum.
template <bool TILE> __device__ __forceinline__ void write_sums(const Image<Sum, TILE>& sums, const Step& step, Real* grad) {
    each_pixel(sums.h, sums.w, [&](int k, int i, int j) { grad[k] = Fixed<Real>::value(*sums.at(i, j)) * step.size; });
}

// Adds up each of COUNT values over the block, always in the same order; thread m < COUNT gets the m-th sum.
template <int COUNT> __device__ __forceinline__ Real block_sum(Real (&values)[COUNT]) {
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
