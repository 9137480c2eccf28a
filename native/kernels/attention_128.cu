// Attention on tensor cores for a head dimension of 128.
#include "attention_bf16.cuh"

ATTENTION(128)
