/**
 * Finds and loads the shared libraries of the CUDA driver and of cuBLAS, and explains why one cannot be loaded. The generated bindings look up their
 * functions here, so that neither library is loaded before it is needed. The calls themselves are in {@code kept.cuda.driver} and
 * {@code kept.cuda.cublas}.
 */
package kept.cuda.library;
