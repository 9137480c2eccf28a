// Losses of rows of logits, which are overwritten by their gradient: cross-entropy, and divergences from a teacher's logits. One block per row.
//
// With a = (teacher - its maximum) / temperature, b likewise for the student, p and q their softmax and d = log p - log q, the derivative by b is q -
// p for the forward KL and q (u - sum q u) for the others, with u = -d for the reverse KL and u = log(2 q / (p + q)) / 2 for Jensen-Shannon. The
// first pass over a row computes maximum and sum of both (Milakov and Gimelshein 2018, arXiv 1805.02867), the last writes the gradient. The reverse
// KL and Jensen-Shannon need a pass in between for the average. Memory beside the logits does not depend on the vocabulary.
//
// A thread visits the same elements in each pass, and threads are summed in a fixed tree, so results are deterministic.
#include "exponentials.cuh"

namespace {

constexpr int THREADS = 512;
// Replaces minus infinity where an infinite log-probability would leave no finite gradient.
constexpr float LOWEST = -1e6f;
constexpr float LN2 = 0.693147180559945f;
// Bound of |d| below which the terms of a divergence are computed by a series in d, which does not cancel for nearly equal rows.
constexpr float NEAR = 0.5f;

constexpr int FORWARD = 0, REVERSE = 1, JENSEN_SHANNON = 2;

// N adjacent elements with vectorized load and store.
template <int N> struct Elements {
    float at[N];

    __device__ __forceinline__ static Elements load(const float* x) {
        Elements e;
        if (N == 4) {
            const float4 v = *reinterpret_cast<const float4*>(x);
            e.at[0] = v.x, e.at[1 % N] = v.y, e.at[2 % N] = v.z, e.at[3 % N] = v.w;
        } else {
            e.at[0] = *x;
        }
        return e;
    }

    __device__ __forceinline__ void store(float* x) const {
        if (N == 4) *reinterpret_cast<float4*>(x) = make_float4(at[0], at[1 % N], at[2 % N], at[3 % N]);
        else *x = at[0];
    }
};

// Calls f with the index of the first of each N elements of this thread.
template <int N, typename F> __device__ __forceinline__ void for_elements(int width, F f) {
#pragma unroll 1
    for (int i = threadIdx.x * N; i < width; i += blockDim.x * N) f(i);
}

__device__ __forceinline__ bool aligned(const void* x) { return (reinterpret_cast<uintptr_t>(x) & 15) == 0; }

// Logarithm of an f32 in f64: that of the mantissa by logf, plus the exponent times ln 2 in f64.
__device__ __forceinline__ double log_of(float x) {
    if (!(x >= FLT_MIN && x <= FLT_MAX)) return logf(x);
    const int exponent = (__float_as_int(x) - 0x3f3504f3) >> 23;
    return fma((double)exponent, 0.6931471805599453, (double)logf(__int_as_float(__float_as_int(x) - (exponent << 23))));
}

// Row statistics that turn logits into probabilities and differences of log-probabilities.
struct Pair {
    float teacher_max, student_max, teacher_factor, student_factor, factor, shift;

