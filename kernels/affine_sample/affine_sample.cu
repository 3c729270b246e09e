// Affine bilinear sampling: definition in __init__.py, the rest in kernels/sampling/*.cuh.
//
// axes: base position (pixels) and u of each output column, base position and v of each output row, pixels
// per unit of u and of v (made by cuda.py from reference.grid). A position is the base plus theta's
// deviation from the identity, so that the identity returns the image exactly.

struct Affine {
    Real a, b, e, c, d, f;  // (theta - identity) in pixels
    const Real *__restrict__ column, *__restrict__ u, *__restrict__ row, *__restrict__ v;
    int h, w, ho;
    bool cut;
    static constexpr bool X_FIRST = true;  // order of the derivatives

    DEVICE Affine(const Real* theta, const Real* axes, int h, int w, int ho, int wo, bool cut)
        : column(axes), u(axes + wo), row(axes + 2 * wo), v(axes + 2 * wo + ho), h(h), w(w), ho(ho), cut(cut) {
        const Real sx = v[ho], sy = v[ho + 1];
        a = (theta[0] - 1) * sx, b = theta[1] * sx, e = theta[2] * sx;
        c = theta[3] * sy, d = (theta[4] - 1) * sy, f = theta[5] * sy;
    }
    DEVICE Position operator()(int i, int j) const {
        Real p = column[j] + (a * u[j] + b * v[i] + e), q = row[i] + (c * u[j] + d * v[i] + f);
        if (cut && !(p >= 0 && p < w - 1 && q >= 0 && q < h - 1)) p = q = -PADDING;
        p = p > -PADDING ? p : -PADDING, q = q > -PADDING ? q : -PADDING;  // false for NaN, which counts as outside
        p = p < w ? p : w, q = q < h ? q : h;
        const Real left = floor(p), top = floor(q);
        return {(int)top, (int)left, p - left, q - top};
    }

    struct Gradient {
        const Affine& at;
        Real* grad;
        Real sums[6];
        DEVICE void add(int, int i, int j, int, Real dx, Real dy) {
            sums[0] += dx * at.u[j], sums[1] += dx * at.v[i], sums[2] += dx;
            sums[3] += dy * at.u[j], sums[4] += dy * at.v[i], sums[5] += dy;
        }
        DEVICE void finish() {
            const Real total = block_sum(sums);
            if (threadIdx.x < 6) grad[threadIdx.x] = total * at.v[at.ho + threadIdx.x / 3];
        }
    };
    DEVICE Gradient gradient(Real* grad_theta, size_t n) const { return {*this, grad_theta + 6 * n, {}}; }
};

#define FORWARD_ARGUMENTS \
    const Real *__restrict__ x, const Real *__restrict__ theta, const Real *__restrict__ axes, \
    Real *__restrict__ y, Real *__restrict__ derivatives, int count, int channels, int h, int w, int ho, int wo, int cut

#define BACKWARD_ARGUMENTS \
    const Real *__restrict__ g, const Real *__restrict__ x, \
    const Real *__restrict__ theta, const Real *__restrict__ axes, const Real *__restrict__ derivatives, \
    Real *grad_x, Real *__restrict__ grad_theta, \
    int count, int channels, int h, int w, int ho, int wo, int cut

#define POSITIONS [=](size_t n) { return Affine(theta + 6 * n, axes, h, w, ho, wo, cut); }

extern "C" {
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_shared(FORWARD_ARGUMENTS) {
    interpolate<true>(x, y, derivatives, count, channels, h, w, ho, wo, POSITIONS);
}
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_global(FORWARD_ARGUMENTS) {
    interpolate<false>(x, y, derivatives, count, channels, h, w, ho, wo, POSITIONS);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_shared(BACKWARD_ARGUMENTS) {
    interpolate_backward<true>(g, x, derivatives, grad_x, grad_theta, count, channels, h, w, ho, wo, POSITIONS);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_global(BACKWARD_ARGUMENTS) {
    interpolate_backward<false>(g, x, derivatives, grad_x, grad_theta, count, channels, h, w, ho, wo, POSITIONS);
}
}
