// Online softmax: the maximum of a row and the sum of its exponentials in one pass by the threads of a block (Milakov and Gimelshein 2018,
// arXiv 1805.02867).
#pragma once
#include "common.cuh"
#include <cfloat>

__device__ __forceinline__ float maximum_of_block(float x) {
    __shared__ float partial[32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5;
    x = warp_max(x);
    __syncthreads();
    if (lane == 0) partial[warp] = x;
    __syncthreads();
    return warp_max(lane < warps ? partial[lane] : -FLT_MAX);
}

// e^x within 1 ulp (expf: 2 ulp): range reduction after Cody and Waite, then a Taylor polynomial.
__device__ __forceinline__ float exp_precise(float x) {
    // Beyond these bounds the result is 0 or infinity. NaN fails both comparisons and propagates.
    if (x < -104.0f) return 0.0f;
    if (x > 89.0f) return INFINITY;
    const float n = rintf(x * 1.44269504f);
    float r = fmaf(n, -0.693145752f, x);
    r = fmaf(n, -1.42860677e-6f, r);
    float s = fmaf(r, 1.0f / 5040, 1.0f / 720);
    s = fmaf(s, r, 1.0f / 120);
    s = fmaf(s, r, 1.0f / 24);
    s = fmaf(s, r, 1.0f / 6);
    s = fmaf(s, r, 0.5f);
    const float y = fmaf(s, r * r, r) + 1.0f;
    // Scales in two steps, because 2^n is not representable where the result is subnormal.
    const int half = (int)n / 2, rest = (int)n - half;
    return y * __int_as_float((half + 127) << 23) * __int_as_float((rest + 127) << 23);
}

// The maximum of the elements so far and the sum of e^((x - maximum) factor). The maximum starts at -FLT_MAX, not at minus infinity, because
// -inf - -inf is NaN.
struct Exponentials {
    float max = -FLT_MAX;
    float sum = 0.0f;

    template <int N> __device__ __forceinline__ void add(const float (&x)[N], float factor) {
        float above = max;
#pragma unroll
        for (int j = 0; j < N; j++) above = fmaxf(above, x[j]);
        if (above > max) {
            sum *= expf((max - above) * factor);
            max = above;
        }
#pragma unroll
        for (int j = 0; j < N; j++) sum += expf((x[j] - max) * factor);
    }

    // Combines the threads' results to those of the row; every thread receives them.
    __device__ __forceinline__ void join(float factor) {
        const float of_row = maximum_of_block(max);
        sum = block_sum(sum * expf((max - of_row) * factor));
        max = of_row;
    }
};