    __device__ __forceinline__ float a(float t) const { return (t - teacher_max) * factor; }
    __device__ __forceinline__ float b(float s) const { return (s - student_max) * factor; }
    __device__ __forceinline__ float p(float t) const { return expf(a(t)) * teacher_factor; }
    __device__ __forceinline__ float q(float s) const { return expf(b(s)) * student_factor; }
    // log p - log q; logits are subtracted first, so that nearly equal ones cancel exactly.
    __device__ __forceinline__ float d(float t, float s) const { return fmaf((t - s) - (teacher_max - student_max), factor, -shift); }
};

// d + e^-d - 1 for |d| up to NEAR. Times p it is p d + q - p, whose sum over a row is the divergence, since q - p sums to 0. In this form every term
// is non-negative, and an error of d has only a second-order effect.
__device__ __forceinline__ float near_term(float d) {
    float s = fmaf(d, -1.0f / 362880, 1.0f / 40320);
    s = fmaf(s, d, -1.0f / 5040);
    s = fmaf(s, d, 1.0f / 720);
    s = fmaf(s, d, -1.0f / 120);
    s = fmaf(s, d, 1.0f / 24);
    s = fmaf(s, d, -1.0f / 6);
    s = fmaf(s, d, 0.5f);
    return d * d * s;
}

// Term of KL(x || y) with d = log x - log y, including y - x, which sums to 0.
__device__ __forceinline__ float kl_term(float x, float y, float d) {
    if (x == 0.0f) return y;
    return fabsf(d) <= NEAR ? x * near_term(d) : fmaf(x, d, y - x);
}

// log q - log p; 0 where q is 0.
__device__ __forceinline__ float reverse_ratio(const Pair& rows, float t, float s, float q) {
    if (q == 0.0f) return 0.0f;
    return rows.a(t) < LOWEST ? rows.b(s) - LOWEST + rows.shift : -rows.d(t, s);
}

// log(q / m) and log(p / m) with m = (p + q) / 2, from d and ln(1 + e^-|d|).
__device__ __forceinline__ float log_q(float d, float rest) { return LN2 - rest - fmaxf(d, 0.0f); }
__device__ __forceinline__ float log_p(float d, float rest) { return LN2 - rest + fminf(d, 0.0f); }
__device__ __forceinline__ float rest_of(float d) { return log1pf(expf(-fabsf(d))); }

// Term of the Jensen-Shannon divergence. With y = tanh(d / 2) = (p - q) / (p + q) it is m ((1 + y) ln(1 + y) + (1 - y) ln(1 - y)) / 2, computed by a
// series in y^2 for nearly equal p and q.
__device__ __forceinline__ float jensen_shannon_term(float p, float q, float d, float rest) {
    if (fabsf(d) <= NEAR) {
        const float half = 0.5f * d, h = half * half;
        float y = fmaf(h, 62.0f / 2835, -17.0f / 315);
        y = fmaf(y, h, 2.0f / 15);
        y = fmaf(y, h, -1.0f / 3);
        y = fmaf(y, h, 1.0f) * half;
        y *= y;
        float s = fmaf(y, 1.0f / 45, 1.0f / 28);
        s = fmaf(s, y, 1.0f / 15);
        s = fmaf(s, y, 1.0f / 6);
        s = fmaf(s, y, 1.0f);
        return 0.25f * (p + q) * y * s;
    }
    const float of_p = p == 0.0f ? 0.0f : p * log_p(d, rest);
    const float of_q = q == 0.0f ? 0.0f : q * log_q(d, rest);
    return 0.5f * (of_p + of_q);
}

// Outputs and coefficients of a row's loss.
struct Scoring {
    float *loss, *divergence;
    float factor;                   // 1 / temperature
    float slope;                    // coefficient of the divergence in the gradient: scale (1 - weight) temperature
    float cross_entropy;            // coefficient of the cross-entropy in the gradient: scale weight
    float divergence_weight;        // coefficient of the divergence in the loss: (1 - weight) temperature^2
    float cross_entropy_weight;     // coefficient of the cross-entropy in the loss: weight
};

template <int DIVERGENCE, int N>
__device__ __forceinline__ void distillation_row(const float* teacher, float* student, long long label, int width, const Scoring& scoring) {
    const float factor = scoring.factor, slope = scoring.slope;
    // Read before the gradient overwrites it.
    const float labelled = label >= 0 ? student[label] : 0.0f;
    const bool two_temperatures = factor != 1.0f && label >= 0;

    Exponentials of_teacher, of_student, plain;
    for_elements<N>(width, [&](int i) {
        const auto t = Elements<N>::load(teacher + i), s = Elements<N>::load(student + i);
        of_teacher.add(t.at, factor);
        of_student.add(s.at, factor);
        if (two_temperatures) plain.add(s.at, 1.0f);
    });
    of_teacher.join(factor);
    of_student.join(factor);
    if (two_temperatures) plain.join(1.0f);
    else plain = of_student;

    const Pair rows = {of_teacher.max, of_student.max, 1.0f / of_teacher.sum, 1.0f / of_student.sum, factor,
                       logf(of_teacher.sum) - logf(of_student.sum)};
    // Cross-entropy's part of the gradient is share e^(s - max).
    const float share = label >= 0 ? scoring.cross_entropy / plain.sum : 0.0f;
    auto of_label = [&](float s) { return share * expf(s - plain.max); };

    float divergence = 0.0f, average = 0.0f;
    if (DIVERGENCE != FORWARD) {
        for_elements<N>(width, [&](int i) {
            const auto t = Elements<N>::load(teacher + i), s = Elements<N>::load(student + i);
#pragma unroll
            for (int j = 0; j < N; j++) {
                const float p = rows.p(t.at[j]), q = rows.q(s.at[j]);
                if (DIVERGENCE == REVERSE) {
                    const float u = reverse_ratio(rows, t.at[j], s.at[j], q);
                    divergence += kl_term(q, p, u);
                    average = fmaf(q, u, average);
                } else {
                    const float d = rows.d(t.at[j], s.at[j]), rest = rest_of(d);
                    divergence += jensen_shannon_term(p, q, d, rest);
                    if (q != 0.0f) average = fmaf(q * 0.5f, log_q(d, rest), average);
                }
            }
        });
        average = block_sum(average);
    }
    for_elements<N>(width, [&](int i) {
        const auto t = Elements<N>::load(teacher + i);
        auto s = Elements<N>::load(student + i);
#pragma unroll
        for (int j = 0; j < N; j++) {
            const float q = rows.q(s.at[j]), ones = of_label(s.at[j]);
            if (DIVERGENCE == FORWARD) {
                const float p = rows.p(t.at[j]);
                divergence += kl_term(p, q, rows.d(t.at[j], s.at[j]));
                s.at[j] = fmaf(q - p, slope, ones);
            } else if (DIVERGENCE == REVERSE) {
                s.at[j] = fmaf((reverse_ratio(rows, t.at[j], s.at[j], q) - average) * slope, q, ones);
            } else {
                const float d = rows.d(t.at[j], s.at[j]);
                s.at[j] = fmaf(((q == 0.0f ? 0.0f : 0.5f * log_q(d, rest_of(d))) - average) * slope, q, ones);
            }
        }
        s.store(student + i);
    });
    // The barrier in block_sum also makes the stores above visible to the first thread.
    divergence = block_sum(divergence);
    if (threadIdx.x == 0) {
        double loss = scoring.divergence_weight > 0.0f ? (double)scoring.divergence_weight * divergence : 0.0;
        if (label >= 0) {
            student[label] -= scoring.cross_entropy;
            loss = fma((double)scoring.cross_entropy_weight, (double)plain.max - labelled + log_of(plain.sum), loss);
        }
        *scoring.loss = (float)loss;
        *scoring.divergence = divergence;
    }
}

template <int DIVERGENCE>
__device__ __forceinline__ void distillation_row(const float* teacher, float* student, const long long* labels, int width, Scoring scoring) {
    const long long row = blockIdx.x;
    teacher += row * width;
    student += row * width;
    scoring.loss += row;
    scoring.divergence += row;
    const long long label = labels == nullptr ? -1 : labels[row];
    if (width % 4 == 0 && aligned(teacher) && aligned(student)) distillation_row<DIVERGENCE, 4>(teacher, student, label, width, scoring);
    else distillation_row<DIVERGENCE, 1>(teacher, student, label, width, scoring);
}

template <int N> __device__ __forceinline__ void cross_entropy_row(float* logits, long long label, int width, float scale, float* loss) {
    if (label < 0) {
        for_elements<N>(width, [&](int i) { Elements<N>{}.store(logits + i); });
        if (threadIdx.x == 0) *loss = 0.0f;
        return;
    }
    const float labelled = logits[label];
    Exponentials all;
    for_elements<N>(width, [&](int i) { all.add(Elements<N>::load(logits + i).at, 1.0f); });
    all.join(1.0f);
    const float share = scale / all.sum;
    for_elements<N>(width, [&](int i) {
        auto x = Elements<N>::load(logits + i);
#pragma unroll
        for (int j = 0; j < N; j++) x.at[j] = share * expf(x.at[j] - all.max);
        x.store(logits + i);
    });
    __syncthreads();
    if (threadIdx.x == 0) {
        logits[label] -= scale;
        *loss = (float)((double)all.max - labelled + log_of(all.sum));
    }
}

}  // namespace

