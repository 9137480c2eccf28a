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

// Keys of the rounds of Philox4x32, which the host derives from the seed.
struct RoundKeys {
    unsigned first[10], second[10];
};

// Rounding of BF16 parameters, as kept.backend.AdamWStep.Rounding.
struct Rounding {
    int stochastic;
    const RoundKeys& keys;
    unsigned long long stream;
    unsigned long long first_block;  // of the eight elements from the first on, where these are a part of a parameter
};

// a ^ b ^ c, and (a & mask) | c, in one instruction.
__device__ __forceinline__ unsigned xor_three(unsigned a, unsigned b, unsigned c) {
    unsigned d;
    asm("lop3.b32 %0, %1, %2, %3, 0x96;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}
__device__ __forceinline__ unsigned masked_or(unsigned a, unsigned mask, unsigned c) {
    unsigned d;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(d) : "r"(a), "r"(mask), "r"(c));
    return d;
}

// a * b + c in one instruction.
__device__ __forceinline__ unsigned multiply_add(unsigned a, unsigned b, unsigned c) {
    unsigned d;
    asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}

// The larger number, or NaN if one is NaN.
__device__ __forceinline__ float larger_or_nan(float a, float b) {
    float d;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
    return d;
}

// The signs of two numbers as bytes of zeros or ones; __byte_perm does not take selectors of signs.
__device__ __forceinline__ unsigned sign_bytes(unsigned a, unsigned b) {
    unsigned d;
    asm("prmt.b32 %0, %1, %2, 0x00fb;" : "=r"(d) : "r"(a), "r"(b));
    return d;
}

// One round of Philox4x32 (Salmon et al. 2011).
__device__ __forceinline__ uint4 philox_round(uint4 c, unsigned k0, unsigned k1) {
    const unsigned long long z = (unsigned long long)c.z * 0xcd9e8d57u, x = (unsigned long long)c.x * 0xd2511f53u;
    return make_uint4(xor_three((unsigned)(z >> 32), c.y, k0), (unsigned)z, xor_three((unsigned)(x >> 32), c.w, k1), (unsigned)x);
}

// Random bits of the N elements from i, a multiple of N: 16 bits per element, the first in the lower half of a word.
template <int N> __device__ __forceinline__ void random_words(const Rounding& rounding, long long i, unsigned (&words)[N / 2]) {
    static_assert(N == 4 || N == 8, "half a Philox block or a whole one");
    const unsigned long long block = rounding.first_block + (unsigned long long)i / 8;
    uint4 c = make_uint4((unsigned)block, (unsigned)(block >> 32), (unsigned)rounding.stream, (unsigned)(rounding.stream >> 32));
#pragma unroll
    for (int round = 0; round < 10; round++) c = philox_round(c, rounding.keys.first[round], rounding.keys.second[round]);
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
            // NaN if an element is infinite or NaN, which must not be added to.
            float finite = 0.0f;
#pragma unroll
            for (int j = 0; j < N; j++) finite = fmaf(wide[j], 0.0f, finite);
            if (finite == 0.0f) {
                unsigned pairs[N / 2];
#pragma unroll
                for (int j = 0; j < N / 2; j++) {
                    const unsigned low = __float_as_uint(wide[2 * j]) + (words[j] & 0xffffu);
                    const unsigned high = __float_as_uint(wide[2 * j + 1]) + (words[j] >> 16);
                    pairs[j] = __byte_perm(low, high, 0x7632);
                }
                memcpy(&run, pairs, sizeof(run));
                return run;
            }
#pragma unroll
            for (int j = 0; j < N; j++) {
                const unsigned bits = __float_as_uint(wide[j]), random = (words[j / 2] >> (j % 2 * 16)) & 0xffffu;
                const bool is_finite = (bits & 0x7f800000u) != 0x7f800000u;
                run.at[j] = is_finite ? __ushort_as_bfloat16((unsigned short)((bits + random) >> 16)) : narrow<T>(wide[j]);
            }
            return run;
        }
    }
#pragma unroll
    for (int j = 0; j < N; j++) run.at[j] = narrow<T>(wide[j]);
    return run;
}

