// Sampling along a flow: __init__.py says what is computed, ../bilinear.cuh how images are read and summed.

struct Placed {
    Spot spot;
    bool moves_x, moves_y;  // false beyond the edge, where the flow has no influence
};

struct Flow {
    const Real *__restrict__ down, *__restrict__ right;
    int h, w;

    __device__ __forceinline__ Flow(const Real* flow, int h, int w) : down(flow), right(flow + (size_t)h * w), h(h), w(w) {}
    static __device__ __forceinline__ int axis(Real& p, int n, bool& moves) {
        moves = n > 1 && p >= 0 && p <= n - 1;
        p = p > 0 ? p : 0;  // false for NaN: it is read at 0
        p = p < n - 1 ? p : n - 1;
        const int low = min((int)p, max(n - 2, 0));
        p -= low;
        return low;
    }
    __device__ __forceinline__ Placed place(int i, int j) const {
        Placed at;
        at.spot.s = j + right[i * w + j], at.spot.t = i + down[i * w + j];
        at.spot.j = axis(at.spot.s, w, at.moves_x), at.spot.i = axis(at.spot.t, h, at.moves_y);
        return at;
    }
    __device__ __forceinline__ Spot operator()(int i, int j) const { return place(i, j).spot; }
};

#define FORWARD_ARGUMENTS \
    const Real *__restrict__ x, const Real *__restrict__ flow, Real *__restrict__ y, Real *__restrict__ slopes, int count, int channels, int h, int w

template <bool TILE> __device__ __forceinline__ void forward(FORWARD_ARGUMENTS) {
    extern __shared__ unsigned long long arena[];
    Real* const tile = (Real*)arena;
    const size_t pixels = (size_t)h * w;
    clear_tile<TILE>(tile, h, w);
    for (size_t n = blockIdx.x; n < count; n += gridDim.x) {
        const Flow where(flow + 2 * n * pixels, h, w);
        for (int channel = 0; channel < channels; ++channel) {
            const size_t here = n * channels + channel;
            const Image<const Real, TILE> image(tile, x + here * pixels, h, w);
            Real* const out = y + here * pixels;
            Real* const along = slopes ? slopes + (here + n * channels) * pixels : nullptr;
            load_tile<TILE>(tile, x + here * pixels, h, w);
            if (TILE) __syncthreads();
            each_pixel(h, w, [&](int k, int i, int j) {
                const Placed at = where.place(i, j);
                const Sampled read = sample(image, at.spot);
                out[k] = read.value;
                if (along) along[k] = at.moves_y ? read.along_y : 0, along[channels * pixels + k] = at.moves_x ? read.along_x : 0;
            });
            if (TILE) __syncthreads();  // all have read before the next image comes
        }
    }
}

#define BACKWARD_ARGUMENTS \
    const Real *__restrict__ g, const Real *__restrict__ x, const Real *__restrict__ flow, const Real *__restrict__ slopes, \
    Real *grad_x, Real *__restrict__ grad_flow, int count, int channels, int h, int w

template <bool TILE> __device__ __forceinline__ void backward(BACKWARD_ARGUMENTS) {
    extern __shared__ unsigned long long arena[];
    Real* const tile = (Real*)arena;
    const bool reads = grad_flow && !slopes;
    Sum* const tile_of_sums = (Sum*)arena + (reads ? tile_size(h, w) : 0);
    const size_t pixels = (size_t)h * w;
    if (reads) clear_tile<TILE>(tile, h, w);
    for (size_t n = blockIdx.x; n < count; n += gridDim.x) {
        const Flow where(flow + 2 * n * pixels, h, w);
        Step step = {0, 0};
        if (grad_x)
            step = survey(Image<Sum, TILE>(tile_of_sums, (Sum*)grad_x + n * channels * pixels, h, w), g + n * channels * pixels, channels, h, w, where);
        for (int channel = 0; channel < channels; ++channel) {
            const size_t here = n * channels + channel;
            const Image<const Real, TILE> image(tile, x + here * pixels, h, w);
            const Image<Sum, TILE> sums(tile_of_sums, (Sum*)grad_x + here * pixels, h, w);
            const Real *const from = g + here * pixels, *const along = slopes ? slopes + (here + n * channels) * pixels : nullptr;
            if (reads) load_tile<TILE>(tile, x + here * pixels, h, w);
            if (grad_x) clear_sums(sums);
            __syncthreads();
            each_pixel(h, w, [&](int k, int i, int j) {
                const Placed at = where.place(i, j);
                const Real value = from[k];
                if (grad_flow) {
                    Real down, right;
                    if (along) {
                        down = along[k], right = along[channels * pixels + k];
                    } else {
                        const Sampled read = sample(image, at.spot);
                        down = at.moves_y ? read.along_y : 0, right = at.moves_x ? read.along_x : 0;
                    }
                    Real* const to = grad_flow + 2 * n * pixels + k;  // the same thread's in every channel
                    to[0] = (channel ? to[0] : 0) + value * down;
                    to[pixels] = (channel ? to[pixels] : 0) + value * right;
                }
                if (grad_x) scatter(sums, at.spot, value * step.per_unit);
            });
            __syncthreads();
            if (grad_x) write_sums(sums, step, grad_x + here * pixels);
        }
    }
}

extern "C" {
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_tile(FORWARD_ARGUMENTS) {
    forward<true>(x, flow, y, slopes, count, channels, h, w);
}
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_in_place(FORWARD_ARGUMENTS) {
    forward<false>(x, flow, y, slopes, count, channels, h, w);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_tile(BACKWARD_ARGUMENTS) {
    backward<true>(g, x, flow, slopes, grad_x, grad_flow, count, channels, h, w);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_in_place(BACKWARD_ARGUMENTS) {
    backward<false>(g, x, flow, slopes, grad_x, grad_flow, count, channels, h, w);
}
}
