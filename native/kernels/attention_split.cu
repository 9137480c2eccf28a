// Attention of few queries over many keys, as in decoding with a cache, after Flash-Decoding (Dao, Haziza, Massa, Sizov 2023): blocks share the keys
// of a head in pieces of SPLIT, and a second kernel combines their results. Pieces are counted from the first key and combined in order, so the bits
// depend on neither the device nor the other queries. Arithmetic is f32 without tensor cores, since memory limits both kernels.
#include "exponentials.cuh"
#include "heads.cuh"
#include "tensor_cores.cuh"
#include "vectors.cuh"

constexpr int SPLIT = 256;                       // keys of a block
constexpr int WARPS = 4, OWN = SPLIT / WARPS;    // keys of a warp
constexpr int COMBINING_WARPS = 8;
constexpr float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f;

__device__ __forceinline__ void elements(uint4 raw, float (&x)[4], float) {
    x[0] = __uint_as_float(raw.x), x[1] = __uint_as_float(raw.y), x[2] = __uint_as_float(raw.z), x[3] = __uint_as_float(raw.w);
}
__device__ __forceinline__ void elements(uint4 raw, float (&x)[8], __nv_bfloat16 type) {
    const unsigned words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float2 two = widen_two(words[i], type);
        x[2 * i] = two.x, x[2 * i + 1] = two.y;
    }
}

// Place of an element of a row in shared memory: chunks of 16 bytes in an order in which lanes with 8 elements each write without bank conflicts.
__device__ __forceinline__ int place_of(int d) { return (d / 4 ^ (d / 32 & 1)) * 4 | d % 4; }

// The softmax of some keys: their maximum, in base 2, and the sum of 2^(score - maximum). The maximum starts at -FLT_MAX, as in Exponentials.
struct Softmax {
    float max = -FLT_MAX, total = 0.0f;

    // Raises the maximum and returns the factor for what was summed so far.
    __device__ __forceinline__ float raise(float above) {
        const float factor = exp2_approximate(max - above);
        max = above;
        total *= factor;
        return factor;
    }
};

// Sequences of their own lengths share a launch, with the pieces of the longest.
// The queries that share a key and value head are the rows; a block owns R of them and SPLIT keys, a warp OWN keys. LANES lanes hold a key and a
// value, in CHUNKS accesses of 16 bytes each, so that a warp reads 32 / LANES keys at once; each such group has its own softmax until the end.
template <typename T, int LANES, int CHUNKS, int R>
__device__ __forceinline__ void split(const T* q, Strides qs, const T* k, Strides ks, const T* v, Strides vs, float* parts, float2* statistics,
        AttentionSizes z, int width, float scale, const Sequences& each) {
    constexpr int N = WIDE<T>, E = N * CHUNKS, GROUPS = 32 / LANES, UNROLL = 4 / CHUNKS;
    __shared__ __align__(16) float sums[WARPS][R][LANES * E];
    __shared__ float maxima[WARPS][R], totals[WARPS][R];
    const int heads = z.heads / z.groups, rows = z.queries * heads, tiles = (rows + R - 1) / R;
    const int first = blockIdx.x % tiles * R, piece = blockIdx.x / tiles, pieces = gridDim.x / tiles, group = blockIdx.y;
    const int lane = threadIdx.x % LANES, of_warp = threadIdx.x % 32 / LANES, warp = threadIdx.x / 32;
    if (each.count > 0) {
        z.keys = static_cast<int>(each.keys[blockIdx.z]);
        q = static_cast<const T*>(each.q[blockIdx.z]);
        k = static_cast<const T*>(each.k[blockIdx.z]);
        v = static_cast<const T*>(each.v[blockIdx.z]);
    } else {
        q += blockIdx.z * qs.batch;
        k += blockIdx.z * ks.batch;
        v += blockIdx.z * vs.batch;
    }
    const int shift = z.keys - z.queries;
    const int seen = shift + min(first + R - 1, rows - 1) / heads + 1;
    if (piece * SPLIT >= seen) return; // the second kernel does not read what no query sees
    const int begin = piece * SPLIT + warp * OWN, end = min(begin + OWN, seen);

    float queries[R][E], results[R][E];
    Softmax softmax[R];
    int last[R]; // last key that a row attends to
    int place[CHUNKS];
    bool inside[CHUNKS];
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        place[c] = (c * LANES + lane) * N;
        inside[c] = place[c] < width;
        // Lanes beyond the head dimension read its beginning, and what they compute is not used.
        if (!inside[c]) place[c] = 0;
    }
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int row = min(first + r, rows - 1), query = row / heads;
        last[r] = shift + query;
        const T* from = q + query * qs.token + (group * heads + row % heads) * qs.head;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            float x[N];
            elements(*reinterpret_cast<const uint4*>(from + place[c]), x, T());
