/**
 * The calls of NCCL, NVIDIA's messages between GPUs: {@link kept.cuda.nccl.NcclCalls} as the backend needs them, and {@link kept.cuda.nccl.FfmNccl}
 * on the generated bindings of {@code kept.cuda.bindings}. Sums are NCCL's only where asked for, since their order of additions depends on the number
 * of ranks: otherwise only messages between two ranks are used.
 */
package kept.cuda.nccl;
