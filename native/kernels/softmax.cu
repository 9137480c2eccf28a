// Softmax and log-softmax along rows, their gradients, and log-sum-exp. One block per row. A thread visits the same elements in each pass, so the
// result may overwrite its operand.
#include "elements.cuh"
#include "exponentials.cuh"

namespace {

constexpr int THREADS = 512;

// Calls f with the index of the first of each N elements of this thread.
template <int N, typename F> __device__ __forceinline__ void for_elements(long long width, F f) {
#pragma unroll 1
    for (long long i = threadIdx.x * N; i < width; i += blockDim.x * N) f(i);
}

template <int N, typename T> __device__ __forceinline__ void widened(const T* from, float (&to)[N]) {
    T values[N];
    load(from, values);
#pragma unroll
    for (int j = 0; j < N; j++) to[j] = widen(values[j]);
}

template <typename T, int N> __device__ __forceinline__ bool is_aligned(const T* x) { return reinterpret_cast<uintptr_t>(x) % (N * sizeof(T)) == 0; }

template <int N, typename T> __device__ __forceinline__ Exponentials exponentials(const T* x, long long width) {
    Exponentials all;
    for_elements<N>(width, [&](long long i) {
        float values[N];
        widened(x + i, values);
        all.add(values, 1.0f);
    });
    all.join(1.0f);
    return all;
}

template <int N, typename T> __device__ __forceinline__ float log_sum_exp(const T* x, long long width) {
    const Exponentials all = exponentials<N>(x, width);
    if (all.max < INFINITY) return all.max + logf(all.sum);
    // With a maximum of infinity, inf - inf made the sum NaN. The result is infinity, or NaN if an element is NaN.
    float none = 0.0f;
    for_elements<N>(width, [&](long long i) {
        float values[N];
        widened(x + i, values);
#pragma unroll
        for (int j = 0; j < N; j++) none += isnan(values[j]) ? 1.0f : 0.0f;
    });
    return block_sum(none) > 0.0f ? __int_as_float(0x7fc00000) : INFINITY;
}

template <int N, typename T> __device__ __forceinline__ void softmax_row(const T* x, T* out, long long width, int logarithm) {
    const Exponentials all = exponentials<N>(x, width);
    const float log_sum = logf(all.sum);
    for_elements<N>(width, [&](long long i) {
        float values[N];
        T results[N];
        widened(x + i, values);
#pragma unroll
        for (int j = 0; j < N; j++) {
            const float difference = values[j] - all.max;
            results[j] = narrow<T>(logarithm ? difference - log_sum : exp_precise(difference) / all.sum);
        }
        store(out + i, results);
    });
}

// Sum over a block of whole warps in f64 in a fixed tree; every thread receives it.
__device__ __forceinline__ double precise_sum(double x) {
    __shared__ double partial[32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(ALL_LANES, x, distance);
    if (lane == 0) partial[warp] = x;
    __syncthreads();
    x = lane < warps ? partial[lane] : 0.0;
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}

// The sum is in f64, because most results are small beside it and would show its rounding error.
template <int N, typename T>
__device__ __forceinline__ void gradient_row(const float* gradient, const T* y, float* dx, long long width, int logarithm) {
    double sum = 0.0;
    for_elements<N>(width, [&](long long i) {
        float g[N], values[N];
        load(gradient + i, g);
        widened(y + i, values);
#pragma unroll
        for (int j = 0; j < N; j++) sum = logarithm ? sum + g[j] : fma((double)g[j], (double)values[j], sum);
    });
    sum = precise_sum(sum);
    for_elements<N>(width, [&](long long i) {
        float g[N], values[N];
        load(gradient + i, g);
        widened(y + i, values);
#pragma unroll
        for (int j = 0; j < N; j++) g[j] = (float)(logarithm ? fma(-(double)exp_precise(values[j]), sum, (double)g[j]) : (g[j] - sum) * values[j]);
        store(dx + i, g);
    });
}

}  // namespace

#define SOFTMAX(SUFFIX, TYPE) \
    extern "C" __global__ void __launch_bounds__(THREADS) softmax_##SUFFIX(const TYPE* x, TYPE* out, long long width, int logarithm) { \
        x += blockIdx.x * width; \
        out += blockIdx.x * width; \
        if (width % 4 == 0 && is_aligned<TYPE, 4>(x) && is_aligned<TYPE, 4>(out)) softmax_row<4>(x, out, width, logarithm); \
        else softmax_row<1>(x, out, width, logarithm); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) softmax_gradient_##SUFFIX(const float* gradient, const TYPE* y, float* dx, \
                                                                                   long long width, int logarithm) { \
        gradient += blockIdx.x * width; \
        y += blockIdx.x * width; \
        dx += blockIdx.x * width; \
        const bool fours = is_aligned<float, 4>(gradient) && is_aligned<TYPE, 4>(y) && is_aligned<float, 4>(dx); \
        if (width % 4 == 0 && fours) gradient_row<4>(gradient, y, dx, width, logarithm); \
        else gradient_row<1>(gradient, y, dx, width, logarithm); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) log_sum_exp_##SUFFIX(const TYPE* x, float* out, long long width) { \
        x += blockIdx.x * width; \
        const float result = width % 4 == 0 && is_aligned<TYPE, 4>(x) ? log_sum_exp<4>(x, width) : log_sum_exp<1>(x, width); \
        if (threadIdx.x == 0) out[blockIdx.x] = result; \
    }
FLOATING_TYPES(SOFTMAX)
