// AdamW in one pass over memory, with F32 moments or 8-bit block-quantized ones, and the sum of squares for gradient clipping.
#include "common.cuh"
#include <type_traits>

namespace {

// Coefficients of a step; the bias corrections are folded into rate and root_factor.
struct AdamW {
    float gradient_scale, beta1, rest1, beta2, rest2, keep, rate, root_factor, epsilon;

    // No operation is contracted to an FMA, so that results are bit-identical to the CPU's.
    __device__ __forceinline__ float step(float w, float gradient, float& m, float& v) const {
        const float g = __fmul_rn(gradient, gradient_scale);
        m = __fadd_rn(__fmul_rn(m, beta1), __fmul_rn(g, rest1));
        v = __fadd_rn(__fmul_rn(v, beta2), __fmul_rn(__fmul_rn(g, g), rest2));
        const float root = __fadd_rn(__fmul_rn(__fsqrt_rn(v), root_factor), epsilon);
        return __fsub_rn(__fmul_rn(w, keep), __fdiv_rn(__fmul_rn(m, rate), root));
    }
};

// Rounding of BF16 parameters, as kept.backend.AdamWStep.Rounding.
struct Rounding {
    int stochastic;
    unsigned long long seed, stream;
};

// One round of Philox4x32 (Salmon et al. 2011).
__device__ __forceinline__ uint4 philox_round(uint4 c, unsigned k0, unsigned k1) {
    return make_uint4(__umulhi(0xcd9e8d57u, c.z) ^ c.y ^ k0, 0xcd9e8d57u * c.z, __umulhi(0xd2511f53u, c.x) ^ c.w ^ k1, 0xd2511f53u * c.x);
}

// Random bits of the N elements from i, a multiple of N: 16 bits per element, the first in the lower half of a word.
template <int N> __device__ __forceinline__ void random_words(const Rounding& rounding, long long i, unsigned (&words)[N / 2]) {
    static_assert(N == 4 || N == 8, "half a Philox block or a whole one");
    const unsigned long long block = i / 8;
    uint4 c = make_uint4((unsigned)block, (unsigned)(block >> 32), (unsigned)rounding.stream, (unsigned)(rounding.stream >> 32));
    unsigned k0 = (unsigned)rounding.seed, k1 = (unsigned)(rounding.seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) c = philox_round(c, k0, k1);
    if constexpr (N == 8) {
        words[0] = c.x, words[1] = c.y, words[2] = c.z, words[3] = c.w;
    } else {
        words[0] = i % 8 == 0 ? c.x : c.z, words[1] = i % 8 == 0 ? c.y : c.w;
    }
}

// N adjacent elements, with vectorized loads and stores where aligned. Elements beyond the count are loaded as 0 and not stored.
template <typename T, int N> struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Run {
    T at[N];

    __device__ __forceinline__ static bool aligned(const T* x) { return reinterpret_cast<uintptr_t>(x) % alignof(Run) == 0; }

    __device__ __forceinline__ static Run load(const T* x, long long i, long long count, bool aligned) {
        if (aligned && i + N <= count) return *reinterpret_cast<const Run*>(x + i);
        Run run;
#pragma unroll
        for (int j = 0; j < N; j++) run.at[j] = i + j < count ? x[i + j] : narrow<T>(0.0f);
        return run;
    }

    __device__ __forceinline__ void store(T* x, long long i, long long count, bool aligned) const {
        if (aligned && i + N <= count) {
            *reinterpret_cast<Run*>(x + i) = *this;
        } else {
#pragma unroll
            for (int j = 0; j < N; j++)
                if (i + j < count) x[i + j] = at[j];
        }
    }
};

// Rounds the elements from index i, a multiple of N, to their type.
template <typename T, int N> __device__ __forceinline__ Run<T, N> rounded(const Rounding& rounding, long long i, const float (&wide)[N]) {
    Run<T, N> run;
    if constexpr (std::is_same<T, __nv_bfloat16>::value) {
        if (rounding.stochastic) {
            unsigned words[N / 2];
            random_words<N>(rounding, i, words);
#pragma unroll
            for (int j = 0; j < N; j++) {
                const unsigned bits = __float_as_uint(wide[j]), random = (words[j / 2] >> (j % 2 * 16)) & 0xffffu;
                const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
                run.at[j] = finite ? __ushort_as_bfloat16((unsigned short)((bits + random) >> 16)) : narrow<T>(wide[j]);
            }
            return run;
        }
    }
#pragma unroll
    for (int j = 0; j < N; j++) run.at[j] = narrow<T>(wide[j]);
    return run;
}

// Operands of a step: a parameter, and a gradient of F32 or of the parameter's type.
template <typename T, typename G> struct Operands {
    T* parameter;
    const G* gradient;
    long long count;

    template <int N>
    __device__ __forceinline__ void step(const AdamW& numbers, const Rounding& rounding, long long i, float (&m)[N], float (&v)[N]) const {
        const bool whole = Run<T, N>::aligned(parameter);
        const auto w = Run<T, N>::load(parameter, i, count, whole);
        const auto g = Run<G, N>::load(gradient, i, count, Run<G, N>::aligned(gradient));
        float wide[N];
#pragma unroll
        for (int j = 0; j < N; j++) wide[j] = numbers.step(widen(w.at[j]), widen(g.at[j]), m[j], v[j]);
        rounded<T>(rounding, i, wide).store(parameter, i, count, whole);
    }
};

// Grid-stride loop with four elements per thread and iteration.
template <typename T, typename G>
__device__ __forceinline__ void adamw(const AdamW& numbers, const Rounding& rounding, const Operands<T, G>& operands, float* first, float* second) {
    using Four = Run<float, 4>;
    const long long threads = (long long)gridDim.x * blockDim.x, count = operands.count;
    const bool first_aligned = Four::aligned(first), second_aligned = Four::aligned(second);
#pragma unroll 1
    for (long long i = 4 * (blockIdx.x * (long long)blockDim.x + threadIdx.x); i < count; i += 4 * threads) {
        auto m = Four::load(first, i, count, first_aligned), v = Four::load(second, i, count, second_aligned);
        operands.step(numbers, rounding, i, m.at, v.at);
        m.store(first, i, count, first_aligned);
        v.store(second, i, count, second_aligned);
    }
}

// The values of an 8-bit code and the bounds between them, bit-identical to kept.backend.BlockCodes.
struct Code {
    float values[256], bounds[255];
};

__device__ __forceinline__ float value_of(int step, int decade, int count) {
    // Selected by comparisons, because an indexed table would be placed in local memory.
    const double low = decade == 0 ? 1e-6 : decade == 1 ? 1e-5 : 1e-4, high = decade == 3 ? 1e-3 : decade == 4 ? 1e-2 : decade == 5 ? 1e-1 : 1.0;
    const double power = decade < 3 ? low : high;
    return (float)__dmul_rn(__dadd_rn(0.1, __dmul_rn(0.9, __ddiv_rn(step + 0.5, (double)count))), power);
}

// The non-negative value of a rank in ascending order: rank 0 is 0, the last rank is 1.
__device__ __forceinline__ float magnitude_of(int rank, bool is_signed) {
    if (rank == 0) return 0.0f;
    // Decade d has 2^d values from rank 2^d on, or twice as many from rank 2^(d + 1) - 1 on.
    const int decade = 31 - __clz(is_signed ? rank : (rank + 1) / 2);
    if (decade == 7) return 1.0f;
    const int count = is_signed ? 1 << decade : 2 << decade;
    return value_of(rank - (is_signed ? count : count - 1), decade, count);
}

__device__ void make(Code& code, bool is_signed) {
    for (int i = threadIdx.x; i < 256; i += blockDim.x) {
        const int rank = is_signed ? i - 127 : i;
        const float magnitude = magnitude_of(rank < 0 ? -rank : rank, is_signed);
        code.values[i] = rank < 0 ? -magnitude : magnitude;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < 255; i += blockDim.x) {
        const double both = __dadd_rn((double)code.values[i], (double)code.values[i + 1]);
        code.bounds[i] = !is_signed && i == 0 ? 0.0f : (float)__dmul_rn(0.5, both);
    }
    __syncthreads();
}

// Divides a lane's numbers by the largest magnitude of their block, correctly rounded as by __fdiv_rn. A product with the rounded reciprocal,
// corrected twice, is correctly rounded where the remainders are exact (Markstein 1990): for quotients from 2^-23 on, if the divisor is within these
// bounds. Smaller quotients have the code of 0 or of the least value, whatever their last bits.
template <int N> __device__ __forceinline__ void divide(float (&numbers)[N], float scale) {
    if (scale >= 0x1p-60f && scale <= 0x1p100f) {
        const float reciprocal = __frcp_rn(scale);
#pragma unroll
        for (int j = 0; j < N; j++) {
            const float x = numbers[j], close = __fmul_rn(x, reciprocal);
            const float closer = __fmaf_rn(__fmaf_rn(-close, scale, x), reciprocal, close);
            numbers[j] = __fmaf_rn(__fmaf_rn(-closer, scale, x), reciprocal, closer);
        }
    } else {
#pragma unroll
        for (int j = 0; j < N; j++) numbers[j] = scale > 0.0f ? __fdiv_rn(numbers[j], scale) : 0.0f;
    }
}

__device__ __forceinline__ float log2_approximate(float x) {
    float y;
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ __forceinline__ float exp2_approximate(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// The code of a number from -1 to 1: how many bounds are below it. Within decade d, values and bounds are evenly spaced, so the number's position
// among them, counted from the bound below the decade's first value, is n (|x| 10^(6 - d) - 0.1) / 0.9 with n = S 2^d, S = 1 for the signed code and
// 2 for the unsigned one, and the rank of the decade's first value is n - S + 1. Where decades meet the position is up to 0.2 too high, and
// approximate logarithms and powers add less than 0.001; lowered by 0.25 it is therefore at most one too low, which one comparison corrects.
template <bool SIGNED> __device__ __forceinline__ unsigned code_of(const Code& code, float x) {
    constexpr float S = SIGNED ? 1.0f : 2.0f;
    constexpr float INTEGER = 12582912.0f;  // 1.5 * 2^23: a small number added to it is rounded to an integer, which is in the low bits.
    const float magnitude = fabsf(x);
    const float decade = __fadd_rn(fminf(fmaxf(__fmaf_rn(log2_approximate(magnitude), 0.30103f, 6.5f), 0.0f), 6.0f), INTEGER);
    const float power = __uint_as_float((__float_as_uint(decade) << 23) + 0x3f800000u);
    // S 10^6 / 0.9 5^-d
    const float slope = exp2_approximate(__fmaf_rn(__fsub_rn(decade, INTEGER), -2.32192809f, SIGNED ? 20.0835719f : 21.0835719f));
    const float rank = __fmaf_rn(magnitude, slope, __fmaf_rn(power, S * (8.0f / 9.0f), 0.75f - S));
    // The code of rank 0 is 127 in the signed code, and negative numbers count down from it.
    const float place = SIGNED ? __fadd_rn(126.5f, copysignf(rank, x)) : __fsub_rn(rank, 0.5f);
    const unsigned lower = __float_as_uint(__fadd_rn(fmaxf(place, 0.0f), INTEGER)) & 0xffu;
    return lower + (x > code.bounds[lower] ? 1 : 0);
}

template <bool SIGNED> __device__ __forceinline__ unsigned codes_of(const Code& code, const float* numbers) {
    unsigned word = 0;
#pragma unroll
    for (int j = 0; j < 4; j++) word |= code_of<SIGNED>(code, numbers[j]) << (8 * j);
    return word;
}

constexpr int BLOCK = 256, WORDS = BLOCK / 4 + 1;

// A warp updates a quantization block of 256 elements; each lane has eight.
template <typename T, typename G>
__device__ __forceinline__ void adamw_coded(const AdamW& numbers, const Rounding& rounding, const Operands<T, G>& operands, unsigned* first,
                                            unsigned* second) {
    __shared__ Code of_first, of_second;
    make(of_first, true);
    make(of_second, false);
    const int lane = threadIdx.x & 31, warps = blockDim.x >> 5;
    const long long blocks = (operands.count + BLOCK - 1) / BLOCK, stride = (long long)gridDim.x * warps;
#pragma unroll 1
    for (long long block = blockIdx.x * (long long)warps + (threadIdx.x >> 5); block < blocks; block += stride) {
        unsigned* const first_words = first + block * WORDS;
        unsigned* const second_words = second + block * WORDS;
        const float first_scale = __uint_as_float(first_words[WORDS - 1]), second_scale = __uint_as_float(second_words[WORDS - 1]);
        float m[8], v[8];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const unsigned word = first_words[2 * lane + half], root = second_words[2 * lane + half];
#pragma unroll
            for (int j = 0; j < 4; j++) {
                m[4 * half + j] = __fmul_rn(of_first.values[(word >> (8 * j)) & 255], first_scale);
                const float r = __fmul_rn(of_second.values[(root >> (8 * j)) & 255], second_scale);
                v[4 * half + j] = __fmul_rn(r, r);
            }
        }
        // Elements beyond the count are 0 and stay 0.
        operands.step(numbers, rounding, block * BLOCK + 8 * lane, m, v);
        float first_largest = 0.0f, second_largest = 0.0f;
        bool lost = false;
#pragma unroll
        for (int j = 0; j < 8; j++) {
            v[j] = __fsqrt_rn(v[j]);
            first_largest = fmaxf(first_largest, fabsf(m[j]));
            second_largest = fmaxf(second_largest, v[j]);
            lost = lost || isnan(m[j]) || isnan(v[j]);
        }
        // All lanes have read the old words, among them the scales, before any is overwritten; shuffles order no memory accesses.
        __syncwarp();
        first_largest = warp_max(first_largest);
        second_largest = warp_max(second_largest);
        // fmaxf ignores NaN; without this check a NaN would be quantized to a small moment.
        if (__any_sync(ALL_LANES, lost)) first_largest = second_largest = __int_as_float(0x7fc00000);
        divide(m, first_largest);
        divide(v, second_largest);
#pragma unroll
        for (int half = 0; half < 2; half++) {
            first_words[2 * lane + half] = codes_of<true>(of_first, m + 4 * half);
            second_words[2 * lane + half] = codes_of<false>(of_second, v + 4 * half);
        }
        if (lane == 0) {
            first_words[WORDS - 1] = __float_as_uint(first_largest);
            second_words[WORDS - 1] = __float_as_uint(second_largest);
        }
    }
}

__device__ __forceinline__ double warp_sum(double x) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}

// Sum over a block of whole warps in f64 in a fixed tree; the first thread receives it.
__device__ __forceinline__ double total_of_block(double x) {
    __shared__ double partial[32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    x = warp_sum(x);
    if (lane == 0) partial[warp] = x;
    __syncthreads();
    return warp == 0 ? warp_sum(lane < warps ? partial[lane] : 0.0) : 0.0;
}

}  // namespace

// Four blocks per multiprocessor leave 64 registers per thread. Without this bound the compiler of CUDA 12.6 spills on sm_86 in order to fit six.
#define ADAMW(NAME, TYPE, GRADIENT, MOMENT, STEP)                                                                                                   \
    extern "C" __global__ void __launch_bounds__(256, 4) NAME(                                                                                      \
            TYPE* parameter, const GRADIENT* gradient, MOMENT* first, MOMENT* second, long long count, float gradient_scale, float beta1,           \
            float rest1, float beta2, float rest2, float keep, float rate, float root_factor, float epsilon, int stochastic,                        \
            unsigned long long seed, unsigned long long stream) {                                                                                   \
        STEP<TYPE, GRADIENT>({gradient_scale, beta1, rest1, beta2, rest2, keep, rate, root_factor, epsilon}, {stochastic, seed, stream},            \
                             {parameter, gradient, count}, first, second);                                                                          \
    }

ADAMW(adamw_f32, float, float, float, adamw)
ADAMW(adamw_bf16, __nv_bfloat16, float, float, adamw)
ADAMW(adamw_f16, __half, float, float, adamw)
// 8-bit block-quantized moments.
ADAMW(adamw_coded_f32, float, float, unsigned, adamw_coded)
ADAMW(adamw_coded_bf16, __nv_bfloat16, float, unsigned, adamw_coded)
ADAMW(adamw_coded_f16, __half, float, unsigned, adamw_coded)
// BF16 gradients.
ADAMW(adamw_bf16_bf16, __nv_bfloat16, __nv_bfloat16, float, adamw)
ADAMW(adamw_coded_bf16_bf16, __nv_bfloat16, __nv_bfloat16, unsigned, adamw_coded)

// The sum of squares of each chunk, one per block. The square of an f32 is exact in f64.
template <typename T> __device__ __forceinline__ void squares_of_chunks(const T* x, double* sums, long long count, int chunk) {
    constexpr int V = 16 / sizeof(T);
    struct alignas(16) Vector { T at[V]; };
    const long long first = blockIdx.x * (long long)chunk, rest = count - first;
    const int length = rest < chunk ? (int)rest : chunk;
    x += first;
    double sum = 0.0;
    const int whole = reinterpret_cast<uintptr_t>(x) % 16 == 0 ? length / V * V : 0;
#pragma unroll 1
    for (int i = threadIdx.x * V; i < whole; i += blockDim.x * V) {
        const Vector v = *reinterpret_cast<const Vector*>(x + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            const double a = widen(v.at[j]);
            sum = fma(a, a, sum);
        }
    }
#pragma unroll 1
    for (int i = whole + threadIdx.x; i < length; i += blockDim.x) {
        const double a = widen(x[i]);
        sum = fma(a, a, sum);
    }
    sum = total_of_block(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(256) squares_of_chunks_f32(const float* x, double* sums, long long count, int chunk) {
    squares_of_chunks(x, sums, count, chunk);
}

extern "C" __global__ void __launch_bounds__(256) squares_of_chunks_bf16(const __nv_bfloat16* x, double* sums, long long count, int chunk) {
    squares_of_chunks(x, sums, count, chunk);
}

// The total of the chunks' sums, by one block.
extern "C" __global__ void __launch_bounds__(1024) total_of_chunks_f64(const double* sums, double* total, long long count) {
    double sum = 0.0;
#pragma unroll 1
    for (long long i = threadIdx.x; i < count; i += blockDim.x) sum += sums[i];
    sum = total_of_block(sum);
    if (threadIdx.x == 0) *total = sum;
}