#pragma unroll
            for (int j = 0; j < N; j++) queries[r][c * N + j] = x[j] * (scale * LOG2_E), results[r][c * N + j] = 0.0f;
        }
    }
    // Lanes read a key and its value at an offset from the first key of the warp; keys beyond the end are not seen, and the first is read instead.
    k += group * ks.head + begin * ks.token;
    v += group * vs.head + begin * vs.token;
    const T *k_next = k + of_warp * ks.token, *v_next = v + of_warp * vs.token;

#pragma unroll 1
    for (int base = begin + of_warp; base - of_warp < end; base += GROUPS * UNROLL) {
        uint4 keys[UNROLL][CHUNKS], values[UNROLL][CHUNKS];
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            const bool seen_here = base + u * GROUPS < end;
            const T *key = seen_here ? k_next + u * GROUPS * ks.token : k, *value = seen_here ? v_next + u * GROUPS * vs.token : v;
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                keys[u][c] = *reinterpret_cast<const uint4*>(key + place[c]);
                values[u][c] = *reinterpret_cast<const uint4*>(value + place[c]);
            }
        }
        k_next += GROUPS * UNROLL * ks.token;
        v_next += GROUPS * UNROLL * vs.token;
        float s[UNROLL][R];
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
#pragma unroll
            for (int r = 0; r < R; r++) s[u][r] = 0.0f;
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                float x[N];
                elements(keys[u][c], x, T());
#pragma unroll
                for (int r = 0; r < R; r++) {
                    float sum = s[u][r];
#pragma unroll
                    for (int j = 0; j < N; j++) sum = fmaf(queries[r][c * N + j], x[j], sum);
                    s[u][r] = inside[c] ? sum : s[u][r];
                }
            }
#pragma unroll
            for (int r = 0; r < R; r++) {
#pragma unroll
                for (int distance = LANES / 2; distance > 0; distance /= 2) s[u][r] += __shfl_xor_sync(ALL_LANES, s[u][r], distance);
                if (base + u * GROUPS > last[r]) s[u][r] = -INFINITY;
            }
        }
#pragma unroll
        for (int r = 0; r < R; r++) {
            float above = softmax[r].max;
#pragma unroll
            for (int u = 0; u < UNROLL; u++) above = fmaxf(above, s[u][r]);
            const float factor = softmax[r].raise(above);
#pragma unroll
            for (int i = 0; i < E; i++) results[r][i] *= factor;
#pragma unroll
            for (int u = 0; u < UNROLL; u++) softmax[r].total += s[u][r] = exp2_approximate(s[u][r] - above);
        }
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
                float x[N];
                elements(values[u][c], x, T());
#pragma unroll
                for (int r = 0; r < R; r++) {
#pragma unroll
                    for (int j = 0; j < N; j++) results[r][c * N + j] = fmaf(s[u][r], x[j], results[r][c * N + j]);
                }
            }
        }
    }

    // The groups of the warp, then the warps of the block.
