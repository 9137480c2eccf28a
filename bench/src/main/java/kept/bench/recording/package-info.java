/**
 * Records what the CUDA backend asks of its device, without a device: a driver and a cuBLAS that compute nothing but remember every launch, product,
 * copy, allocation and wait. {@link kept.bench.recording.Prediction} derives the time of the recorded work on a named GPU.
 */
package kept.bench.recording;
