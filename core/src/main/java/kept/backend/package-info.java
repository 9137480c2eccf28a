/**
 * The interface between the library and a device: {@link kept.backend.Backend} with its memory and about thirty kernels, and how a device is found.
 *
 * <p>Here live contracts: formulas, shapes, dtypes and aliasing rules. No operation, no gradient bookkeeping and no device code lives here; the CPU's
 * is in {@code kept.backend.cpu}.
 */
package kept.backend;
