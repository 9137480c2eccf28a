// AdamW in one pass over memory, with F32 moments or 8-bit block-quantized ones, and the sum of squares for gradient clipping.
#include "common.cuh"

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

// Random bits of the four elements from i, a multiple of 4: two words, 16 bits per element.
__device__ __forceinline__ uint2 random_words(const Rounding& rounding, long long i) {
    const unsigned long long block = i / 8;
    uint4 c = make_uint4((unsigned)block, (unsigned)(block >> 32), (unsigned)rounding.stream, (unsigned)(rounding.stream >> 32));
    unsigned k0 = (unsigned)rounding.seed, k1 = (unsigned)(rounding.seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) c = philox_round(c, k0, k1);
    return i % 8 == 0 ? make_uint2(c.x, c.y) : make_uint2(c.z, c.w);
}

// Four adjacent elements, with vectorized load and store where aligned. Elements beyond the count are loaded as 0 and not stored.
template <typename T> struct alignas(4 * sizeof(T)) Four {
    T at[4];

    __device__ __forceinline__ static Four load(const T* x, long long i, long long count, bool aligned) {
        if (aligned && i + 4 <= count) return *reinterpret_cast<const Four*>(x + i);
        Four four;
#pragma unroll
        for (int j = 0; j < 4; j++) four.at[j] = i + j < count ? x[i + j] : narrow<T>(0.0f);
        return four;
    }

    __device__ __forceinline__ void store(T* x, long long i, long long count, bool aligned) const {
        if (aligned && i + 4 <= count) {
            *reinterpret_cast<Four*>(x + i) = *this;
        } else {
#pragma unroll
            for (int j = 0; j < 4; j++)
                if (i + j < count) x[i + j] = at[j];
        }
    }
};

template <typename T> __device__ __forceinline__ bool aligned(const T* x) { return reinterpret_cast<uintptr_t>(x) % (4 * sizeof(T)) == 0; }

// Rounds the four elements from index i, a multiple of 4, to their type.
template <typename T> __device__ __forceinline__ Four<T> rounded(const Rounding&, long long, const float (&wide)[4]) {
    Four<T> four;
#pragma unroll
    for (int j = 0; j < 4; j++) four.at[j] = narrow<T>(wide[j]);
    return four;
}

template <>
__device__ __forceinline__ Four<__nv_bfloat16> rounded<__nv_bfloat16>(const Rounding& rounding, long long i, const float (&wide)[4]) {
    Four<__nv_bfloat16> four;
    if (rounding.stochastic) {
        const uint2 words = random_words(rounding, i);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const unsigned bits = __float_as_uint(wide[j]), random = ((j < 2 ? words.x : words.y) >> (j % 2 * 16)) & 0xffffu;
            const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
            four.at[j] = finite ? __ushort_as_bfloat16((unsigned short)((bits + random) >> 16)) : narrow<__nv_bfloat16>(wide[j]);
        }
    } else {
#pragma unroll
        for (int j = 0; j < 4; j++) four.at[j] = narrow<__nv_bfloat16>(wide[j]);
    }
    return four;
}

// Operands of a step: a parameter, and a gradient of F32 or of the parameter's type.
template <typename T, typename G> struct Operands {
    T* parameter;
    const G* gradient;
    long long count;

    __device__ __forceinline__ void step(const AdamW& numbers, const Rounding& rounding, long long i, float* m, float* v) const {
        const bool whole = aligned(parameter);
        const auto w = Four<T>::load(parameter, i, count, whole);
        const auto g = Four<G>::load(gradient, i, count, aligned(gradient));
        float wide[4];
#pragma unroll
        for (int j = 0; j < 4; j++) wide[j] = numbers.step(widen(w.at[j]), widen(g.at[j]), m[j], v[j]);
        rounded<T>(rounding, i, wide).store(parameter, i, count, whole);
    }
};

// Grid-stride loop with four elements per thread and iteration.
template <typename T, typename G>
__device__ __forceinline__ void adamw(const AdamW& numbers, const Rounding& rounding, const Operands<T, G>& operands, float* first, float* second) {
    const long long threads = (long long)gridDim.x * blockDim.x, count = operands.count;
    const bool first_aligned = aligned(first), second_aligned = aligned(second);
#pragma unroll 1
    for (long long i = 4 * (blockIdx.x * (long long)blockDim.x + threadIdx.x); i < count; i += 4 * threads) {
        auto m = Four<float>::load(first, i, count, first_aligned), v = Four<float>::load(second, i, count, second_aligned);
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

// The number of bounds below a number, by binary search.
__device__ __forceinline__ unsigned below(const Code& code, float number) {
    unsigned found = 0;
#pragma unroll
    for (int step = 128; step > 0; step /= 2) found += number > code.bounds[found + step - 1] ? step : 0;
    return found;
}

__device__ __forceinline__ unsigned codes_of(const Code& code, const float* numbers, float scale) {
    unsigned word = 0;
#pragma unroll
    for (int j = 0; j < 4; j++) word |= below(code, scale > 0.0f ? __fdiv_rn(numbers[j], scale) : 0.0f) << (8 * j);
    return word;
}

constexpr int BLOCK = 256, WORDS = BLOCK / 4 + 1;

// A warp updates a quantization block of 256 elements; each lane has four of the first half and four of the second.
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
        float m[8], v[8], first_largest = 0.0f, second_largest = 0.0f;
        bool lost = false;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const unsigned word = first_words[32 * half + lane], root = second_words[32 * half + lane];
            const long long i = block * BLOCK + 128 * half + 4 * lane;
            float *const ms = m + 4 * half, *const vs = v + 4 * half;
#pragma unroll
            for (int j = 0; j < 4; j++) {
                ms[j] = of_first.values[(word >> (8 * j)) & 255] * first_scale;
                vs[j] = of_second.values[(root >> (8 * j)) & 255] * second_scale;
                vs[j] *= vs[j];
            }
            // Elements beyond the count are 0 and stay 0.
            operands.step(numbers, rounding, i, ms, vs);
#pragma unroll
            for (int j = 0; j < 4; j++) {
                vs[j] = __fsqrt_rn(vs[j]);
                first_largest = fmaxf(first_largest, fabsf(ms[j]));
                second_largest = fmaxf(second_largest, vs[j]);
                lost = lost || isnan(ms[j]) || isnan(vs[j]);
            }
        }
        // All lanes have read the old words, among them the scales, before any is overwritten; shuffles order no memory accesses.
        __syncwarp();
        first_largest = warp_max(first_largest);
        second_largest = warp_max(second_largest);
        // fmaxf ignores NaN; without this check a NaN would be quantized to a small moment.
        if (__any_sync(ALL_LANES, lost)) first_largest = second_largest = __int_as_float(0x7fc00000);
#pragma unroll
        for (int half = 0; half < 2; half++) {
            first_words[32 * half + lane] = codes_of(of_first, m + 4 * half, first_largest);
            second_words[32 * half + lane] = codes_of(of_second, v + 4 * half, second_largest);
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
