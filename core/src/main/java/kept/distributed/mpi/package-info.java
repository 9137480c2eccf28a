/**
 * Messages between ranks by an MPI library of the machine, called through the foreign function interface: Open MPI, MPICH and its descendants, and
 * any library with the standard ABI of MPI 5. {@link kept.distributed.mpi.MpiProvider} reads the launcher's environment and loads the library that
 * belongs to it; nothing is loaded without a launcher.
 *
 * <p>What is built on messages between two ranks, sums above all, is in {@code kept.distributed}. MPI's own sums are used only where asked for.
 */
package kept.distributed.mpi;
