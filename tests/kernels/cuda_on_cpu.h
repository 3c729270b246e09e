// Enough of CUDA to run our kernels on a CPU: blocks one after another, each thread a fiber.
//
// Between two barriers threads run one after another in an order shuffled anew each time, so a missing
// barrier gives wrong numbers, as some order has a thread reading what another has not yet written, or
// has already overwritten. Threads that wait at different barriers, or end while others wait, are
// reported. Shared memory starts as garbage; the address sanitizer, if on, guards its end.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <random>
#include <ucontext.h>
#include <utility>
#include <vector>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define ENTER_FIBER(save, stack, size) __sanitizer_start_switch_fiber(save, stack, size)
#define ENTERED_FIBER(save, stack, size) __sanitizer_finish_switch_fiber(save, stack, size)
#else
#define ENTER_FIBER(save, stack, size)
#define ENTERED_FIBER(save, stack, size)
#define ASAN_POISON_MEMORY_REGION(start, size)
#define ASAN_UNPOISON_MEMORY_REGION(start, size)
#endif

#define __global__
#define __device__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define __shared__ thread_local  // one CPU thread: static, and may be declared extern within a function

struct Index { int x = 0, y = 0, z = 0; };
static Index threadIdx, blockIdx, blockDim, gridDim;
constexpr size_t SHARED_BYTES = 232448;  // an H100's shared memory
thread_local unsigned long long shared_memory[SHARED_BYTES / 8];

namespace cpu {
struct Fiber { ucontext_t context; std::vector<char> stack; int waits_at; void* sanitizer; };
constexpr int RUNS = 0, ENDED = -1, STACK = 1 << 16;
static std::vector<Fiber> fibers;
static ucontext_t scheduler;
static void* scheduler_sanitizer;
static const void* scheduler_stack;
static size_t scheduler_size;
static int current, left_out;
static std::function<void()> body;
static std::vector<double> lanes;

static void wait(int place) {
    Fiber& me = fibers[current];
    me.waits_at = place;
    ENTER_FIBER(&me.sanitizer, scheduler_stack, scheduler_size);
    swapcontext(&me.context, &scheduler);
    ENTERED_FIBER(me.sanitizer, nullptr, nullptr);
}
static void barrier(int place) { if (place != left_out) wait(place); }
template <class T> T shuffle_down(T value, int offset, int place) {
    const int me = current, other = me + offset;
    std::memcpy(&lanes[me], &value, sizeof value);
    wait(place);
    if (me % 32 + offset < 32 && other < blockDim.x) std::memcpy(&value, &lanes[other], sizeof value);
    wait(place);
    return value;
}
static void start() {
    ENTERED_FIBER(nullptr, &scheduler_stack, &scheduler_size);
    body();
    fibers[current].waits_at = ENDED;
    ENTER_FIBER(nullptr, scheduler_stack, scheduler_size);
}
static void resume(int thread) {
    current = threadIdx.x = thread;
    ENTER_FIBER(&scheduler_sanitizer, fibers[thread].stack.data(), STACK);
    swapcontext(&scheduler, &fibers[thread].context);
    ENTERED_FIBER(scheduler_sanitizer, nullptr, nullptr);
}
// Runs the block's threads to their end; 0, or 1 if they once waited at different places.
static int run_block(std::mt19937& random) {
    std::vector<int> order(blockDim.x);
    for (int t = 0; t < blockDim.x; ++t) {
        Fiber& fiber = fibers[order[t] = t];
        fiber.waits_at = RUNS;
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = &scheduler;
        makecontext(&fiber.context, start, 0);
    }
    int parted = 0;
    for (bool running = true; running;) {
        std::shuffle(order.begin(), order.end(), random);
        for (int t : order) if (fibers[t].waits_at != ENDED) resume(t);
        running = false;
        for (int t : order) running |= fibers[t].waits_at != ENDED, parted |= fibers[t].waits_at != fibers[0].waits_at;
    }
    return parted;
}
template <class... A, size_t... I>
int run(void (*kernel)(A...), const int* shape, size_t shared, void** args, int seed, int leave_out,
        std::index_sequence<I...>) {
    if (shared > SHARED_BYTES) return 2;
    std::mt19937 random(seed);
    gridDim.x = shape[0], gridDim.y = shape[1], blockDim.x = shape[2], left_out = leave_out;
    fibers.resize(shape[2]), lanes.resize(shape[2]);
    for (Fiber& fiber : fibers) fiber.stack.resize(STACK);
    body = [=] { kernel(*(A*)args[I]...); };
    int parted = 0;
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) {
            ASAN_UNPOISON_MEMORY_REGION(shared_memory, SHARED_BYTES);
            std::memset(shared_memory, 0xdb, SHARED_BYTES);
            ASAN_POISON_MEMORY_REGION((char*)shared_memory + shared, SHARED_BYTES - shared);
            parted |= run_block(random);
        }
    return parted;
}
template <class... A>
int run(void (*kernel)(A...), const int* shape, size_t shared, void** args, int seed, int leave_out) {
    return run(kernel, shape, shared, args, seed, leave_out, std::index_sequence_for<A...>());
}
}  // namespace cpu

// Runs a kernel on a grid of shape[0] x shape[1] blocks of shape[2] threads, without the barrier in line leave_out.
#define ON_CPU(kernel) \
    extern "C" int run_##kernel(const int* shape, size_t shared, void** args, int seed, int leave_out) { \
    return cpu::run(kernel, shape, shared, args, seed, leave_out); }

#define __syncthreads() cpu::barrier(__LINE__)
#define __shfl_down_sync(mask, value, offset) cpu::shuffle_down(value, offset, __LINE__)
using std::max;
using std::min;
using std::floor;
using std::ldexp;
static inline unsigned atomicAdd(unsigned* at, unsigned more) {
    const unsigned before = *at;
    *at += more;
    return before;
}
static inline unsigned atomicMax(unsigned* at, unsigned other) {
    const unsigned before = *at;
    *at = max(*at, other);
    return before;
}
static inline unsigned __float_as_uint(float value) { unsigned bits; std::memcpy(&bits, &value, 4); return bits; }
static inline int __double2hiint(double value) {
    unsigned long long bits;
    std::memcpy(&bits, &value, 8);
    return (int)(bits >> 32);
}
static inline int __clz(int bits) { return bits ? __builtin_clz((unsigned)bits) : 32; }
// Out of range they saturate and NaN is 0, as on the GPU; that it does not happen is what the tests are to show.
static inline long long rounded(double value, double limit) {
    const long long most = (long long)(limit - 1);
    return std::isnan(value) ? 0 : value >= limit ? most : value < -limit ? -most : std::llrint(value);
}
static inline int __float2int_rn(float value) { return (int)rounded(value, 2147483648.0); }
static inline long long __double2ll_rn(double value) { return rounded(value, 9223372036854774784.0); }