template <typename T, int N> __device__ __forceinline__ void widened(const Run<T, N>& run, float (&to)[N]) {
    if constexpr (std::is_same<T, __nv_bfloat16>::value) {
        unsigned pairs[N / 2];
        memcpy(pairs, &run, sizeof(run));
#pragma unroll
        for (int j = 0; j < N / 2; j++) {
            to[2 * j] = __uint_as_float(pairs[j] << 16);
            to[2 * j + 1] = __uint_as_float(pairs[j] & 0xffff0000u);
        }
    } else {
#pragma unroll
        for (int j = 0; j < N; j++) to[j] = widen(run.at[j]);
    }
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
        float wide[N], gradients[N];
        widened(w, wide);
        widened(g, gradients);
#pragma unroll
        for (int j = 0; j < N; j++) wide[j] = numbers.step(wide[j], gradients[j], m[j], v[j]);
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

// Tables of both 8-bit codes in shared memory, built by kept.cuda.CodeTables from kept.backend.BlockCodes: the values of the signed and of the
// unsigned code, then their cells. A cell is an interval of numbers with the same exponent and leading bits of the mantissa, so short that at most
// one bound between codes is in it. Added to a number's bits from the cell's on, its word has the number of bounds below the number in the highest
// byte.
constexpr int SIGNED_CELL_BITS = 18, SIGNED_FIRST_CELL = ((127 - 22) << 6) - 1, SIGNED_CELLS = 22 * 64 + 2;
constexpr int UNSIGNED_CELL_BITS = 16, UNSIGNED_FIRST_CELL = ((127 - 21) << 7) - 1, UNSIGNED_CELLS = 21 * 128 + 2;
constexpr int VALUES = 256, TABLE_WORDS = 2 * VALUES + SIGNED_CELLS + UNSIGNED_CELLS;
static_assert(TABLE_WORDS % 4 == 0, "copied in accesses of 16 bytes");

struct Tables {
    unsigned at;  // address in shared memory, a multiple of 1024

    // The value of code j of a word.
    template <bool SIGNED> __device__ __forceinline__ float value(unsigned word, int j) const {
        const unsigned offset = j == 0 ? word << 2 : word >> (8 * j - 2);
        float value;
        asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(masked_or(offset, 0x3fcu, at + (SIGNED ? 0 : 4 * VALUES))));
        return value;
    }

    // The number of bounds below a number, in the highest byte. The bits are those of one from the first cell on.
    template <bool SIGNED> __device__ __forceinline__ unsigned rank(unsigned bits) const {
        constexpr int BITS = SIGNED ? SIGNED_CELL_BITS : UNSIGNED_CELL_BITS, FIRST = SIGNED ? SIGNED_FIRST_CELL : UNSIGNED_FIRST_CELL;
        constexpr int OFFSET = 4 * (2 * VALUES + (SIGNED ? 0 : SIGNED_CELLS) - FIRST);
        unsigned word;
        asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(multiply_add(bits >> BITS, 4, at + (unsigned)OFFSET)));
        return multiply_add(bits, 1u << (24 - BITS), word);
    }
};

// Four ranks in a word.
__device__ __forceinline__ unsigned packed(const unsigned (&ranks)[4]) {
    return __byte_perm(__byte_perm(ranks[0], ranks[1], 0x0073), __byte_perm(ranks[2], ranks[3], 0x0073), 0x5410);
}

