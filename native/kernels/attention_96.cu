// Attention on tensor cores for a head dimension of 96.
#include "attention_bf16.cuh"

ATTENTION(96)
