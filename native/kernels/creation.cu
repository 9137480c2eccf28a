// Fills, random numbers, and strided copies with or without a conversion of the dtype.
#include "elements.cuh"

// Fills with one value, given by its bits. The host groups adjacent elements into units of up to 16 bytes, so a thread stores one unit.
template <typename T> __device__ __forceinline__ void fill(T* out, T value, const Loops<1>& loops) {
    const long long i = thread_index();
    if (i >= loops.count) return;
    long long at[1] = {i};
    if (loops.rank > 0) loops.offsets(static_cast<unsigned>(i), at);
    out[at[0]] = value;
}

#define FILL(SUFFIX, TYPE) \
    extern "C" __global__ void fill_##SUFFIX(TYPE* out, unsigned long long value, const __grid_constant__ Loops<1> loops) { \
        fill(out, static_cast<TYPE>(value), loops); \
    }
FILL(b1, unsigned char)
FILL(b2, unsigned short)
FILL(b4, unsigned)
FILL(b8, unsigned long long)
extern "C" __global__ void fill_b16(uint4* out, unsigned long long value, const __grid_constant__ Loops<1> loops) {
    const unsigned low = static_cast<unsigned>(value), high = static_cast<unsigned>(value >> 32);
    fill(out, make_uint4(low, high, low, high), loops);
}

// Copies without conversion, one unit per thread.
template <typename T> __device__ __forceinline__ void copy(T* out, const T* x, const Loops<2>& loops) {
    const long long i = thread_index();
    if (i >= loops.count) return;
    long long at[2] = {i, i * loops.step[1]};
    if (loops.rank > 0) loops.offsets(static_cast<unsigned>(i), at);
    out[at[0]] = x[at[1]];
}

#define COPY(SUFFIX, TYPE) \
    extern "C" __global__ void copy_##SUFFIX(TYPE* out, const TYPE* x, const __grid_constant__ Loops<2> loops) { copy(out, x, loops); }
COPY(b1, unsigned char)
COPY(b2, unsigned short)
COPY(b4, unsigned)
COPY(b8, unsigned long long)
COPY(b16, uint4)

// Copies with conversion. Contiguous operands are accessed in vectors of 16 bytes of the larger type: with more, adjacent threads would not access
// adjacent memory.
template <typename To, typename From> __device__ __forceinline__ To converted(From x) { return Narrow<To>::from(widen(x)); }

template <typename To, typename From> __device__ __forceinline__ void cast(To* out, const From* x, const Loops<2>& loops) {
    constexpr int V = vector_length<To, From>;
    long long i = thread_index();
    if (loops.rank > 0) {
        if (i >= loops.count) return;
        long long at[2];
        loops.offsets(static_cast<unsigned>(i), at);
        out[at[0]] = converted<To>(x[at[1]]);
        return;
    }
    i *= V;
    if (i + V <= loops.count) {
        From from[V];
        To to[V];
        load(x, i, loops.step[1], from);
#pragma unroll
        for (int k = 0; k < V; k++) to[k] = converted<To>(from[k]);
        store(out + i, to);
    } else {
#pragma unroll 1
        for (; i < loops.count; i++) out[i] = converted<To>(x[i * loops.step[1]]);
    }
}

#define CAST(FROM, FROM_TYPE, TO, TO_TYPE) \
    extern "C" __global__ void cast_##FROM##_to_##TO(TO_TYPE* out, const FROM_TYPE* x, const __grid_constant__ Loops<2> loops) { \
        cast(out, x, loops); \
    }
CAST(f32, float, bf16, __nv_bfloat16)
CAST(f32, float, f16, __half)
CAST(f32, float, i32, int)
CAST(f32, float, i64, long long)
CAST(f32, float, u8, unsigned char)
CAST(f32, float, bool, bool)
CAST(bf16, __nv_bfloat16, f32, float)
CAST(bf16, __nv_bfloat16, f16, __half)
CAST(bf16, __nv_bfloat16, i32, int)
CAST(bf16, __nv_bfloat16, i64, long long)
CAST(bf16, __nv_bfloat16, u8, unsigned char)
CAST(bf16, __nv_bfloat16, bool, bool)
CAST(f16, __half, f32, float)
CAST(f16, __half, bf16, __nv_bfloat16)
CAST(f16, __half, i32, int)
CAST(f16, __half, i64, long long)
CAST(f16, __half, u8, unsigned char)
CAST(f16, __half, bool, bool)
CAST(i32, int, f32, float)
CAST(i32, int, bf16, __nv_bfloat16)
CAST(i32, int, f16, __half)
CAST(i32, int, i64, long long)
CAST(i32, int, u8, unsigned char)
CAST(i32, int, bool, bool)
CAST(i64, long long, f32, float)
CAST(i64, long long, bf16, __nv_bfloat16)
CAST(i64, long long, f16, __half)
CAST(i64, long long, i32, int)
CAST(i64, long long, u8, unsigned char)
CAST(i64, long long, bool, bool)
CAST(u8, unsigned char, f32, float)
CAST(u8, unsigned char, bf16, __nv_bfloat16)
CAST(u8, unsigned char, f16, __half)
CAST(u8, unsigned char, i32, int)
CAST(u8, unsigned char, i64, long long)
CAST(u8, unsigned char, bool, bool)
CAST(bool, bool, f32, float)
CAST(bool, bool, bf16, __nv_bfloat16)
CAST(bool, bool, f16, __half)
CAST(bool, bool, i32, int)
CAST(bool, bool, i64, long long)
CAST(bool, bool, u8, unsigned char)

