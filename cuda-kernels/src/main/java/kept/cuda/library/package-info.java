/**
 * Where the driver's and cuBLAS's shared libraries are looked for, and why one cannot be loaded. The generated bindings find their functions here, so
 * that neither library is touched before it is asked for; what the functions do is {@code kept.cuda.driver}'s and {@code kept.cuda.cublas}'s.
 */
package kept.cuda.library;