#pragma unroll
    for (int r = 0; r < R; r++) {
#pragma unroll
        for (int distance = LANES; distance < 32; distance *= 2) {
            const float factor = softmax[r].raise(fmaxf(softmax[r].max, __shfl_xor_sync(ALL_LANES, softmax[r].max, distance)));
            softmax[r].total += __shfl_xor_sync(ALL_LANES, softmax[r].total, distance);
#pragma unroll
            for (int i = 0; i < E; i++) {
                const float x = results[r][i] * factor;
                results[r][i] = x + __shfl_xor_sync(ALL_LANES, x, distance);
            }
        }
        if (of_warp == 0) {
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
#pragma unroll
                for (int j = 0; j < N; j += 4) {
                    const float* x = results[r] + c * N + j;
                    const float four[4] = {x[0], x[1], x[2], x[3]};
                    store<4>(&sums[warp][r][place_of((c * LANES + lane) * N + j)], four);
                }
            }
            if (lane == 0) maxima[warp][r] = softmax[r].max, totals[warp][r] = softmax[r].total;
        }
    }
    __syncthreads();
    const long long before = (blockIdx.z * (long long)z.heads + group * heads) * z.queries;
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int row = first + r;
        if (row >= rows) break;
        float max = maxima[0][r], total = 0.0f, factors[WARPS];
#pragma unroll
        for (int w = 1; w < WARPS; w++) max = fmaxf(max, maxima[w][r]);
#pragma unroll
        for (int w = 0; w < WARPS; w++) {
            factors[w] = exp2_approximate(maxima[w][r] - max);
            total = fmaf(factors[w], totals[w][r], total);
        }
        const long long part = (before + row % heads * (long long)z.queries + row / heads) * pieces + piece;
        for (int d = threadIdx.x; d < width; d += WARPS * 32) {
            float sum = 0.0f;
#pragma unroll
            for (int w = 0; w < WARPS; w++) sum = fmaf(factors[w], sums[w][r][place_of(d)], sum);
            parts[part * width + d] = sum;
        }
        if (threadIdx.x == 0) statistics[part] = make_float2(max, total);
    }
}

// Combines the pieces that a query sees; one block per query and head. A warp takes every COMBINING_WARPS-th piece; warps are added in order.
template <typename T, int CHUNKS>
__device__ __forceinline__ void combine(const float* parts, const float2* statistics, T* out, float* log_sum_exp, AttentionSizes z, int pieces,
        int width, const Sequences& each) {
    constexpr int UNROLL = 4, N = 4;
    __shared__ __align__(16) float sums[COMBINING_WARPS][CHUNKS * 32 * N];
    __shared__ float maxima[COMBINING_WARPS], totals[COMBINING_WARPS];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const long long row = blockIdx.x; // batch, head, query
    const long long of_head = row / z.queries, batch = of_head / z.heads;
    const int query = row - of_head * z.queries, head = of_head - batch * z.heads;
    if (each.count > 0) z.keys = static_cast<int>(each.keys[batch]);
    const int count = (z.keys - z.queries + query) / SPLIT + 1;
    parts += row * pieces * width;
    statistics += row * pieces;
    Softmax softmax;
    float results[CHUNKS][N];
    int place[CHUNKS];
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        place[c] = (c * 32 + lane) * N;
        if (place[c] >= width) place[c] = 0; // not used
        for (int j = 0; j < N; j++) results[c][j] = 0.0f;
    }
#pragma unroll 1
    for (int base = warp; base < count; base += COMBINING_WARPS * UNROLL) {
        float2 of_piece[UNROLL];
        float x[UNROLL][CHUNKS][N];
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            const int piece = min(base + u * COMBINING_WARPS, count - 1);
            of_piece[u] = statistics[piece];
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) load<N>(parts + (long long)piece * width + place[c], x[u][c]);
        }
        float above = softmax.max;
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            if (base + u * COMBINING_WARPS >= count) of_piece[u] = make_float2(-INFINITY, 0.0f);
            above = fmaxf(above, of_piece[u].x);
        }
        const float factor = softmax.raise(above);
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
#pragma unroll
            for (int j = 0; j < N; j++) results[c][j] *= factor;
        }
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            const float weight = exp2_approximate(of_piece[u].x - above);
            softmax.total = fmaf(weight, of_piece[u].y, softmax.total);
