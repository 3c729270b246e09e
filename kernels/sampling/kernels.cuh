// The two kernels of affine_sample.cu and flow_sample.cu, for positions of either kind; needs bilinear.cuh.

// y (count, channels, ho, wo) and, unless null, the derivatives of the value (count, 2, channels, ho, wo).
// positions_of(n) gives the positions in image n: Affine or Flow.
template <bool SHARED, class PositionsOf>
DEVICE void interpolate(
    const Real* __restrict__ x, Real* __restrict__ y, Real* __restrict__ derivatives,
    int count, int channels, int h, int w, int ho, int wo, PositionsOf positions_of) {
    extern __shared__ unsigned long long shared_memory[];
    Real* const padded = (Real*)shared_memory;
    const size_t pixels = (size_t)h * w, outputs = (size_t)ho * wo;
    clear_padded<SHARED>(padded, h, w);
    for (size_t n = blockIdx.x; n < count; n += gridDim.x) {
        const auto positions = positions_of(n);
        for (int channel = 0; channel < channels; ++channel) {
            const size_t here = n * channels + channel;
            const Image<const Real, SHARED> image(padded, x + here * pixels, h, w);
            Real* const out = y + here * outputs;
            Real* const derivative = derivatives ? derivatives + (here + n * channels) * outputs : nullptr;
            load_padded<SHARED>(padded, x + here * pixels, h, w);
            if (SHARED) __syncthreads();
            for_each_pixel(ho, wo, [&](int k, int i, int j) {
                const Sample read = sample(image, positions(i, j));
                out[k] = read.value;
                if (derivative) {
                    derivative[k] = positions.X_FIRST ? read.dx : read.dy;
                    derivative[channels * outputs + k] = positions.X_FIRST ? read.dy : read.dx;
                }
            });
            if (SHARED) __syncthreads();  // all threads have read before the image is replaced
        }
    }
}

// The gradients of x and of what the positions are computed from (theta or flow), each unless null.
template <bool SHARED, class PositionsOf>
DEVICE void interpolate_backward(
    const Real* __restrict__ g, const Real* __restrict__ x, const Real* __restrict__ derivatives,
    Real* grad_x, Real* __restrict__ grad_move,
    int count, int channels, int h, int w, int ho, int wo, PositionsOf positions_of) {
    extern __shared__ unsigned long long shared_memory[];
    Real* const padded = (Real*)shared_memory;
    const bool reads_image = grad_move && !derivatives;
    Sum* const padded_sums = (Sum*)shared_memory + (reads_image ? padded_size(h, w) : 0);
    const size_t pixels = (size_t)h * w, outputs = (size_t)ho * wo;
    if (reads_image) clear_padded<SHARED>(padded, h, w);
    for (size_t n = blockIdx.x; n < count; n += gridDim.x) {
        const auto positions = positions_of(n);
        Step step = {0, 0};
        if (grad_x)
            step = choose_step(Image<Sum, SHARED>(padded_sums, (Sum*)grad_x + n * channels * pixels, h, w),
                               g + n * channels * outputs, channels, ho, wo, positions);
        auto gradient = positions.gradient(grad_move, n);
        for (int channel = 0; channel < channels; ++channel) {
            const size_t here = n * channels + channel;
            const Image<const Real, SHARED> image(padded, x + here * pixels, h, w);
            const Image<Sum, SHARED> sums(padded_sums, (Sum*)grad_x + here * pixels, h, w);
            const Real* const from = g + here * outputs;
            const Real* const derivative = derivatives ? derivatives + (here + n * channels) * outputs : nullptr;
            if (reads_image) load_padded<SHARED>(padded, x + here * pixels, h, w);
            if (grad_x) clear_sums(sums);
            __syncthreads();
            for_each_pixel(ho, wo, [&](int k, int i, int j) {
                const Position position = positions(i, j);
                const Real value = from[k];
                if (grad_move) {
                    Real dx, dy;
                    if (derivative) {
                        const Real first = derivative[k], second = derivative[channels * outputs + k];
                        dx = positions.X_FIRST ? first : second, dy = positions.X_FIRST ? second : first;
                    } else {
                        const Sample read = sample(image, position);
                        dx = read.dx, dy = read.dy;
                    }
                    gradient.add(k, i, j, channel, value * dx, value * dy);
                }
                if (grad_x) scatter(sums, position, value * step.per_unit);
            });
            __syncthreads();
            if (grad_x) write_sums(sums, step, grad_x + here * pixels);
        }
        if (grad_move) gradient.finish();
    }
}
