// Affine bilinear sampling: __init__.py says what is computed, bilinear.cuh how images are read and summed.
//
// axes: for the output's columns, base position in pixels and u; for its rows, base position and v; then
// pixels per unit of u and of v (cuda.py makes it from reference.grid). Positions are the base plus what
// theta changes, so that the identity gives back the very image.

struct Affine {
    Real a, b, e, c, d, f;  // theta less the identity, in pixels
    const Real *__restrict__ column, *__restrict__ u, *__restrict__ row, *__restrict__ v;
    int h, w;
    bool cut;

    __device__ __forceinline__ Affine(const Real* theta, const Real* axes, int h, int w, int ho, int wo, bool cut)
        : column(axes), u(axes + wo), row(axes + 2 * wo), v(axes + 2 * wo + ho), h(h), w(w), cut(cut) {
        const Real sx = v[ho], sy = v[ho + 1];
        a = (theta[0] - 1) * sx, b = theta[1] * sx, e = theta[2] * sx;
        c = theta[3] * sy, d = (theta[4] - 1) * sy, f = theta[5] * sy;
    }
    __device__ __forceinline__ Spot operator()(int i, int j) const {
        Real p = column[j] + (a * u[j] + b * v[i] + e), q = row[i] + (c * u[j] + d * v[i] + f);
        if (cut && !(p >= 0 && p < w - 1 && q >= 0 && q < h - 1)) p = q = -FRAME;
        p = p > -FRAME ? p : -FRAME, q = q > -FRAME ? q : -FRAME;  // false for NaN: it is outside as well
        p = p < w ? p : w, q = q < h ? q : h;
        const Real left = floor(p), top = floor(q);
        return {(int)top, (int)left, p - left, q - top};
    }
};

#define FORWARD_ARGUMENTS \
    const Real *__restrict__ x, const Real *__restrict__ theta, const Real *__restrict__ axes, Real *__restrict__ y, Real *__restrict__ slopes, \
    int count, int channels, int h, int w, int ho, int wo, int cut

template <bool TILE> __device__ __forceinline__ void forward(FORWARD_ARGUMENTS) {
    extern __shared__ unsigned long long arena[];
    Real* const tile = (Real*)arena;
    const size_t pixels = (size_t)h * w, outputs = (size_t)ho * wo;
    clear_tile<TILE>(tile, h, w);
    for (size_t n = blockIdx.x; n < count; n += gridDim.x) {
        const Affine where(theta + 6 * n, axes, h, w, ho, wo, cut);
        for (int channel = 0; channel < channels; ++channel) {
            const size_t here = n * channels + channel;
            const Image<const Real, TILE> image(tile, x + here * pixels, h, w);
            Real* const out = y + here * outputs;
            Real* const along = slopes ? slopes + (here + n * channels) * outputs : nullptr;
            load_tile<TILE>(tile, x + here * pixels, h, w);
            if (TILE) __syncthreads();
            each_pixel(ho, wo, [&](int k, int i, int j) {
                const Sampled read = sample(image, where(i, j));
                out[k] = read.value;
                if (along) along[k] = read.along_x, along[channels * outputs + k] = read.along_y;
            });
            if (TILE) __syncthreads();  // all have read before the next image comes
        }
    }
}

#define BACKWARD_ARGUMENTS \
    const Real *__restrict__ g, const Real *__restrict__ x, const Real *__restrict__ theta, const Real *__restrict__ axes, \
    const Real *__restrict__ slopes, Real *grad_x, Real *__restrict__ grad_theta, int count, int channels, int h, int w, int ho, int wo, int cut

template <bool TILE> __device__ __forceinline__ void backward(BACKWARD_ARGUMENTS) {
    extern __shared__ unsigned long long arena[];
    Real* const tile = (Real*)arena;
    const bool reads = grad_theta && !slopes;
    Sum* const tile_of_sums = (Sum*)arena + (reads ? tile_size(h, w) : 0);
    const size_t pixels = (size_t)h * w, outputs = (size_t)ho * wo;
    if (reads) clear_tile<TILE>(tile, h, w);
    for (size_t n = blockIdx.x; n < count; n += gridDim.x) {
        const Affine where(theta + 6 * n, axes, h, w, ho, wo, cut);
        Step step = {0, 0};
        if (grad_x)
            step = survey(Image<Sum, TILE>(tile_of_sums, (Sum*)grad_x + n * channels * pixels, h, w), g + n * channels * outputs, channels, ho, wo, where);
        Real towards[6] = {0, 0, 0, 0, 0, 0};
        for (int channel = 0; channel < channels; ++channel) {
            const size_t here = n * channels + channel;
            const Image<const Real, TILE> image(tile, x + here * pixels, h, w);
            const Image<Sum, TILE> sums(tile_of_sums, (Sum*)grad_x + here * pixels, h, w);
            const Real *const from = g + here * outputs, *const along = slopes ? slopes + (here + n * channels) * outputs : nullptr;
            if (reads) load_tile<TILE>(tile, x + here * pixels, h, w);
            if (grad_x) clear_sums(sums);
            __syncthreads();
            each_pixel(ho, wo, [&](int k, int i, int j) {
                const Spot spot = where(i, j);
                const Real value = from[k];
                if (grad_theta) {
                    Real right, down;
                    if (along) {
                        right = along[k], down = along[channels * outputs + k];
                    } else {
                        const Sampled read = sample(image, spot);
                        right = read.along_x, down = read.along_y;
                    }
                    right *= value, down *= value;
                    towards[0] += right * where.u[j], towards[1] += right * where.v[i], towards[2] += right;
                    towards[3] += down * where.u[j], towards[4] += down * where.v[i], towards[5] += down;
                }
                if (grad_x) scatter(sums, spot, value * step.per_unit);
            });
            __syncthreads();
            if (grad_x) write_sums(sums, step, grad_x + here * pixels);
        }
        if (grad_theta) {
            const Real total = block_sum(towards);
            if (threadIdx.x < 6) grad_theta[6 * n + threadIdx.x] = total * where.v[ho + threadIdx.x / 3];
        }
    }
}

extern "C" {
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_tile(FORWARD_ARGUMENTS) {
    forward<true>(x, theta, axes, y, slopes, count, channels, h, w, ho, wo, cut);
}
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_in_place(FORWARD_ARGUMENTS) {
    forward<false>(x, theta, axes, y, slopes, count, channels, h, w, ho, wo, cut);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_tile(BACKWARD_ARGUMENTS) {
    backward<true>(g, x, theta, axes, slopes, grad_x, grad_theta, count, channels, h, w, ho, wo, cut);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_in_place(BACKWARD_ARGUMENTS) {
    backward<false>(g, x, theta, axes, slopes, grad_x, grad_theta, count, channels, h, w, ho, wo, cut);
}
}