// Philox4x32-10 (Salmon et al. 2011) with counter (block, stream) and the seed as key. Results are bit-identical to kept.backend.cpu.RandomKernel:
// the operations are the same, and none may be contracted to an FMA.
__device__ __forceinline__ void philox(unsigned long long block, unsigned long long stream, unsigned long long seed, unsigned (&words)[4]) {
    unsigned c0 = static_cast<unsigned>(block), c1 = static_cast<unsigned>(block >> 32);
    unsigned c2 = static_cast<unsigned>(stream), c3 = static_cast<unsigned>(stream >> 32);
    unsigned k0 = static_cast<unsigned>(seed), k1 = static_cast<unsigned>(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const unsigned high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
        const unsigned high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

// Natural logarithm of a normal number in (0, 1], bit-identical to kept.backend.cpu.VectorMath.
__device__ __forceinline__ float logarithm(float x) {
    const int bits = __float_as_int(x);
    const int exponent = (bits - 0x3f2aaaab) >> 23;
    const float f = __fsub_rn(__int_as_float(bits - (exponent << 23)), 1.0f);
    float p = __fmaf_rn(-1.287819892e-01f, f, 1.398720443e-01f);
    p = __fmaf_rn(p, f, -1.218747869e-01f);
    p = __fmaf_rn(p, f, 1.400526166e-01f);
    p = __fmaf_rn(p, f, -1.668024510e-01f);
    p = __fmaf_rn(p, f, 2.001044750e-01f);
    p = __fmaf_rn(p, f, -2.499980330e-01f);
    p = __fmaf_rn(p, f, 3.333321512e-01f);
    const float square = __fmul_rn(f, f);
    const float rest = __fmaf_rn(square, -0.5f, __fmul_rn(__fmul_rn(square, f), p));
    return __fmaf_rn(static_cast<float>(exponent), 0.693147181f, __fadd_rn(rest, f));
}

// 1 + square (c[0] + square (c[1] + ...)) by Horner's rule.
template <int N> __device__ __forceinline__ double series(double square, const double (&c)[N]) {
    double sum = c[N - 1];
#pragma unroll
    for (int i = N - 2; i >= 0; i--) sum = __dadd_rn(c[i], __dmul_rn(square, sum));
    return __dadd_rn(1.0, __dmul_rn(square, sum));
}

// Two normally distributed numbers from two random words (Box and Muller 1958).
__device__ __forceinline__ void normal(unsigned first, unsigned second, float& a, float& b) {
    constexpr int QUARTER_BITS = 22, QUARTER = 1 << QUARTER_BITS;
    const double sine[4] = {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880};
    const double cosine[5] = {-1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800};
    const float unit = __fmul_rn(static_cast<float>((first >> 8) + 1), 5.9604644775390625e-8f);
    const double radius = __dsqrt_rn(__dmul_rn(-2.0, logarithm(unit)));
    const int turn = second >> 8;
    const int quarter = (turn + QUARTER / 2) >> QUARTER_BITS;
    const double t = __dmul_rn(turn - (quarter << QUARTER_BITS), 3.141592653589793 / 2 / QUARTER);
    const double square = __dmul_rn(t, t);
    const double sin = __dmul_rn(t, series(square, sine));
    const double cos = series(square, cosine);
    const double x = (quarter & 1) == 0 ? cos : -sin;
    const double y = (quarter & 1) == 0 ? sin : cos;
    const double side = (quarter & 2) == 0 ? radius : -radius;
    a = __double2float_rn(__dmul_rn(side, x));
    b = __double2float_rn(__dmul_rn(side, y));
}

// Four numbers per thread; out may be unaligned.
template <bool NORMAL> __device__ __forceinline__ void random(float* out, long long count, unsigned long long seed, unsigned long long stream) {
    const long long block = thread_index();
    if (4 * block >= count) return;
    unsigned words[4];
    philox(block, stream, seed, words);
    float numbers[4];
    if (NORMAL) {
        normal(words[0], words[1], numbers[0], numbers[1]);
        normal(words[2], words[3], numbers[2], numbers[3]);
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) numbers[i] = __fmul_rn(static_cast<float>(words[i] >> 8), 5.9604644775390625e-8f);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (4 * block + i < count) out[4 * block + i] = numbers[i];
    }
}

extern "C" __global__ void random_uniform(float* out, long long count, unsigned long long seed, unsigned long long stream) {
    random<false>(out, count, seed, stream);
}
extern "C" __global__ void random_normal(float* out, long long count, unsigned long long seed, unsigned long long stream) {
    random<true>(out, count, seed, stream);
}
