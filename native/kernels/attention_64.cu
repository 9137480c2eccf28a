// Attention on tensor cores for a head dimension of 64.
#include "attention_bf16.cuh"

ATTENTION(64)