#define DISTILLATION_ROWS(NAME, DIVERGENCE)                                                                                                         \
    extern "C" __global__ void __launch_bounds__(THREADS) NAME(const float* teacher, float* student, const long long* labels, float* losses,        \
                                                               float* divergences, int width, float factor, float slope, float cross_entropy,       \
                                                               float divergence_weight, float cross_entropy_weight) {                               \
        distillation_row<DIVERGENCE>(teacher, student, labels, width,                                                                               \
                                     {losses, divergences, factor, slope, cross_entropy, divergence_weight, cross_entropy_weight});                 \
    }

// teacher and student are [rows, width]; the student's row is overwritten by scale times the gradient of its loss. labels may be null; a row with a
// negative label has no cross-entropy.
DISTILLATION_ROWS(distillation_forward_rows_f32, FORWARD)
DISTILLATION_ROWS(distillation_reverse_rows_f32, REVERSE)
DISTILLATION_ROWS(distillation_jensen_shannon_rows_f32, JENSEN_SHANNON)

// Overwrites logits [rows, width] by scale (softmax - onehot(label)); losses are log sum e^logits - logits[label]. Both are 0 for a negative label.
extern "C" __global__ void __launch_bounds__(THREADS) cross_entropy_rows_f32(float* logits, const long long* labels, float* losses, int width,
                                                                              float scale) {
    const long long row = blockIdx.x;
    logits += row * width;
    if (width % 4 == 0 && aligned(logits)) cross_entropy_row<4>(logits, labels[row], width, scale, losses + row);
    else cross_entropy_row<1>(logits, labels[row], width, scale, losses + row);
}