#pragma unroll
            for (int c = 0; c < CHUNKS; c++) {
#pragma unroll
                for (int j = 0; j < N; j++) results[c][j] = fmaf(weight, x[u][c][j], results[c][j]);
            }
        }
    }
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) store<N>(&sums[warp][(c * 32 + lane) * N], results[c]);
    if (lane == 0) maxima[warp] = softmax.max, totals[warp] = softmax.total;
    __syncthreads();
    float max = maxima[0], total = 0.0f, factors[COMBINING_WARPS];
#pragma unroll
    for (int w = 1; w < COMBINING_WARPS; w++) max = fmaxf(max, maxima[w]);
#pragma unroll
    for (int w = 0; w < COMBINING_WARPS; w++) {
        factors[w] = exp2_approximate(maxima[w] - max);
        total = fmaf(factors[w], totals[w], total);
    }
    const int d = threadIdx.x;
    if (d < width) {
        float sum = 0.0f;
#pragma unroll
        for (int w = 0; w < COMBINING_WARPS; w++) sum = fmaf(factors[w], sums[w][d], sum);
        out[((batch * z.queries + query) * z.heads + head) * width + d] = narrow<T>(sum / total);
    }
    if (d == 0) log_sum_exp[row] = fmaf(max, LN_2, logf(total));
}

#define OPERANDS(T) const T *q, Strides qs, const T *k, Strides ks, const T *v, Strides vs
// WIDTH is the largest head dimension: LANES x CHUNKS accesses of 16 bytes.
#define SPLIT_OF(WIDTH, T, DTYPE, LANES, CHUNKS, R)                                                                                              \
    extern "C" __global__ void __launch_bounds__(WARPS * 32) attention_split_##WIDTH##_rows_##R##_##DTYPE(OPERANDS(T), float* parts,             \
            float2* statistics, int queries, int keys, int heads, int groups, int width, float scale, const __grid_constant__ Sequences each) { \
        split<T, LANES, CHUNKS, R>(q, qs, k, ks, v, vs, parts, statistics, {queries, keys, heads, groups}, width, scale, each);                  \
    }
#define SPLITS(WIDTH, T, DTYPE, LANES, CHUNKS)                                                                                                   \
    SPLIT_OF(WIDTH, T, DTYPE, LANES, CHUNKS, 1)                                                                                                  \
    SPLIT_OF(WIDTH, T, DTYPE, LANES, CHUNKS, 4)
#define COMBINE(WIDTH, T, DTYPE, CHUNKS)                                                                                                         \
    extern "C" __global__ void __launch_bounds__(COMBINING_WARPS * 32) attention_combine_##WIDTH##_##DTYPE(const float* parts,                   \
            const float2* statistics, T* out, float* log_sum_exp, int queries, int keys, int heads, int groups, int pieces, int width,           \
            const __grid_constant__ Sequences each) {                                                                                            \
        combine<T, CHUNKS>(parts, statistics, out, log_sum_exp, {queries, keys, heads, groups}, pieces, width, each);                            \
    }

SPLITS(64, float, f32, 16, 1)
SPLITS(128, float, f32, 32, 1)
SPLITS(256, float, f32, 32, 2)
SPLITS(64, __nv_bfloat16, bf16, 8, 1)
SPLITS(128, __nv_bfloat16, bf16, 16, 1)
SPLITS(256, __nv_bfloat16, bf16, 32, 1)
COMBINE(128, float, f32, 1)
COMBINE(256, float, f32, 2)
COMBINE(128, __nv_bfloat16, bf16, 1)
COMBINE(256, __nv_bfloat16, bf16, 2)
