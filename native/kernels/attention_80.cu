// Attention on tensor cores for a head dimension of 80.
#include "attention_bf16.cuh"

ATTENTION(80)
