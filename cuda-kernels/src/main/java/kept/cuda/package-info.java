/**
 * The CUDA backend and its provider. The driver and cuBLAS bindings live in packages below this one; nothing outside this module names a CUDA
 * type.
 */
package kept.cuda;