// The codes of four numbers from -1 to 1: how many bounds are below each. A NaN has code 0.
template <bool SIGNED> __device__ __forceinline__ unsigned codes_of(const Tables& tables, const float* numbers) {
    unsigned ranks[4];
    if constexpr (SIGNED) {
        unsigned signs[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            // Codes below 127 are those of negative numbers, whose ranks end at 127: above the last bound of positive numbers is 1 alone.
            signs[j] = __float_as_uint(fmaxf(numbers[j], -0.99f));
            // The magnitude times two, and one more for negative numbers: bounds have the code of the smaller number beside them, so that for negative
            // ones equality counts. Smaller numbers than those of the first cell are above no bound, like its own.
            ranks[j] = tables.rank<true>(max(__funnelshift_l(signs[j], signs[j], 1), (unsigned)SIGNED_FIRST_CELL << SIGNED_CELL_BITS));
        }
        // Codes are 127 + rank, or 127 - rank, which is 127 ^ rank.
        const unsigned low = sign_bytes(signs[0], signs[1]), high = sign_bytes(signs[2], signs[3]);
        const unsigned negative = __byte_perm(low, high, 0x5410) & 0x7f7f7f7fu;
        return (packed(ranks) ^ negative) + (negative ^ 0x7f7f7f7fu);
    } else {
        // Only 0 has code 0. One less is the largest integer, whose cell is the last, beside that of numbers below 1; for others equality counts then.
        constexpr unsigned FIRST = (unsigned)UNSIGNED_FIRST_CELL << UNSIGNED_CELL_BITS, CELLS = (UNSIGNED_CELLS - 1u) << UNSIGNED_CELL_BITS;
#pragma unroll
        for (int j = 0; j < 4; j++) ranks[j] = tables.rank<false>(min(max(__float_as_uint(numbers[j]) - 1, FIRST), FIRST + CELLS));
        return packed(ranks);
    }
}

// Divides a lane's numbers by the largest magnitude of their block, if that is within these bounds by its rounded reciprocal, with one correction. A
// quotient may then have another last bit than that of __fdiv_rn, but is on the same side of each bound between codes: CodeQuotientsTest compares
// them for the significands of divisors and the numbers around each bound. Numbers below all bounds have the code of 0 or of the least value,
// whatever their last bits.
template <int N> __device__ __forceinline__ void divide(float (&numbers)[N], float scale, float of_nan) {
    if (scale >= 0x1p-60f && scale <= 0x1p100f) {
        const float reciprocal = __frcp_rn(scale);
#pragma unroll
        for (int j = 0; j < N; j++) {
            const float x = numbers[j], close = __fmul_rn(x, reciprocal);
            numbers[j] = __fmaf_rn(__fmaf_rn(-close, scale, x), reciprocal, close);
        }
    } else {
#pragma unroll
        for (int j = 0; j < N; j++) {
            // Infinity by itself is NaN, whose code is 0.
            const float quotient = scale > 0.0f ? __fdiv_rn(numbers[j], scale) : 0.0f;
            numbers[j] = quotient == quotient ? quotient : of_nan;
        }
    }
}

constexpr int BLOCK = 256, WORDS = BLOCK / 4 + 1;

// A warp updates a quantization block of 256 elements; each lane has eight.
template <typename T, typename G>
__device__ __forceinline__ void adamw_coded(const AdamW& numbers, const Rounding& rounding, const Operands<T, G>& operands, unsigned* first,
                                            unsigned* second, const uint4* tables) {
    __shared__ __align__(1024) uint4 words[TABLE_WORDS / 4];
    for (int i = threadIdx.x; i < TABLE_WORDS / 4; i += blockDim.x) words[i] = tables[i];
    __syncthreads();
    const Tables codes = {(unsigned)__cvta_generic_to_shared(words)};
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
                m[4 * half + j] = __fmul_rn(codes.value<true>(word, j), first_scale);
                const float r = __fmul_rn(codes.value<false>(root, j), second_scale);
                v[4 * half + j] = __fmul_rn(r, r);
            }
        }
        // Elements beyond the count are 0 and stay 0.
        operands.step(numbers, rounding, block * BLOCK + 8 * lane, m, v);
        // The largest magnitudes. The bits of NaN are above those of infinity.
        float first_most = 0.0f, second_most = 0.0f;
#pragma unroll
        for (int j = 0; j < 8; j++) {
            v[j] = __fsqrt_rn(v[j]);
            first_most = larger_or_nan(first_most, fabsf(m[j]));
            second_most = larger_or_nan(second_most, v[j]);
        }
        // All lanes have read the old words, among them the scales, before any is overwritten; reductions order no memory accesses.
        __syncwarp();
        unsigned first_largest = __reduce_max_sync(ALL_LANES, __float_as_uint(first_most));
        unsigned second_largest = __reduce_max_sync(ALL_LANES, __float_as_uint(second_most));
        // A NaN in one moment makes both scales NaN.
        if (max(first_largest, second_largest) > 0x7f800000u) first_largest = second_largest = 0x7fc00000u;
        divide(m, __uint_as_float(first_largest), -1.0f);
        divide(v, __uint_as_float(second_largest), 0.0f);
