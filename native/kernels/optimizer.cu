// What an optimizer does to parameters: an AdamW step in one pass over memory, and the sum of squares that clipping needs.
#include "common.cuh"

namespace {

// A step's numbers: the bias corrections have gone into the rate and the root's factor.
struct AdamW {
    float gradient_scale, beta1, rest1, beta2, rest2, keep, rate, root_factor, epsilon;

    // Each operation is rounded by itself, as on the CPU, so that both give the same bits.
    __device__ __forceinline__ float step(float w, float gradient, float& m, float& v) const {
        const float g = __fmul_rn(gradient, gradient_scale);
        m = __fadd_rn(__fmul_rn(m, beta1), __fmul_rn(g, rest1));
        v = __fadd_rn(__fmul_rn(v, beta2), __fmul_rn(__fmul_rn(g, g), rest2));
        const float root = __fadd_rn(__fmul_rn(__fsqrt_rn(v), root_factor), epsilon);
        return __fsub_rn(__fmul_rn(w, keep), __fdiv_rn(__fmul_rn(m, rate), root));
    }
};

// N neighbouring elements, loaded and stored at once.
template <typename T, int N> struct alignas(N * sizeof(T)) Elements {
    T at[N];
};

template <typename T, int N>
__device__ __forceinline__ void adamw_step(const AdamW& numbers, T* parameter, const float* gradient, float* first, float* second) {
    auto w = *reinterpret_cast<Elements<T, N>*>(parameter);
    const auto g = *reinterpret_cast<const Elements<float, N>*>(gradient);
    auto m = *reinterpret_cast<Elements<float, N>*>(first);
    auto v = *reinterpret_cast<Elements<float, N>*>(second);
#pragma unroll
    for (int i = 0; i < N; i++) w.at[i] = narrow<T>(numbers.step(widen(w.at[i]), g.at[i], m.at[i], v.at[i]));
    *reinterpret_cast<Elements<T, N>*>(parameter) = w;
    *reinterpret_cast<Elements<float, N>*>(first) = m;
    *reinterpret_cast<Elements<float, N>*>(second) = v;
}

template <typename T>
__device__ __forceinline__ void adamw(const AdamW& numbers, T* parameter, const float* gradient, float* first, float* second, long long count) {
    const long long thread = blockIdx.x * (long long)blockDim.x + threadIdx.x, threads = (long long)gridDim.x * blockDim.x;
    const auto addresses = reinterpret_cast<uintptr_t>(gradient) | reinterpret_cast<uintptr_t>(first) | reinterpret_cast<uintptr_t>(second);
    const bool aligned = addresses % 16 == 0 && reinterpret_cast<uintptr_t>(parameter) % (4 * sizeof(T)) == 0;
    const long long whole = aligned ? count / 4 * 4 : 0;
    for (long long i = 4 * thread; i < whole; i += 4 * threads) adamw_step<T, 4>(numbers, parameter + i, gradient + i, first + i, second + i);
    for (long long i = whole + thread; i < count; i += threads) adamw_step<T, 1>(numbers, parameter + i, gradient + i, first + i, second + i);
}

__device__ __forceinline__ double warp_sum(double x) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}

// The sum over a block of whole warps, in a fixed tree; the first thread has it.
__device__ __forceinline__ double total_of_block(double x) {
    __shared__ double partial[32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    x = warp_sum(x);
    if (lane == 0) partial[warp] = x;
    __syncthreads();
    return warp == 0 ? warp_sum(lane < warps ? partial[lane] : 0.0) : 0.0;
}

}  // namespace

#define ADAMW(NAME, TYPE)                                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256) NAME(TYPE* parameter, const float* gradient, float* first, float* second, long long count,    \
                                                           float gradient_scale, float beta1, float rest1, float beta2, float rest2, float keep,    \
                                                           float rate, float root_factor, float epsilon) {                                          \
        adamw<TYPE>({gradient_scale, beta1, rest1, beta2, rest2, keep, rate, root_factor, epsilon}, parameter, gradient, first, second, count);     \
    }

ADAMW(adamw_f32, float)
ADAMW(adamw_bf16, __nv_bfloat16)
ADAMW(adamw_f16, __half)

// The sum of squares of each chunk, one for each block. The square of an f32 is exact in double precision.
extern "C" __global__ void __launch_bounds__(256) squares_of_chunks_f32(const float* x, double* sums, long long count, int chunk) {
    const long long first = blockIdx.x * (long long)chunk, rest = count - first;
    const int length = rest < chunk ? (int)rest : chunk;
    x += first;
    double sum = 0.0;
    const int whole = reinterpret_cast<uintptr_t>(x) % 16 == 0 ? length / 4 * 4 : 0;
    for (int i = threadIdx.x * 4; i < whole; i += blockDim.x * 4) {
        const float4 v = *reinterpret_cast<const float4*>(x + i);
        const double a = v.x, b = v.y, c = v.z, d = v.w;
        sum = fma(a, a, sum);
        sum = fma(b, b, sum);
        sum = fma(c, c, sum);
        sum = fma(d, d, sum);
    }
    for (int i = whole + threadIdx.x; i < length; i += blockDim.x) sum = fma((double)x[i], (double)x[i], sum);
    sum = total_of_block(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// The total of all chunks' sums, by one block.
extern "C" __global__ void __launch_bounds__(1024) total_of_chunks_f64(const double* sums, double* total, long long count) {
    double sum = 0.0;
    for (long long i = threadIdx.x; i < count; i += blockDim.x) sum += sums[i];
    sum = total_of_block(sum);
    if (threadIdx.x == 0) *total = sum;
}
