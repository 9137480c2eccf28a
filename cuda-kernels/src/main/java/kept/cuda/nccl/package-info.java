/**
 * The calls of NCCL, NVIDIA's messages between GPUs: {@link kept.cuda.nccl.NcclCalls} as the backend needs them, and {@link kept.cuda.nccl.FfmNccl}
 * on the generated bindings of {@code kept.cuda.bindings}. Sums are not NCCL's, whose order of additions depends on the number of ranks: only its
 * messages between two ranks are used.
 */
package kept.cuda.nccl;