#pragma unroll
        for (int half = 0; half < 2; half++) {
            first_words[2 * lane + half] = codes_of<true>(codes, m + 4 * half);
            second_words[2 * lane + half] = codes_of<false>(codes, v + 4 * half);
        }
        if (lane == 0) {
            first_words[WORDS - 1] = first_largest;
            second_words[WORDS - 1] = second_largest;
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
// The 8-bit moments' kernels take the tables of the codes as their last argument.
#define PARAMETERS(TYPE, GRADIENT, MOMENT)                                                                                                          \
    TYPE *parameter, const GRADIENT *gradient, MOMENT *first, MOMENT *second, long long count, float gradient_scale, float beta1, float rest1,      \
            float beta2, float rest2, float keep, float rate, float root_factor, float epsilon, int stochastic,                                    \
            unsigned long long stream, unsigned long long first_block, const __grid_constant__ RoundKeys keys
#define ADAMW(NAME, TYPE, GRADIENT)                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(256, 4) adamw_##NAME(PARAMETERS(TYPE, GRADIENT, float)) {                                          \
        adamw<TYPE, GRADIENT>({gradient_scale, beta1, rest1, beta2, rest2, keep, rate, root_factor, epsilon},                                       \
                              {stochastic, keys, stream, first_block},                                                                              \
                              {parameter, gradient, count}, first, second);                                                                         \
    }                                                                                                                                               \
    extern "C" __global__ void __launch_bounds__(256, 4) adamw_coded_##NAME(PARAMETERS(TYPE, GRADIENT, unsigned), const uint4* tables) {            \
        adamw_coded<TYPE, GRADIENT>({gradient_scale, beta1, rest1, beta2, rest2, keep, rate, root_factor, epsilon},                                 \
                                    {stochastic, keys, stream, first_block},                                                                        \
                                    {parameter, gradient, count}, first, second, tables);                                                           \
    }

ADAMW(f32, float, float)
ADAMW(bf16, __nv_bfloat16, float)
ADAMW(f16, __half, float)
// BF16 gradients.
ADAMW(bf16_bf16, __nv_bfloat16, __nv_bfloat16)

// The sum of squares of each chunk, one per block. The square of an f32 is exact in f64.
template <typename T> __device__ __forceinline__ void squares_of_chunks(const T* x, double* sums, long long count, int chunk) {
    constexpr int V = 16 / sizeof(T);
    struct alignas(16) Vector { T at[V]; };
    const long long first = blockIdx.x * (long long)chunk, rest = count - first;
    const int length = rest < chunk ? (int)rest : chunk;
    x += first;
    double sum = 0.0;
    const int whole = reinterpret_cast<uintptr_t>(x) % 16 == 0 ? length / V * V : 0, step = blockDim.x * V;
    int i = threadIdx.x * V;
    // Four loads are under way at a time, because large matrices have fewer chunks than fill a device; the order of the sum is the same.
#pragma unroll 1
    for (; i + 3 * step < whole; i += 4 * step) {
        Vector v[4];
#pragma unroll
        for (int k = 0; k < 4; k++) v[k] = *reinterpret_cast<const Vector*>(x + i + k * step);
#pragma unroll
        for (int k = 0; k < 4; k++) {
#pragma unroll
            for (int j = 0; j < V; j++) {
                const double a = widen(v[k].at[j]);
                sum = fma(a, a, sum);
            }
        }
    }
#pragma unroll 1
    for (; i < whole; i += step) {
        const Vector v = *reinterpret_cast<const Vector*>(x + i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            const double a = widen(v.at[j]);
            sum = fma(a, a, sum);
        }
    }
#pragma unroll 1
    for (i = whole + threadIdx.x; i < length; i += blockDim.x) {
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
