// Bilinear sampling along a flow: definition in __init__.py, the rest in kernels/sampling/*.cuh.

struct Flow {
    const Real *__restrict__ down, *__restrict__ right;
    int h, w;
    static constexpr bool X_FIRST = false;  // order of the derivatives

    DEVICE Flow(const Real* flow, int h, int w) : down(flow), right(flow + (size_t)h * w), h(h), w(w) {}
    static DEVICE int axis(Real& p, int n, bool& moves) {
        moves = n > 1 && p >= 0 && p <= n - 1;
        p = p > 0 ? p : 0;  // false for NaN, which is read at 0
        p = p < n - 1 ? p : n - 1;
        const int low = min((int)p, max(n - 2, 0));
        p -= low;
        return low;
    }
    DEVICE Position operator()(int i, int j) const {
        Position p;
        p.s = j + right[i * w + j], p.t = i + down[i * w + j];
        p.j = axis(p.s, w, p.moves_x), p.i = axis(p.t, h, p.moves_y);
        return p;
    }
    struct Gradient {
        Real *down, *right;  // an element is written by the same thread for every channel
        DEVICE void add(int k, int, int, int channel, Real dx, Real dy) {
            down[k] = (channel ? down[k] : 0) + dy;
            right[k] = (channel ? right[k] : 0) + dx;
        }
        DEVICE void finish() {}
    };
    DEVICE Gradient gradient(Real* grad_flow, size_t n) const {
        Real* const first = grad_flow + 2 * n * h * w;
        return {first, first + (size_t)h * w};
    }
};

#define FORWARD_ARGUMENTS \
    const Real *__restrict__ x, const Real *__restrict__ flow, \
    Real *__restrict__ y, Real *__restrict__ derivatives, int count, int channels, int h, int w

#define BACKWARD_ARGUMENTS \
    const Real *__restrict__ g, const Real *__restrict__ x, const Real *__restrict__ flow, \
    const Real *__restrict__ derivatives, Real *grad_x, Real *__restrict__ grad_flow, \
    int count, int channels, int h, int w

#define POSITIONS [=](size_t n) { return Flow(flow + 2 * n * h * w, h, w); }

extern "C" {
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_shared(FORWARD_ARGUMENTS) {
    interpolate<true>(x, y, derivatives, count, channels, h, w, h, w, POSITIONS);
}
__global__ void __launch_bounds__(MOST_THREADS, FORWARD_BLOCKS) forward_global(FORWARD_ARGUMENTS) {
    interpolate<false>(x, y, derivatives, count, channels, h, w, h, w, POSITIONS);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_shared(BACKWARD_ARGUMENTS) {
    interpolate_backward<true>(g, x, derivatives, grad_x, grad_flow, count, channels, h, w, h, w, POSITIONS);
}
__global__ void __launch_bounds__(MOST_THREADS, BACKWARD_BLOCKS) backward_global(BACKWARD_ARGUMENTS) {
    interpolate_backward<false>(g, x, derivatives, grad_x, grad_flow, count, channels, h, w, h, w, POSITIONS);
}
}
